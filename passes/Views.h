//===- Views.h - the same elements in another shape -------------*- C++ -*-===//
//
// Creates transposes and dimensions of size 1 and undoes what cancels out.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_VIEWS_H
#define PASSES_VIEWS_H

#include "mlir/IR/Builders.h"

namespace attn {

/// Dimension i of the result is dimension permutation[i] of `value`. Joins a
/// transpose that makes `value`; none is created for the identity.
mlir::Value createTranspose(mlir::OpBuilder &builder, mlir::Location location,
                            mlir::Value value,
                            llvm::ArrayRef<int64_t> permutation);

/// Puts a dimension of `size` in front of dimension `dim`.
mlir::Value createExpand(mlir::OpBuilder &builder, mlir::Location location,
                         mlir::Value value, int64_t dim, int64_t size = 1);

/// Merges dimensions `dim` and `dim + 1`, one of which has size 1.
mlir::Value createSqueeze(mlir::OpBuilder &builder, mlir::Location location,
                          mlir::Value value, int64_t dim);

/// Whether `op` moves elements and changes none, so that it commutes with a
/// scale: a shape operation of one operand.
bool isView(mlir::Operation *op);

/// Folds views under `root` that cancel out, rotates tokens before heads are
/// put in front of them, and erases what nothing uses.
void foldViews(mlir::Operation *root);

} // namespace attn

#endif // PASSES_VIEWS_H
