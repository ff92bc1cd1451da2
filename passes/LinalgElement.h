//===- LinalgElement.h - one element of a linalg tensor ---------*- C++ -*-===//
//
// Structured operations compute elements by scalar operations over other
// tensors' elements. Read as an expression, it does not matter how many
// operations a computation is spread over.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_LINALGELEMENT_H
#define PASSES_LINALGELEMENT_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <optional>
#include <vector>

namespace attn {

/// How an element follows from its coordinates.
struct LinalgElement {
  /// A scalar operation of `operands`; null for a leaf.
  mlir::Operation *op = nullptr;
  std::vector<LinalgElement> operands;
  /// A leaf: an element of a tensor, at these functions of the coordinates ...
  mlir::Value tensor;
  mlir::AffineMap map;
  /// ... or a constant ...
  mlir::TypedAttr constant;
  /// ... or a coordinate.
  std::optional<int64_t> coordinate;

  /// Whether both compute the same by the same steps.
  bool operator==(const LinalgElement &other) const;
};

/// What is looked through.
enum class LinalgDepth { Movement, Computation };

/// The element of `tensor`, with the operations that move or compute elements
/// looked through; nothing if it reads what it overwrites, or is too large.
std::optional<LinalgElement> readElement(mlir::Value tensor, LinalgDepth depth);

/// Whether `op` computes each element of its one result by itself.
bool isElementwise(mlir::linalg::LinalgOp op);

/// The number that fills `tensor`; nothing if there is none.
mlir::TypedAttr findFill(mlir::Value tensor);

/// The scores whose softmax along `dim` the tensor is, spelled out as maximum,
/// exponential and sum; null if it is none.
struct LinalgSoftmax {
  mlir::Value score;
  int64_t dim = 0;
};
LinalgSoftmax matchSoftmax(mlir::Value tensor);

} // namespace attn

#endif // PASSES_LINALGELEMENT_H
