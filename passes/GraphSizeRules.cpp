//===- GraphSizeRules.cpp - which sizes operations ask to agree -----------===//
//
// One rule for each operation: `own` begins as the sizes of the first operand
// and becomes those of the result.
//
//===----------------------------------------------------------------------===//

#include "passes/GraphSizes.h"

#include "dialects/attn/AttnOps.h"
#include "passes/TensorTypes.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

/// `factor` times `times`, at most 2^62: then there are too many elements.
static int64_t repeatedFactor(int64_t factor, uint64_t times) {
  return static_cast<int64_t>(std::min(
      llvm::SaturatingMultiply<uint64_t>(factor, times), uint64_t(1) << 62));
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

void GraphSizes::infer(TransposeOp op, Sizes &own) {
  Sizes before = own;
  for (auto [dim, from] : llvm::enumerate(op.getPermutation()))
    own[dim] = before[from];
}

void GraphSizes::infer(FlattenOp op, Sizes &own) {
  auto dim = op.getDim();
  own[dim] = own[dim].times(own[dim + 1]);
  own.erase(own.begin() + dim + 1);
}

/// One of the two sizes may be open: it is what the other leaves.
void GraphSizes::infer(UnflattenOp op, Sizes &own) {
  auto dim = op.getDim();
  int64_t outer = shapeOf(op.getResult())[dim];
  int64_t inner = shapeOf(op.getResult())[dim + 1];
  bool isOuterKnown = !ShapedType::isDynamic(outer);
  GraphSize whole = resolve(own[dim]);
  if (isOuterKnown && !ShapedType::isDynamic(inner)) {
    unify(op, own[dim], GraphSize::of(outer * inner));
    whole = GraphSize::of(outer * inner);
  }
  int64_t known = isOuterKnown ? outer : inner;
  if (known == 0 ? whole.factor != 0 : whole.factor % known != 0)
    return fail(op, "splits a dynamic size: make it static");
  GraphSize rest = {known == 0 ? inner : whole.factor / known, whole.axes};
  own[dim] = isOuterKnown ? GraphSize::of(known) : rest;
  own.insert(own.begin() + dim + 1, isOuterKnown ? rest : GraphSize::of(known));
}

void GraphSizes::infer(ExpandOp op, Sizes &own) {
  auto dim = op.getDim();
  own.insert(own.begin() + dim, GraphSize::of(shapeOf(op.getResult())[dim]));
}

void GraphSizes::infer(SliceOp op, Sizes &own) {
  auto dim = op.getDim();
  if (!resolve(own[dim]).isStatic())
    return fail(op, "takes a part of a dynamic size: make it static");
  own[dim] = GraphSize::of(shapeOf(op.getResult())[dim]);
}

void GraphSizes::infer(RepeatInterleaveOp op, Sizes &own) {
  int64_t &factor = own[op.getDim()].factor;
  factor = repeatedFactor(factor, op.getTimes());
}

void GraphSizes::infer(TileOp op, Sizes &own) {
  int64_t &factor = own[op.getDim()].factor;
  factor = repeatedFactor(factor, op.getTimes());
}

void GraphSizes::infer(RepeatKvOp op, Sizes &own) {
  own[2].factor = repeatedFactor(own[2].factor, op.getTimes());
}

void GraphSizes::infer(ConcatOp op, Sizes &own) {
  auto dim = static_cast<int64_t>(op.getDim());
  own[dim] = GraphSize::of(0);
  for (Value input : op.getInputs()) {
    GraphSize part = resolve(sizes[input][dim]);
    if (!part.isStatic())
      return fail(op, "joins along a dynamic size: make it static");
    own[dim].factor += part.factor;
    for (int64_t other = 0; other < rankOf(input); ++other)
      if (other != dim)
        unify(op, input, other, op.getInputs()[0], other);
  }
}

void GraphSizes::infer(SumOp op, Sizes &own) {
  own[op.getDim()] = GraphSize::of(1);
}

void GraphSizes::infer(FullOp op, Sizes &own) {
  own = llvm::map_to_vector(shapeOf(op.getResult()),
                            [](int64_t size) { return GraphSize::of(size); });
}

//===----------------------------------------------------------------------===//
// Products and rows
//===----------------------------------------------------------------------===//

void GraphSizes::infer(LinearOp op, Sizes &own) {
  Value weight = op.getWeight();
  unify(op, own.back(), sizes[weight][1]);
  if (op.getBias())
    unify(op, op.getBias(), 0, weight, 0);
  own.back() = sizes[weight][0];
}

void GraphSizes::infer(HeadLinearOp op, Sizes &own) {
  Value weight = op.getWeight();
  unsigned inner = op.getTransposed() ? 1 : 2;
  unify(op, own[2], sizes[weight][0]);
  unify(op, own[3], sizes[weight][inner]);
  own[3] = sizes[weight][3 - inner];
}

void GraphSizes::infer(MatmulOp op, Sizes &own) {
  Value right = op.getRhs();
  int64_t rank = rankOf(right);
  unify(op, own.back(), sizes[right][rank - 2]);
  for (int64_t dim = 0; rank > 2 && dim < rank - 2; ++dim)
    unify(op, op.getLhs(), dim, right, dim);
  own.back() = sizes[right][rank - 1];
}

void GraphSizes::infer(RmsNormOp op, Sizes &) {
  alignLast(op, op.getWeight(), op.getInput());
}

void GraphSizes::infer(LayerNormOp op, Sizes &) {
  alignLast(op, op.getWeight(), op.getInput());
  alignLast(op, op.getBias(), op.getInput());
}

void GraphSizes::infer(RopeOp op, Sizes &) {
  Value positions = op.getPositions();
  if (!positions)
    return;
  if (shapeOf(positions)[0] != 1)
    unify(op, positions, 0, op.getInput(), 0);
  unify(op, positions, 1, op.getInput(), op.getHeadsFirst() ? 2 : 1);
}

void GraphSizes::infer(CacheAppendOp op, Sizes &) {
  Value cache = op.getCache(), fresh = op.getFresh();
  unify(op, op.getLengths(), 0, cache, 0);
  for (int64_t dim = 0; dim < rankOf(cache); ++dim)
    if (dim != 1)
      unify(op, cache, dim, fresh, dim);
}

/// The sizes of `part` are those of `whole`'s last dimensions.
void GraphSizes::alignLast(Operation *op, Value part, Value whole) {
  if (!part)
    return;
  int64_t added = rankOf(whole) - rankOf(part);
  for (int64_t dim = 0; dim < rankOf(part); ++dim)
    if (shapeOf(part)[dim] != 1)
      unify(op, part, dim, whole, dim + added);
}

//===----------------------------------------------------------------------===//
// All of them
//===----------------------------------------------------------------------===//

void GraphSizes::visitFlash(FlashOp flash) {
  Value query = flash.getQuery(), key = flash.getKey();
  Value value = flash.getValue(), mask = flash.getTensorMask();
  unify(flash, query, 0, key, 0);
  unify(flash, query, 3, key, 3);
  for (unsigned dim : {0, 1, 2})
    unify(flash, key, dim, value, dim);
  for (Value ofSequences : {flash.getLengths(), flash.getPrefix()})
    if (ofSequences)
      unify(flash, query, 0, ofSequences, 0);
  if (Value documents = flash.getDocuments()) {
    unify(flash, query, 0, documents, 0);
    unify(flash, key, 1, documents, 1);
  }
  if (flash.getSinks())
    unify(flash, query, 2, flash.getSinks(), 0);
  const std::pair<Value, unsigned> scores[] = {
      {query, 0}, {query, 2}, {query, 1}, {key, 1}};
  for (auto [dim, source] : llvm::enumerate(scores))
    if (mask && shapeOf(mask)[dim] != 1)
      unify(flash, mask, dim, source.first, source.second);
  const Sizes &own = sizes[query];
  Sizes output = {own[0], own[1], own[2], sizes[value][3]};
  Sizes lse = {own[0], own[1], own[2]};
  sizes[flash.getOutput()] = output;
  sizes[flash.getLse()] = lse;
}

bool GraphSizes::infer(Operation *op, Sizes &own) {
  if (op->getNumOperands())
    own = sizes.lookup(op->getOperand(0));
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case<TransposeOp, FlattenOp, UnflattenOp, ExpandOp, SliceOp,
            RepeatInterleaveOp, TileOp, RepeatKvOp, ConcatOp, SumOp, FullOp,
            LinearOp, HeadLinearOp, MatmulOp, RmsNormOp, LayerNormOp, RopeOp,
            CacheAppendOp>([&](auto rule) { return infer(rule, own), true; })
      .Default(false);
}
