//===- AttentionMasks.cpp - what the masks of an attention are together ---===//
//
// Fills that act as minus infinity join the symbolic mask; what no symbol says
// stays a tensor.
//
//===----------------------------------------------------------------------===//

#include "passes/AttentionSteps.h"
#include "passes/Rewriting.h"

using namespace mlir;
using namespace attn;

/// What scores may reach without a softcap (semantics, item 7).
static constexpr double kLargestScore = 1e30;
/// exp(-104) is less than half of the smallest float32.
static constexpr double kVanishing = 104;

/// Whether scores depend on what comes in at run time, tensors aside.
static bool isOpen(AttentionSteps &steps) {
  return steps.bias ||
         (steps.mask && (steps.mask.getLengths() || steps.mask.getDocuments()));
}

/// Why `fill` does not act as minus infinity; empty if it does. A visible score
/// is at least -limit, a hidden one at most limit + fill: the weight of the
/// hidden one vanishes if they are far enough apart.
static std::string checkFill(double fill, AttentionSteps &steps) {
  double limit = steps.cap.value_or(kLargestScore);
  double needed = -(2 * limit + kVanishing);
  if (fill > needed)
    return "masked scores are " + describeNumber(fill) +
           ", expected -inf or at most " + describeNumber(needed) +
           " for scores of up to " + describeNumber(limit);
  if (!steps.parts.tensors.empty() || isOpen(steps))
    return "masked scores are " + describeNumber(fill) +
           ", which is -inf only where every row is known to see a key";
  return {};
}

static bool isBoolean(const MaskConstant &constant) {
  return getElementTypeOrSelf(constant.written.tensor).isInteger(1);
}

/// Moves constants whose fill is no minus infinity to the tensors.
static std::string checkFills(AttentionSteps &steps) {
  MaskParts &parts = steps.parts;
  for (const MaskConstant &constant : parts.constants) {
    if (!constant.fill)
      continue;
    std::string obstacle = checkFill(*constant.fill, steps);
    if (obstacle.empty())
      continue;
    if (isBoolean(constant))
      return obstacle;
    steps.kept = obstacle;
    steps.tensors.push_back(constant.written);
  }
  llvm::erase_if(parts.constants, [&](const MaskConstant &constant) {
    return constant.fill && !checkFill(*constant.fill, steps).empty();
  });
  return {};
}

namespace {
/// Joins constant masks as long as they are a band together.
class BandBuilder {
public:
  explicit BandBuilder(AttentionSteps &steps) : steps(steps) {
    ArrayRef<int64_t> shape = steps.softmax.getScore().getType().getShape();
    scores = {.queries = shape[shape.size() - 2],
              .keys = shape.back(),
              .bottomRight = !steps.mask || !steps.mask.getLengths()};
  }

  /// Returns whether the mask so far and `constant` are a band.
  bool add(const MaskConstant &constant) {
    std::optional<ConstantTensor> both =
        all ? intersect(*all, constant.visible) : constant.visible;
    if (!both)
      return false;
    std::optional<BandFit> joined =
        fitBand(*both, scores, steps.softmax->getContext());
    if (!joined)
      steps.kept = "a constant mask differs between batches or heads";
    else if (joined->mismatch)
      steps.kept = joined->describeMismatch();
    if (!joined || joined->mismatch)
      return false;
    all = std::move(both);
    fit = joined;
    hasFill |= constant.fill.has_value();
    return true;
  }

  std::optional<BandFit> fit;
  /// A finite number stands for minus infinity in one of them.
  bool hasFill = false;

private:
  AttentionSteps &steps;
  MaskedScores scores;
  std::optional<ConstantTensor> all;
};
} // namespace

/// As many queries as keys: both alignments are one.
static bool isSquare(AttentionSteps &steps) {
  ArrayRef<int64_t> sizes =
      steps.softmax.getScore().getType().getShape().take_back(2);
  return !ShapedType::isDynamic(sizes[0]) && sizes[0] == sizes[1] &&
         !(steps.mask && steps.mask.getLengths());
}

/// The symbolic mask that lets through what both do; null if there is none.
static MaskAttrInterface joinMasks(MaskAttrInterface a, MaskAttrInterface b,
                                   bool isSquare) {
  if (isa<BidirectionalAttr>(a) || a == b)
    return b;
  if (isa<BidirectionalAttr>(b))
    return a;
  KeyInterval first = a.getInterval(), second = b.getInterval();
  if (isSquare)
    second.alignment = first.alignment;
  std::optional<KeyInterval> both = intersect(first, second);
  if (!both)
    return {};
  return cast<MaskAttrInterface>(describeInterval(a.getContext(), *both));
}

/// Finite fills and renormalised rows equal minus infinity only in rows that
/// see a key.
static std::string checkRows(AttentionSteps &steps, const BandBuilder &band) {
  if (!band.hasFill && !steps.isRenormalised)
    return {};
  if (!steps.tensors.empty() || isOpen(steps))
    return "a mask that comes in at run time may hide all keys of a row, which "
           "would not be 0 there";
  if (band.fit && band.fit->blindRow)
    return "row " + std::to_string(*band.fit->blindRow) +
           " sees no key and would not be 0";
  return {};
}

/// Tensors of attn.flash tell keys apart.
static std::string checkTensors(const AttentionSteps &steps) {
  for (const MaskTensor &mask : steps.tensors) {
    auto type = cast<ShapedType>(mask.tensor.getType());
    if (type.getRank() == 0 || type.getShape().back() == 1)
      return "a mask from " + describeProducer(mask.tensor) +
             " is the same for all keys";
  }
  return {};
}

std::string attn::joinMaskParts(AttentionSteps &steps) {
  if (std::string obstacle = checkFills(steps); !obstacle.empty())
    return obstacle;
  BandBuilder band(steps);
  for (const MaskConstant &constant : steps.parts.constants) {
    if (band.add(constant))
      continue;
    if (!constant.written.tensor || (constant.fill && isBoolean(constant)))
      return steps.kept;
    steps.tensors.push_back(constant.written);
  }
  llvm::append_range(steps.tensors, steps.parts.tensors);
  if (std::string obstacle = checkRows(steps, band); !obstacle.empty())
    return obstacle;
  if (std::string obstacle = checkTensors(steps); !obstacle.empty())
    return obstacle;
  MaskAttrInterface everything =
      BidirectionalAttr::get(steps.softmax->getContext());
  steps.symbolic =
      joinMasks(steps.mask ? steps.mask.getMask() : everything,
                band.fit ? band.fit->mask : everything, isSquare(steps));
  return steps.symbolic ? "" : "two symbolic masks show no common interval";
}
