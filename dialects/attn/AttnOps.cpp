//===- AttnOps.cpp - verifiers of the attn dialect ------------------------===//
//
// Each check is labelled with the constraint of the op's documentation.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"

#include "dialects/attn/AttnAsm.h"
#include "dialects/attn/AttnSizesImpl.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace attn;

/// Key/value heads divide query heads.
static LogicalResult checkGroups(Operation *op, int64_t heads,
                                 int64_t kvHeads) {
  if (heads > kMaxHeads)
    return op->emitOpError()
           << "query heads are " << heads << ", expected at most " << kMaxHeads;
  if (ShapedType::isDynamic(heads) || ShapedType::isDynamic(kvHeads))
    return success();
  if (kvHeads > 0 && heads % kvHeads == 0)
    return success();
  return op->emitOpError() << "key/value heads " << kvHeads
                           << " do not divide query heads " << heads;
}

/// Lengths have an entry per batch row, sinks one per head, and lse is
/// [batch, queries, heads], all as the [batch, heads, queries, keys] score.
static LogicalResult checkRowOperands(Operation *op, Value score, Value lengths,
                                      Value sinks, Value lse) {
  if (lengths && failed(checkEqual(op, "batch of score and lengths", score, 0,
                                   lengths, 0)))
    return failure();
  if (sinks &&
      failed(checkEqual(op, "heads of score and sinks", score, 1, sinks, 0)))
    return failure();
  if (!lse)
    return success();
  return success(
      succeeded(checkEqual(op, "batch of score and lse", score, 0, lse, 0)) &&
      succeeded(checkEqual(op, "queries of score and lse", score, 2, lse, 1)) &&
      succeeded(checkEqual(op, "heads of score and lse", score, 1, lse, 2)));
}

/// A mask of [batch, heads, queries, keys] scores, repeated where it is 1.
static LogicalResult checkTensorMask(Operation *op, Value mask,
                                     ArrayRef<int64_t> scores) {
  if (!mask)
    return success();
  SmallVector<int64_t> expected(scores);
  for (unsigned dim = 0; dim < 3; ++dim)
    if (sizeOf(mask, dim) == 1)
      expected[dim] = 1;
  return checkShape(op, "tensor_mask", mask, expected);
}

/// prefix has an entry per batch row, documents are [batch, keys]; each is
/// there if and only if the mask looks at it.
template <typename OpTy>
static LogicalResult checkMaskOperands(OpTy op, int64_t batch, int64_t keys) {
  KeyInterval interval = op.getMask().getInterval();
  auto check = [&](StringRef name, Value operand, bool isNeeded,
                   ArrayRef<int64_t> shape) -> LogicalResult {
    if (isNeeded != (operand != nullptr))
      return op.emitOpError()
             << "mask " << op.getMask()
             << (isNeeded ? " looks at " : " does not look at ") << name
             << ", expected " << (isNeeded ? "the" : "no") << " operand '"
             << name << "'";
    return operand ? checkShape(op, name, operand, shape) : success();
  };
  return success(
      succeeded(check("prefix", op.getPrefix(), interval.prefix, {batch})) &&
      succeeded(check("documents", op.getDocuments(), interval.document,
                      {batch, keys})));
}

/// The same for the [batch, heads, queries, keys] scores of `op`.
template <typename OpTy>
static LogicalResult checkMaskOperands(OpTy op) {
  return checkMaskOperands(op, sizeOf(op.getScore(), 0),
                           sizeOf(op.getScore(), 3));
}

/// The softmax of `score` is one probability for each.
static LogicalResult checkProbability(Operation *op, Value score,
                                      Value probability) {
  static constexpr StringLiteral kNames[] = {"batch", "heads", "queries",
                                             "keys"};
  for (auto [i, name] : llvm::enumerate(kNames))
    if (failed(checkEqual(op, (name + " of score and probability").str(), score,
                          i, probability, i)))
      return failure();
  return success();
}

bool attn::isScoreFactor(double factor) {
  // Infinite f64 values and NaN fail the comparison too.
  return std::abs(factor) * llvm::numbers::log2e <=
         std::numeric_limits<float>::max();
}

bool attn::isScoreCap(double cap) {
  return cap >= std::numeric_limits<float>::min() && isScoreFactor(cap);
}

LogicalResult attn::verifyScale(Operation *op, const APFloat &scale) {
  if (isScoreFactor(scale.convertToDouble()))
    return success();
  return op->emitOpError() << "scale is " << scale.convertToDouble()
                           << ", expected a finite number in f32";
}

LogicalResult attn::checkSoftcap(Operation *op, double cap) {
  if (isScoreCap(cap))
    return success();
  return op->emitOpError() << "softcap is " << cap
                           << ", expected a positive finite number in f32";
}

LogicalResult attn::verifyRope(Operation *op, RopeAttr rope, int64_t headSize) {
  if (ShapedType::isDynamic(headSize))
    return success();
  return rope.checkHead([&] { return op->emitOpError(); }, headSize);
}

//===----------------------------------------------------------------------===//
// Graph
//===----------------------------------------------------------------------===//

LogicalResult RepeatKvOp::verify() {
  // repeat_kv_c1
  if (getTimes() <= 0)
    return emitOpError() << "times is " << getTimes()
                         << ", expected at least 1";
  // repeat_kv_c2
  auto input = cast<RankedTensorType>(getInput().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  for (unsigned i : {0u, 1u, 3u})
    if (!agree(input.getDimSize(i), result.getDimSize(i)))
      return emitOpError() << "dimension " << i << " of input and result is "
                           << input.getDimSize(i) << " and "
                           << result.getDimSize(i);
  int64_t heads = input.getDimSize(2), expected = 0;
  if (ShapedType::isDynamic(heads))
    return success();
  if (llvm::MulOverflow(heads, int64_t(getTimes()), expected) ||
      !agree(expected, result.getDimSize(2)))
    return emitOpError() << "result has " << result.getDimSize(2)
                         << " heads, expected " << heads << " * " << getTimes();
  return success();
}

LogicalResult ScoreOp::verify() {
  Value query = getQuery(), key = getKey(), score = getScore();
  // score_c1
  if (failed(checkEqual(*this, "batch of query and key", query, 0, key, 0)) ||
      failed(
          checkEqual(*this, "head sizes of query and key", query, 3, key, 3)))
    return failure();
  // score_c2
  if (failed(checkGroups(*this, sizeOf(query, 2), sizeOf(key, 2))))
    return failure();
  // score_c3
  return success(
      succeeded(
          checkEqual(*this, "batch of query and score", query, 0, score, 0)) &&
      succeeded(
          checkEqual(*this, "heads of query and score", query, 2, score, 1)) &&
      succeeded(checkEqual(*this, "queries of query and score", query, 1, score,
                           2)) &&
      succeeded(checkEqual(*this, "keys of key and score", key, 1, score, 3)));
}

LogicalResult SoftcapOp::verify() {
  // softcap_c1
  return checkSoftcap(*this, getCap().convertToDouble());
}

LogicalResult MaskOp::verify() {
  // mask_c1
  if (failed(checkRowOperands(*this, getScore(), getLengths(), {}, {})))
    return failure();
  // mask_c2
  return checkMaskOperands(*this);
}

int64_t SoftmaxOp::getSoftmaxDim() {
  return getDim().value_or(getScore().getType().getRank() - 1);
}

LogicalResult SoftmaxOp::verify() {
  // softmax_c4
  int64_t rank = getScore().getType().getRank();
  if (rank == 0)
    return emitOpError() << "score has rank 0, expected at least 1";
  if (failed(checkDim(*this, getSoftmaxDim(), getScore())))
    return failure();
  // softmax_c3
  if (failed(checkShape(*this, "probability", getProbability(),
                        getScore().getType().getShape())))
    return failure();
  if (!getSinks() && !getLse())
    return success();
  // softmax_c1
  if (rank != 4 || getDim())
    return emitOpError() << "has sinks or lse and a score of rank " << rank
                         << (getDim() ? " with dim" : "")
                         << ", expected rank 4 without dim";
  // softmax_c2
  return checkRowOperands(*this, getScore(), {}, getSinks(), getLse());
}

LogicalResult RopeOp::verify() {
  // rope_c1
  unsigned sequence = getHeadsFirst() ? 2 : 1;
  // rope_c2
  if (Value positions = getPositions()) {
    if (sizeOf(positions, 0) != 1 &&
        failed(checkEqual(*this, "batch of input and positions", getInput(), 0,
                          positions, 0)))
      return failure();
    if (failed(checkEqual(*this, "sequences of input and positions", getInput(),
                          sequence, positions, 1)))
      return failure();
  }
  // rope_c3
  return verifyRope(*this, getPosition(), sizeOf(getInput(), 3));
}

LogicalResult CacheAppendOp::verify() {
  ArrayRef<int64_t> cache = shapeOf(getCache()), fresh = shapeOf(getFresh());
  // cache_append_c1
  if (cache.size() < 2)
    return emitOpError() << "cache has rank " << cache.size()
                         << ", expected at least 2";
  SmallVector<int64_t> expected(cache);
  expected[1] = fresh.size() > 1 ? fresh[1] : ShapedType::kDynamic;
  if (failed(checkShape(*this, "fresh", getFresh(), expected)))
    return failure();
  // cache_append_c2
  return checkEqual(*this, "batch of cache and lengths", getCache(), 0,
                    getLengths(), 0);
}

LogicalResult WeightedSumOp::verify() {
  Value probability = getProbability(), value = getValue(),
        output = getOutput();
  // weighted_sum_c1
  if (failed(checkEqual(*this, "batch of probability and value", probability, 0,
                        value, 0)) ||
      failed(checkEqual(*this, "keys of probability and value", probability, 3,
                        value, 1)))
    return failure();
  // weighted_sum_c2
  if (failed(checkGroups(*this, sizeOf(probability, 1), sizeOf(value, 2))))
    return failure();
  // weighted_sum_c3
  return success(
      succeeded(checkEqual(*this, "batch of probability and output",
                           probability, 0, output, 0)) &&
      succeeded(checkEqual(*this, "queries of probability and output",
                           probability, 2, output, 1)) &&
      succeeded(checkEqual(*this, "heads of probability and output",
                           probability, 1, output, 2)) &&
      succeeded(checkEqual(*this, "head sizes of value and output", value, 3,
                           output, 3)));
}

//===----------------------------------------------------------------------===//
// Fused
//===----------------------------------------------------------------------===//

LogicalResult MaskedSoftmaxOp::verify() {
  // masked_softmax_c1, masked_softmax_c2, masked_softmax_c3
  if (failed(checkRowOperands(*this, getScore(), getLengths(), getSinks(),
                              getLse())))
    return failure();
  // masked_softmax_c4
  if (failed(verifyScale(*this, getScale())))
    return failure();
  if (std::optional<APFloat> cap = getSoftcap())
    if (failed(checkSoftcap(*this, cap->convertToDouble())))
      return failure();
  // masked_softmax_c6
  if (failed(checkTensorMask(*this, getTensorMask(), shapeOf(getScore()))))
    return failure();
  // masked_softmax_c7
  if (failed(checkMaskOperands(*this)))
    return failure();
  // masked_softmax_c5
  return checkProbability(*this, getScore(), getProbability());
}

static LogicalResult checkFlashShapes(FlashOp op) {
  Value query = op.getQuery(), key = op.getKey(), value = op.getValue();
  Value output = op.getOutput(), lse = op.getLse();
  // flash_c1
  if (failed(checkEqual(op, "batch of query and key", query, 0, key, 0)) ||
      failed(checkEqual(op, "head sizes of query and key", query, 3, key, 3)) ||
      failed(checkEqual(op, "batch of key and value", key, 0, value, 0)) ||
      failed(checkEqual(op, "keys of key and value", key, 1, value, 1)))
    return failure();
  // flash_c2
  if (failed(checkEqual(op, "heads of key and value", key, 2, value, 2)) ||
      failed(checkGroups(op, sizeOf(query, 2), sizeOf(key, 2))))
    return failure();
  // flash_c3
  return success(
      succeeded(
          checkEqual(op, "batch of query and output", query, 0, output, 0)) &&
      succeeded(
          checkEqual(op, "queries of query and output", query, 1, output, 1)) &&
      succeeded(
          checkEqual(op, "heads of query and output", query, 2, output, 2)) &&
      succeeded(checkEqual(op, "head sizes of value and output", value, 3,
                           output, 3)) &&
      succeeded(checkEqual(op, "batch of query and lse", query, 0, lse, 0)) &&
      succeeded(checkEqual(op, "queries of query and lse", query, 1, lse, 1)) &&
      succeeded(checkEqual(op, "heads of query and lse", query, 2, lse, 2)));
}

/// flash_c6
static LogicalResult verifyScoreMod(FlashOp op) {
  if (op.getScoreMod().empty())
    return success();
  Block &body = op.getScoreMod().front();
  if (body.empty() || !isa<attn::YieldOp>(body.back()))
    return op.emitOpError() << "score_mod ends without 'attn.yield'";
  Builder builder(op.getContext());
  SmallVector<Type> expected(5, builder.getIndexType());
  expected[0] = builder.getF32Type();
  if (llvm::equal(body.getArgumentTypes(), expected) ||
      llvm::equal(body.getArgumentTypes(), ArrayRef(expected).drop_back()))
    return success();
  return op.emitOpError() << "score_mod takes " << body.getArgumentTypes()
                          << ", expected (f32 score, index row, index column, "
                             "index head), and maybe index position";
}

LogicalResult FlashOp::verify() {
  if (failed(checkFlashShapes(*this)))
    return failure();
  // flash_c4
  if (getLengths() && failed(checkEqual(*this, "batch of query and lengths",
                                        getQuery(), 0, getLengths(), 0)))
    return failure();
  if (getSinks() && failed(checkEqual(*this, "heads of query and sinks",
                                      getQuery(), 2, getSinks(), 0)))
    return failure();
  // flash_c5
  if (failed(verifyScale(*this, getScale())))
    return failure();
  // flash_c7
  if (failed(checkTensorMask(*this, getTensorMask(),
                             {sizeOf(getQuery(), 0), sizeOf(getQuery(), 2),
                              sizeOf(getQuery(), 1), sizeOf(getKey(), 1)})))
    return failure();
  // flash_c9
  if (failed(
          checkMaskOperands(*this, sizeOf(getQuery(), 0), sizeOf(getKey(), 1))))
    return failure();
  // flash_c10
  if (getTable())
    for (int64_t size : shapeOf(getTable()))
      if (size < 1)
        return emitOpError() << "table is " << getTable().getType()
                             << ", expected static sizes of at least 1";
  // flash_c6
  return verifyScoreMod(*this);
}

LogicalResult LookupOp::verify() {
  // lookup_c1
  auto flash = cast<FlashOp>((*this)->getParentOp());
  if (flash.getTable())
    return success();
  InFlightDiagnostic error = emitOpError() << "reads a table";
  error.attachNote(flash.getLoc()) << "this attn.flash has no operand 'table'";
  return error;
}

//===----------------------------------------------------------------------===//
// Folds
//===----------------------------------------------------------------------===//

OpFoldResult RepeatKvOp::fold(FoldAdaptor) {
  // Once is not repeated; another type would need a cast.
  if (getTimes() == 1 && getInput().getType() == getType())
    return getInput();
  return {};
}

#define GET_OP_CLASSES
#include "dialects/attn/AttnOps.cpp.inc"
