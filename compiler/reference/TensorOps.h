//===- TensorOps.h - Operations around attention, evaluated -----*- C++ -*-===//
//
// The link between the graph level's operations of one result and their rules.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REFERENCE_TENSOROPS_H
#define COMPILER_REFERENCE_TENSOROPS_H

#include "compiler/reference/Tensor.h"
#include "mlir/IR/Operation.h"

namespace attn::reference {

/// Whether `op` is an operation that evaluateTensorOp knows.
bool isTensorOp(mlir::Operation *op);

/// The result of `op` for `operands`, null for absent ones. Sizes that do not
/// fit each other are an error at `op`.
template <typename Real>
mlir::FailureOr<Tensor>
evaluateTensorOp(mlir::Operation *op, llvm::ArrayRef<const Tensor *> operands);

} // namespace attn::reference

#endif // COMPILER_REFERENCE_TENSOROPS_H
