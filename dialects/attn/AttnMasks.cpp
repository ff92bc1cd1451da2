//===- AttnMasks.cpp - symbolic masks -------------------------------------===//
//
// The interval of keys behind each mask, intersections, and what makes a mask
// valid.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnAttributes.h"
#include "dialects/attn/AttnDialect.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Intervals
//===----------------------------------------------------------------------===//

bool KeyInterval::isUnbounded() const {
  return *this == KeyInterval{.alignment = alignment};
}

int64_t KeyInterval::begin(int64_t position) const {
  int64_t standing = std::max(position, int64_t(0));
  return std::max(position - left + 1, standing - standing % chunk);
}

int64_t KeyInterval::end(int64_t position, int64_t length,
                         int64_t prefixLength) const {
  int64_t end = std::min(length, position + right);
  if (prefix)
    end = std::min(end, std::max(position + 1, prefixLength));
  return std::max(end, int64_t(0));
}

std::optional<KeyInterval> attn::intersect(const KeyInterval &a,
                                           const KeyInterval &b) {
  if (a.isUnbounded() || b.isUnbounded())
    return a.isUnbounded() ? b : a;
  auto [small, large] = std::minmax(a.chunk, b.chunk);
  bool areChunks = large != KeyInterval::kUnbounded;
  if (a.alignment != b.alignment || (areChunks && large % small != 0))
    return std::nullopt;
  return KeyInterval{.left = std::min(a.left, b.left),
                     .right = std::min(a.right, b.right),
                     .chunk = small,
                     .prefix = a.prefix || b.prefix,
                     .document = a.document || b.document,
                     .alignment = a.alignment};
}

Attribute attn::describeInterval(MLIRContext *context,
                                 const KeyInterval &interval) {
  Alignment alignment = interval.alignment;
  SmallVector<Attribute> masks;
  if (interval.prefix)
    masks.push_back(PrefixAttr::get(context, alignment));
  bool isChunk = interval.chunk != KeyInterval::kUnbounded;
  if (isChunk)
    masks.push_back(ChunkAttr::get(context, interval.chunk, alignment));
  // A chunk is causal, so a window needs no right side beside it.
  int64_t right = isChunk ? KeyInterval::kUnbounded : interval.right;
  if (interval.left != KeyInterval::kUnbounded ||
      (right != KeyInterval::kUnbounded && right != 1))
    masks.push_back(WindowAttr::get(context, interval.left, right, alignment));
  else if (right == 1)
    masks.push_back(CausalAttr::get(context, alignment));
  if (interval.document)
    masks.push_back(DocumentAttr::get(context, alignment));
  if (masks.empty())
    return BidirectionalAttr::get(context);
  if (masks.size() == 1)
    return masks.front();
  return AllAttr::get(context, ArrayAttr::get(context, masks));
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

KeyInterval BidirectionalAttr::getInterval() const { return {}; }

KeyInterval CausalAttr::getInterval() const {
  return {.right = 1, .alignment = getAlignment()};
}

KeyInterval WindowAttr::getInterval() const {
  return {.left = std::min(getLeft(), KeyInterval::kUnbounded),
          .right = std::min(getRight(), KeyInterval::kUnbounded),
          .alignment = getAlignment()};
}

KeyInterval ChunkAttr::getInterval() const {
  return {.right = 1,
          .chunk = std::min(getSize(), KeyInterval::kUnbounded),
          .alignment = getAlignment()};
}

KeyInterval PrefixAttr::getInterval() const {
  return {.prefix = true, .alignment = getAlignment()};
}

KeyInterval DocumentAttr::getInterval() const {
  return {.document = true, .alignment = getAlignment()};
}

KeyInterval AllAttr::getInterval() const {
  KeyInterval interval;
  for (Attribute mask : getMasks())
    interval =
        *intersect(interval, cast<MaskAttrInterface>(mask).getInterval());
  return interval;
}

//===----------------------------------------------------------------------===//
// Constraints
//===----------------------------------------------------------------------===//

static LogicalResult
checkAtLeastOne(function_ref<InFlightDiagnostic()> emitError, StringRef what,
                int64_t number) {
  if (number > 0)
    return success();
  return emitError() << what << " is " << number << ", expected at least 1";
}

LogicalResult WindowAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t left, int64_t right, Alignment) {
  // window_c1
  if (failed(checkAtLeastOne(emitError, "window left", left)))
    return failure();
  return checkAtLeastOne(emitError, "window right", right);
}

LogicalResult ChunkAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t size, Alignment) {
  // chunk_c1
  return checkAtLeastOne(emitError, "chunk size", size);
}

LogicalResult AllAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                              ArrayAttr masks) {
  // all_c1
  if (masks.empty())
    return emitError() << "there are no masks, expected at least one";
  KeyInterval interval;
  for (Attribute element : masks) {
    auto mask = dyn_cast<MaskAttrInterface>(element);
    if (!mask)
      return emitError() << element << " is no mask";
    // all_c2, all_c3
    std::optional<KeyInterval> common = intersect(interval, mask.getInterval());
    if (!common)
      return emitError() << "mask " << mask
                         << " does not meet those before it: expected one "
                            "alignment, and chunk sizes that divide another";
    interval = *common;
  }
  return success();
}
