//===- TensorTypes.h - shapes of tensors ------------------------*- C++ -*-===//
//
// What passes ask of a value that is a ranked tensor.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_TENSORTYPES_H
#define PASSES_TENSORTYPES_H

#include "mlir/IR/BuiltinTypes.h"

namespace attn {

inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value tensor) {
  return llvm::cast<mlir::RankedTensorType>(tensor.getType()).getShape();
}

inline int64_t rankOf(mlir::Value tensor) {
  return static_cast<int64_t>(shapeOf(tensor).size());
}

inline mlir::Type elementOf(mlir::Value tensor) {
  return llvm::cast<mlir::RankedTensorType>(tensor.getType()).getElementType();
}

} // namespace attn

#endif // PASSES_TENSORTYPES_H
