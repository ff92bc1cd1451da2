//===- GraphElements.h - graph operations element by element ----*- C++ -*-===//
//
// What elementwise operations of the graph compute, as arith and math
// operations on one element.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_GRAPHELEMENTS_H
#define PASSES_GRAPHELEMENTS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Operation.h"

namespace attn {

/// The operation maps elements that stand at the same place.
bool isElementwise(mlir::Operation *op);

/// The operation reads rows as a whole: a norm or a rotation.
bool takesRows(mlir::Operation *op);

/// The elements that a triangle decides on by their places: attn.triu, tril.
bool isTriangle(mlir::Operation *op);

/// The result's element for one of each operand, in order; a triangle takes the
/// indices along the last two dimensions after them.
mlir::Value emitElement(mlir::OpBuilder &b, mlir::Operation *op,
                        mlir::ValueRange elements);

} // namespace attn

#endif // PASSES_GRAPHELEMENTS_H
