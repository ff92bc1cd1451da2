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

void attn::foldViews(Operation *root) {
  root->walk([](Operation *op) {
    if (!isa<TransposeOp, FlattenOp, UnflattenOp>(op))
      return;
    SmallVector<OpFoldResult> results;
    while (succeeded(op->fold(results)))
      if (!results.empty()) {
        op->getResult(0).replaceAllUsesWith(cast<Value>(results.front()));
        return;
      }
  });
  eraseUnused(root);
}
