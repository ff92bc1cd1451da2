//===- RowParts.cpp - keys that stand in several tensors ------------------===//
//
// See RowParts.h.
//
//===----------------------------------------------------------------------===//

#include "passes/RowParts.h"

#include "dialects/attn/AttnOps.h"
#include "passes/TensorTypes.h"

using namespace mlir;
using namespace attn;

/// [batch, keys, size] -> [batch, keys, 1, size]
static bool isOneHead(ExpandOp op) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  return op.getDim() == 2 && type.getRank() == 4 && type.getDimSize(2) == 1;
}

/// Elements of [batch, keys, heads, size] side by side, all stored alike.
static bool joinsElements(ConcatOp op) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  return op.getDim() == 3 && type.getRank() == 4 && areStoredAlike(op);
}

static bool arranges(Operation *op) {
  if (auto expand = dyn_cast<ExpandOp>(op))
    return isOneHead(expand);
  auto concat = dyn_cast<ConcatOp>(op);
  return concat && joinsElements(concat);
}

SmallVector<Value> attn::rowPartsOf(Value heads) {
  Operation *op = heads.getDefiningOp();
  if (!op || !arranges(op))
    return {heads};
  if (auto expand = dyn_cast<ExpandOp>(op))
    return {expand.getInput()};
  SmallVector<Value> parts;
  for (Value input : cast<ConcatOp>(op).getInputs())
    parts.append(rowPartsOf(input));
  return parts;
}

bool attn::isRowArrangement(Operation *op) {
  return arranges(op) && llvm::all_of(op->getUses(), [](OpOperand &use) {
           if (auto flash = dyn_cast<FlashOp>(use.getOwner()))
             return use.get() != flash.getQuery();
           return isRowArrangement(use.getOwner());
         });
}
