//===- AttnSizesImpl.h - comparing sizes of tensors -------------*- C++ -*-===//
//
// What the verifiers of all operations ask of shapes. Two sizes agree unless
// both are static and differ.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNSIZESIMPL_H
#define DIALECTS_ATTN_ATTNSIZESIMPL_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"

namespace attn {

bool agree(int64_t a, int64_t b);

/// The shape of a ranked tensor.
llvm::ArrayRef<int64_t> shapeOf(mlir::Value value);

/// Size of a dimension of a ranked tensor.
int64_t sizeOf(mlir::Value value, unsigned dimension);

/// A size for a message: 32, or ?.
std::string formatSize(int64_t size);

/// Dimension `leftDim` of `left` and `rightDim` of `right` are the same size.
llvm::LogicalResult checkEqual(mlir::Operation *op, llvm::StringRef what,
                               mlir::Value left, unsigned leftDim,
                               mlir::Value right, unsigned rightDim);

/// `value` has the rank of `expected`, and sizes that agree.
llvm::LogicalResult checkShape(mlir::Operation *op, llvm::StringRef what,
                               mlir::Value value,
                               llvm::ArrayRef<int64_t> expected);

/// `cap` bounds scores: it is positive and finite in f32.
llvm::LogicalResult checkSoftcap(mlir::Operation *op, double cap);

/// `dim` is a dimension of `value`.
llvm::LogicalResult checkDim(mlir::Operation *op, int64_t dim,
                             mlir::Value value);

/// The sizes of `operands`, aligned at the last dimension, are those of
/// `result`; a static 1 or a missing dimension is repeated. Every dimension of
/// the result comes from an operand.
llvm::LogicalResult checkBroadcast(mlir::Operation *op,
                                   mlir::ValueRange operands,
                                   mlir::Value result);

} // namespace attn

#endif // DIALECTS_ATTN_ATTNSIZESIMPL_H
