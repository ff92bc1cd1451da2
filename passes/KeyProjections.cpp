//===- KeyProjections.cpp - keys that tasks make of stored rows -----------===//
//
// See KeyProjections.h.
//
//===----------------------------------------------------------------------===//

#include "passes/KeyProjections.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/RowParts.h"

using namespace mlir;
using namespace attn;

namespace {
/// What becomes of one product.
struct Uses {
  CacheAppendOp rows;
  /// The product, and what follows it.
  SmallVector<Operation *> ops;

  bool areHeads(Value tensor) const;
  bool areKeys(Value tensor);

private:
  bool readsValid(FlashOp flash) {
    return flash.getLengths() == rows.getLengths();
  }
};
} // namespace

/// The projection that makes `tensor`; none if it has no heads, as a latent.
static std::optional<HeadProjection> projectionOf(Value tensor) {
  if (cast<RankedTensorType>(tensor.getType()).getRank() != 4)
    return std::nullopt;
  std::string why;
  return findProjection({tensor}, why);
}

/// The heads of the product are those of `tensor`.
bool Uses::areHeads(Value tensor) const {
  std::optional<HeadProjection> projection = projectionOf(tensor);
  return projection && projection->product == ops.front();
}

/// All uses are keys or values of attention to the valid rows, or a part of
/// such keys.
bool Uses::areKeys(Value tensor) {
  auto isKey = [&](OpOperand &use) {
    auto flash = dyn_cast<FlashOp>(use.getOwner());
    return flash && readsValid(flash) && &use == &flash.getKeyMutable();
  };
  auto isRead = [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (auto flash = dyn_cast<FlashOp>(user))
      return (isKey(use) ||
              (readsValid(flash) && &use == &flash.getValueMutable())) &&
             areHeads(tensor);
    if (isa<ConcatOp>(user))
      return isRowArrangement(user) && llvm::all_of(user->getUses(), isKey) &&
             areHeads(tensor);
    if (!isa<UnflattenOp, SliceOp>(user))
      return false;
    ops.push_back(user);
    return areKeys(user->getResult(0));
  };
  return !tensor.use_empty() && llvm::all_of(tensor.getUses(), isRead);
}

KeyProjections::KeyProjections(func::FuncOp function) {
  for (auto product : function.getOps<LinearOp>()) {
    Uses uses = {product.getInput().getDefiningOp<CacheAppendOp>(), {product}};
    if (!uses.rows || uses.rows.getType().getRank() != 3)
      continue;
    if (uses.areKeys(product.getResult()))
      ops.insert_range(uses.ops);
  }
}

std::optional<HeadProjection> KeyProjections::find(Value part) const {
  std::optional<HeadProjection> projection = projectionOf(part);
  if (projection && contains(projection->product))
    return projection;
  return std::nullopt;
}

int64_t attn::projectedRank(FlashOp flash) {
  KeyProjections projections(flash->getParentOfType<func::FuncOp>());
  int64_t rank = 0;
  for (Value heads : {Value(flash.getKey()), Value(flash.getValue())})
    for (Value part : rowPartsOf(heads))
      if (std::optional<HeadProjection> projection = projections.find(part))
        rank = std::max(rank, projection->rank());
  return rank;
}
