//===- Views.cpp - the same elements in another shape ---------------------===//
//
// See Views.h.
//
//===----------------------------------------------------------------------===//

#include "passes/Views.h"

#include "dialects/attn/AttnOps.h"
#include "passes/Rewriting.h"

using namespace mlir;
using namespace attn;

Value attn::createTranspose(OpBuilder &builder, Location location, Value value,
                            ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> composed(permutation);
  while (auto inner = value.getDefiningOp<TransposeOp>()) {
    for (int64_t &dim : composed)
      dim = inner.getPermutation()[dim];
    value = inner.getInput();
  }
  if (llvm::equal(composed, llvm::seq<int64_t>(composed.size())))
    return value;
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape = llvm::map_to_vector(
      composed, [&](int64_t dim) { return type.getDimSize(dim); });
  return TransposeOp::create(builder, location, type.clone(shape), value,
                             composed);
}

Value attn::createExpand(OpBuilder &builder, Location location, Value value,
                         int64_t dim, int64_t size) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.insert(shape.begin() + dim, size);
  return ExpandOp::create(builder, location, type.clone(shape), value, dim);
}

Value attn::createSqueeze(OpBuilder &builder, Location location, Value value,
                          int64_t dim) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  if (shape[dim] == 1)
    shape[dim] = shape[dim + 1];
  shape.erase(shape.begin() + dim + 1);
  return FlattenOp::create(builder, location, type.clone(shape), value, dim);
}

bool attn::isView(Operation *op) {
  return isa<TransposeOp, FlattenOp, UnflattenOp, ExpandOp, SliceOp,
             RepeatInterleaveOp, RepeatKvOp, TileOp>(op);
}

/// Whether `op` gives the elements other dimensions and leaves their order.
static bool isReshape(Operation *op) {
  if (auto expand = dyn_cast_or_null<ExpandOp>(op))
    return expand.getType().getDimSize(expand.getDim()) == 1;
  return isa_and_nonnull<FlattenOp, UnflattenOp>(op);
}

/// Whether a reshape adds or removes a dimension of size 1 and nothing else.
static bool isUnitReshape(Operation *op) {
  if (isa<ExpandOp>(op))
    return true;
  Value split = isa<FlattenOp>(op) ? op->getOperand(0) : op->getResult(0);
  auto dim = op->getAttrOfType<IntegerAttr>("dim").getInt();
  ArrayRef<int64_t> shape = cast<ShapedType>(split.getType()).getShape();
  return shape[dim] == 1 || shape[dim + 1] == 1;
}

/// The tensor that reshapes make of itself at last; null if they make another.
static Value findReshaped(Operation *op) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  // What is split and merged could give two open sizes other values.
  bool isExact = type.getNumDynamicDims() <= 1;
  for (; isReshape(op) && (isExact || isUnitReshape(op));
       op = op->getOperand(0).getDefiningOp())
    if (op->getOperand(0).getType() == type)
      return op->getOperand(0);
  return {};
}

// transpose (rope {heads_first} %x) -> rope (transpose %x)
static void rotateBeforeTranspose(TransposeOp op) {
  constexpr int64_t kSwap[] = {0, 2, 1, 3};
  auto rope = op.getInput().getDefiningOp<RopeOp>();
  if (!rope || !rope.getHeadsFirst() || !rope->hasOneUse() ||
      op.getPermutation() != ArrayRef(kSwap))
    return;
  OpBuilder builder(op);
  Value input =
      createTranspose(builder, op.getLoc(), rope.getInput(), ArrayRef(kSwap));
  Value rotated = RopeOp::create(builder, rope.getLoc(), op.getType(), input,
                                 rope.getPositions(), rope.getPosition(),
                                 /*heads_first=*/false);
  op.getResult().replaceAllUsesWith(rotated);
}

// unflatten (transpose %x) -> transpose (unflatten %x)
static void splitBeforeTranspose(UnflattenOp op) {
  auto transpose = op.getInput().getDefiningOp<TransposeOp>();
  if (!transpose || !transpose->hasOneUse())
    return;
  auto dim = static_cast<int64_t>(op.getDim());
  ArrayRef<int64_t> permutation = transpose.getPermutation();
  int64_t split = permutation[dim];
  SmallVector<int64_t> after;
  for (int64_t source : permutation) {
    after.push_back(source > split ? source + 1 : source);
    if (source == split)
      after.push_back(split + 1);
  }
  RankedTensorType type = op.getType();
  SmallVector<int64_t> shape(type.getRank());
  for (auto [to, from] : llvm::enumerate(after))
    shape[from] = type.getDimSize(to);
  OpBuilder builder(op);
  Value parts = UnflattenOp::create(builder, op.getLoc(), type.clone(shape),
                                    transpose.getInput(), split);
  op.getResult().replaceAllUsesWith(
      createTranspose(builder, op.getLoc(), parts, after));
}

void attn::foldViews(Operation *root) {
  eraseUnused(root);
  root->walk([](Operation *op) {
    if (isReshape(op))
      if (Value same = findReshaped(op))
        return op->getResult(0).replaceAllUsesWith(same);
    if (!isa<TransposeOp, FlattenOp, UnflattenOp>(op))
      return;
    SmallVector<OpFoldResult> results;
    while (succeeded(op->fold(results)))
      if (!results.empty()) {
        op->getResult(0).replaceAllUsesWith(cast<Value>(results.front()));
        return;
      }
    if (auto transpose = dyn_cast<TransposeOp>(op))
      rotateBeforeTranspose(transpose);
    if (auto unflatten = dyn_cast<UnflattenOp>(op))
      splitBeforeTranspose(unflatten);
  });
  eraseUnused(root);
}
