//===- AttnDialect.cpp - the attn dialect ---------------------------------===//
//
// Registers operations and attributes; verifies the attributes that the
// dialect puts on functions of other dialects.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnDialect.h"

#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace attn;

#include "dialects/attn/AttnDialect.cpp.inc"

void AttnDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/attn/AttnOps.cpp.inc"
      >();
  registerAttributes();
}

LogicalResult AttnDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  if (attribute.getName() == kLayersAttr &&
      isa<DenseI64ArrayAttr>(attribute.getValue()))
    return success();
  return op->emitOpError() << "has attribute '" << attribute.getName()
                           << "', which the attn dialect does not define here";
}
