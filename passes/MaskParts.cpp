//===- MaskParts.cpp - what a mask written as tensors hides ---------------===//
//
// Conjunctions of what is visible, disjunctions of what is hidden and sums of
// infinities split exactly; a band is fitted and then compared row by row.
//
//===----------------------------------------------------------------------===//

#include "passes/MaskParts.h"

#include "dialects/attn/AttnOps.h"
#include "passes/Views.h"

#include <cmath>
#include <map>

using namespace mlir;
using namespace attn;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Taking apart
//===----------------------------------------------------------------------===//

/// The mask that `tensor`, an operand of the mask's producer, stands for.
static MaskTensor withTensor(MaskTensor mask, Value tensor) {
  mask.tensor = tensor;
  return mask;
}

/// Looks through an expansion in front of the last two dimensions: a mask is
/// aligned at the last dimension, and repeated by itself.
static bool skipExpansion(MaskTensor &mask) {
  auto expand = mask.tensor.getDefiningOp<ExpandOp>();
  if (!expand)
    return false;
  ArrayRef<int64_t> shape = expand.getInput().getType().getShape();
  auto dim = static_cast<int64_t>(expand.getDim());
  // Behind dimensions of size 1 is in front of them, in other words.
  while (dim > 0 && shape[dim - 1] == 1)
    --dim;
  int64_t behind = static_cast<int64_t>(shape.size()) - dim;
  if (behind < 1)
    return false;
  mask.tensor = expand.getInput();
  mask.expansions.insert(mask.expansions.begin(), behind);
  return true;
}

/// The rows of a constant in the place where the mask's expansions put them.
static ConstantTensor expandConstant(ConstantTensor constant,
                                     ArrayRef<int64_t> expansions) {
  for (int64_t behind : expansions)
    if (behind < constant.rank())
      constant.shape.insert(constant.shape.end() - behind, 1);
  return constant;
}

void attn::splitBoolean(MaskTensor mask, ConstantEvaluator &constants,
                        MaskParts &parts) {
  if (const ConstantTensor *constant = constants.evaluate(mask.tensor)) {
    double shown = mask.hides ? 0 : 1;
    auto visible = mapElements({constant}, [=](ArrayRef<double> x) -> double {
      return x[0] == shown;
    });
    parts.constants.push_back(
        {expandConstant(*visible, mask.expansions), std::nullopt, mask});
    return;
  }
  Operation *op = mask.tensor.getDefiningOp();
  if (auto negation = dyn_cast_or_null<NotOp>(op)) {
    mask.hides = !mask.hides;
    return splitBoolean(withTensor(mask, negation.getInput()), constants,
                        parts);
  }
  if (skipExpansion(mask))
    return splitBoolean(mask, constants, parts);
  if (mask.hides ? isa_and_nonnull<OrOp>(op) : isa_and_nonnull<AndOp>(op)) {
    for (Value operand : op->getOperands())
      splitBoolean(withTensor(mask, operand), constants, parts);
    return;
  }
  parts.tensors.push_back(mask);
}

/// The one value other than 0 that a constant has, times the mask's factor;
/// nothing if there are several. 0 for a constant of zeros.
static std::optional<double> onlyValue(const ConstantTensor &constant,
                                       double factor) {
  double found = 0;
  for (const RunRow &row : constant.rows)
    for (const Run &run : row) {
      if (std::isnan(run.value))
        return std::nullopt;
      if (run.value == 0)
        continue;
      if (found != 0 && found != run.value)
        return std::nullopt;
      found = run.value;
    }
  return found == 0 ? 0 : found * factor;
}

/// Adds a constant of zeros and one negative number. Returns whether it is one.
static bool splitAddedConstant(const MaskTensor &mask,
                               const ConstantTensor &constant,
                               MaskParts &parts) {
  std::optional<double> value = onlyValue(constant, mask.factor);
  if (!value || *value > 0)
    return false;
  auto visible = mapElements(
      {&constant}, [](ArrayRef<double> x) -> double { return x[0] == 0; });
  std::optional<double> fill;
  if (*value != -kInfinity)
    fill = value;
  if (*value != 0)
    parts.constants.push_back(
        {expandConstant(*visible, mask.expansions), fill, mask});
  return true;
}

namespace {
/// The condition and the other tensor of a fill with minus infinity.
struct InfiniteFill {
  Value condition;
  bool hides = true;
  Value rest;
};
} // namespace

static std::optional<InfiniteFill>
matchInfiniteFill(Operation *op, double factor, ConstantEvaluator &constants) {
  auto isMinusInfinity = [&](std::optional<double> value) {
    return value && *value * factor == -kInfinity;
  };
  if (auto fill = dyn_cast_or_null<MaskedFillOp>(op))
    if (isMinusInfinity(fill.getValue().convertToDouble()))
      return InfiniteFill{fill.getWhere(), true, fill.getInput()};
  if (auto where = dyn_cast_or_null<WhereOp>(op)) {
    if (isMinusInfinity(constants.splat(where.getRhs())))
      return InfiniteFill{where.getCondition(), false, where.getLhs()};
    if (isMinusInfinity(constants.splat(where.getLhs())))
      return InfiniteFill{where.getCondition(), true, where.getRhs()};
  }
  return std::nullopt;
}

void attn::splitAdded(MaskTensor mask, ConstantEvaluator &constants,
                      MaskParts &parts) {
  if (const ConstantTensor *constant = constants.evaluate(mask.tensor)) {
    if (!splitAddedConstant(mask, *constant, parts))
      parts.tensors.push_back(mask);
    return;
  }
  Operation *op = mask.tensor.getDefiningOp();
  if (skipExpansion(mask))
    return splitAdded(mask, constants, parts);
  if (auto add = dyn_cast_or_null<AddOp>(op)) {
    splitAdded(withTensor(mask, add.getLhs()), constants, parts);
    return splitAdded(withTensor(mask, add.getRhs()), constants, parts);
  }
  if (auto fill = matchInfiniteFill(op, mask.factor, constants)) {
    MaskTensor condition = withTensor(mask, fill->condition);
    condition.hides = fill->hides;
    splitBoolean(condition, constants, parts);
    return splitAdded(withTensor(mask, fill->rest), constants, parts);
  }
  parts.tensors.push_back(mask);
}

std::optional<ConstantTensor> attn::intersect(const ConstantTensor &a,
                                              const ConstantTensor &b) {
  return mapElements({&a, &b}, [](ArrayRef<double> x) { return x[0] * x[1]; });
}

//===----------------------------------------------------------------------===//
// Bands
//===----------------------------------------------------------------------===//

namespace {
/// The band of rows that stand at their index.
struct Limits {
  int64_t left = KeyInterval::kUnbounded, right = KeyInterval::kUnbounded;
};

/// A half-open range of keys.
struct KeyRange {
  int64_t begin = 0, end = 0;
};
} // namespace

/// The first range of visible keys of a row; empty if there is none.
static KeyRange firstVisible(const RunRow &row) {
  int64_t begin = 0;
  for (const Run &run : row) {
    if (run.value != 0)
      return {begin, run.end};
    begin = run.end;
  }
  return {};
}

/// The most frequent value; unbounded if there is none.
static int64_t mostFrequent(const std::map<int64_t, int64_t> &counts) {
  int64_t best = KeyInterval::kUnbounded, most = 0;
  for (auto [value, count] : counts)
    if (count > most)
      std::tie(best, most) = std::pair(value, count);
  return best;
}

/// Where most rows begin and end, relative to their index.
static Limits findLimits(ArrayRef<RunRow> rows, int64_t keys) {
  std::map<int64_t, int64_t> lefts, rights;
  for (auto [index, visible] : llvm::enumerate(rows)) {
    auto row = static_cast<int64_t>(index);
    KeyRange range = firstVisible(visible);
    if (range.begin > 0)
      ++lefts[row - range.begin + 1];
    if (range.end > 0 && range.end < keys)
      ++rights[range.end - row];
  }
  return {mostFrequent(lefts), mostFrequent(rights)};
}

/// Moves the rows' positions by `offset`.
static Limits shifted(Limits limits, int64_t offset) {
  if (limits.left != KeyInterval::kUnbounded)
    limits.left += offset;
  if (limits.right != KeyInterval::kUnbounded)
    limits.right -= offset;
  return limits;
}

static bool isCausal(Limits limits) {
  return limits.left == KeyInterval::kUnbounded && limits.right == 1;
}

static MaskAttrInterface toMask(Limits limits, Alignment alignment,
                                MLIRContext *context) {
  if (isCausal(limits))
    return CausalAttr::get(context, alignment);
  if (limits.left == KeyInterval::kUnbounded &&
      limits.right == KeyInterval::kUnbounded)
    return BidirectionalAttr::get(context);
  return WindowAttr::get(context, std::max<int64_t>(limits.left, 1),
                         std::max<int64_t>(limits.right, 1), alignment);
}

/// Causal in either alignment, else a window, top-left if it can be.
static MaskAttrInterface chooseMask(Limits limits, int64_t offset,
                                    bool bottomRight, MLIRContext *context) {
  Limits moved = shifted(limits, offset);
  bool isTopLeft = limits.left > 0 && limits.right > 0;
  bool canMove = bottomRight && offset != 0;
  if (canMove && !isCausal(limits) && (isCausal(moved) || !isTopLeft))
    return toMask(moved, Alignment::BottomRight, context);
  return toMask(limits, Alignment::TopLeft, context);
}

/// The keys that a row at `position` sees.
static KeyRange rangeOf(const KeyInterval &band, int64_t position,
                        int64_t keys) {
  int64_t begin = std::clamp<int64_t>(position - band.left + 1, 0, keys);
  int64_t end = std::clamp<int64_t>(position + band.right, begin, keys);
  return {begin, end};
}

/// The first key of `row` that is visible but not in `range`, or the reverse.
static std::optional<int64_t> findMismatch(const RunRow &row, KeyRange range) {
  int64_t begin = 0;
  for (const Run &run : row) {
    KeyRange common = {std::max(begin, range.begin),
                       std::min(run.end, range.end)};
    bool isEmpty = common.begin >= common.end;
    if (run.value == 0 && !isEmpty)
      return common.begin;
    if (run.value != 0 && (isEmpty || common.begin > begin))
      return begin;
    if (run.value != 0 && common.end < run.end)
      return common.end;
    begin = run.end;
  }
  return std::nullopt;
}

/// Repeats a matrix of one row, or one column, as often as there are queries,
/// or keys. Nothing if that is unknown and makes a difference.
static std::optional<ConstantTensor> repeatMatrix(ConstantTensor matrix,
                                                  MaskedScores scores) {
  ConstantTensor ones{{1, 1}, {}};
  for (auto [dim, size] :
       llvm::enumerate(std::array{scores.queries, scores.keys})) {
    if (matrix.shape[dim] != 1 || size == 1 || matrix.splat() == 1.0)
      continue;
    if (ShapedType::isDynamic(size))
      return std::nullopt;
    ones.shape[dim] = size;
  }
  ones.rows.assign(ones.shape[0], RunRow{{ones.shape[1], 1}});
  return intersect(matrix, ones);
}

/// The matrix that all matrices of `visible` are; nothing if they differ.
static std::optional<ConstantTensor> onlyMatrix(const ConstantTensor &visible,
                                                MaskedScores scores) {
  ConstantTensor matrix{{1, visible.width()}, {}};
  if (visible.rank() > 1)
    matrix.shape[0] = visible.shape[visible.rank() - 2];
  int64_t height = matrix.shape[0];
  if (visible.rows.empty() || matrix.width() == 0)
    return std::nullopt;
  matrix.rows.assign(visible.rows.begin(), visible.rows.begin() + height);
  for (auto [i, row] : llvm::enumerate(visible.rows))
    if (row != matrix.rows[i % height])
      return std::nullopt;
  return repeatMatrix(std::move(matrix), scores);
}

std::optional<BandFit> attn::fitBand(const ConstantTensor &visible,
                                     MaskedScores scores,
                                     MLIRContext *context) {
  std::optional<ConstantTensor> matrix = onlyMatrix(visible, scores);
  if (!matrix)
    return std::nullopt;
  int64_t keys = matrix->width(), offset = keys - matrix->shape[0];
  BandFit fit;
  fit.mask = chooseMask(findLimits(matrix->rows, keys), offset,
                        scores.bottomRight, context);
  KeyInterval band = fit.mask.getInterval();
  int64_t shift = band.alignment == Alignment::BottomRight ? offset : 0;
  for (auto [index, row] : llvm::enumerate(matrix->rows)) {
    auto query = static_cast<int64_t>(index);
    if (firstVisible(row).end == 0 && !fit.blindRow)
      fit.blindRow = query;
    std::optional<int64_t> key =
        findMismatch(row, rangeOf(band, query + shift, keys));
    if (key && !fit.mismatch)
      fit.mismatch = {query, *key, elementOf(row, *key) != 0};
  }
  return fit;
}

std::string BandFit::describeMismatch() const {
  std::string text;
  llvm::raw_string_ostream(text)
      << "row " << mismatch->row << (mismatch->sees ? " sees" : " does not see")
      << " key " << mismatch->key << ", which '" << mask << "' "
      << (mismatch->sees ? "hides" : "shows");
  return text;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// The tensor as [batch, heads, queries, keys], 1 where it is repeated.
static Value alignTensor(OpBuilder &builder, Location location,
                         const MaskTensor &mask) {
  Value tensor = mask.tensor;
  auto rankOf = [&] { return cast<ShapedType>(tensor.getType()).getRank(); };
  for (int64_t behind : mask.expansions)
    if (behind < rankOf())
      tensor = createExpand(builder, location, tensor, rankOf() - behind);
  while (rankOf() < 4)
    tensor = createExpand(builder, location, tensor, 0);
  return tensor;
}

Value attn::createHiding(OpBuilder &builder, Location location,
                         const MaskTensor &mask) {
  Value tensor = alignTensor(builder, location, mask);
  if (mask.hides)
    return tensor;
  return NotOp::create(builder, location, tensor.getType(), tensor);
}

Value attn::createAdded(OpBuilder &builder, Location location,
                        const MaskTensor &mask) {
  Value tensor = alignTensor(builder, location, mask);
  if (mask.factor == 1)
    return tensor;
  return ScaleOp::create(builder, location, tensor.getType(), tensor,
                         APFloat(mask.factor));
}
