//===- AttnMaskOps.cpp - masks and biases as tensors ----------------------===//
//
// Verifiers of the operations that build and apply masks element by element.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "dialects/attn/AttnSizesImpl.h"

using namespace mlir;
using namespace attn;

LogicalResult FullOp::verify() {
  auto type = cast<RankedTensorType>(getResult().getType());
  // full_c1
  if (!type.hasStaticShape())
    return emitOpError() << "result is " << type << ", expected static sizes";
  // full_c2
  if (isa<FloatAttr>(getValue()) == isa<FloatType>(type.getElementType()))
    return success();
  return emitOpError() << "value " << getValue() << " does not fit elements of "
                       << type.getElementType();
}

/// triu_c1, tril_c1
template <typename OpTy>
static LogicalResult verifyTriangle(OpTy op) {
  size_t rank = shapeOf(op.getInput()).size();
  if (rank >= 2)
    return success();
  return op.emitOpError() << "input has rank " << rank
                          << ", expected at least 2";
}

LogicalResult TriuOp::verify() { return verifyTriangle(*this); }
LogicalResult TrilOp::verify() { return verifyTriangle(*this); }

LogicalResult MaskedFillOp::verify() {
  // masked_fill_c1
  return checkBroadcast(*this, {getInput(), getWhere()}, getResult());
}

LogicalResult WhereOp::verify() {
  // where_c1
  return checkBroadcast(*this, {getCondition(), getLhs(), getRhs()},
                        getResult());
}

LogicalResult PositionBiasOp::verify() {
  // position_bias_c1
  if (getLengths() && failed(checkEqual(*this, "batch of score and lengths",
                                        getScore(), 0, getLengths(), 0)))
    return failure();
  // position_bias_c2
  int64_t rows = getBias().getTableRows();
  if ((rows != 0) != (getTable() != nullptr))
    return emitOpError() << "bias " << getBias()
                         << (rows ? " needs a table of " + Twine(rows) + " rows"
                                  : Twine(" reads no table"));
  if (!getTable())
    return success();
  return checkShape(*this, "table", getTable(), {rows, sizeOf(getScore(), 1)});
}
