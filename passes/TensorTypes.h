//===- TensorTypes.h - shapes of tensors ------------------------*- C++ -*-===//
//
// What passes ask of a value that is a ranked tensor.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_TENSORTYPES_H
#define PASSES_TENSORTYPES_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "llvm/Support/raw_ostream.h"

#include <string>

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

/// Bytes that an element takes in memory: a bit takes one.
inline int64_t elementBytes(mlir::Value tensor) {
  return llvm::divideCeil(elementOf(tensor).getIntOrFloatBitWidth(), 8);
}

inline int64_t sizeOf(mlir::Value tensor, int64_t dim) {
  return shapeOf(tensor)[dim];
}

/// The type of `tensor` with other sizes.
inline mlir::RankedTensorType typeWith(mlir::Value tensor,
                                       llvm::ArrayRef<int64_t> shape) {
  return llvm::cast<mlir::RankedTensorType>(tensor.getType()).clone(shape);
}

/// Whether tensors of graphs may hold such elements.
inline bool isGraphElement(mlir::Type element) {
  return element.isF32() || element.isF16() || element.isBF16() ||
         element.isInteger(1) || element.isInteger(32);
}

/// The type as messages have it.
inline std::string spell(mlir::Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// Whether the operands of `op`, which are tensors, hold what its result holds.
inline bool areStoredAlike(mlir::Operation *op) {
  mlir::Type stored = elementOf(op->getResult(0));
  return llvm::all_of(op->getOperands(), [&](mlir::Value operand) {
    return elementOf(operand) == stored;
  });
}

} // namespace attn

#endif // PASSES_TENSORTYPES_H
