//===- LinalgElementWriter.h - elements as attn operations ------*- C++ -*-===//
//
// Writes the expression of one element as operations on whole tensors.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_LINALGELEMENTWRITER_H
#define PASSES_LINALGELEMENTWRITER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/LinalgElement.h"

#include <string>

namespace attn {

/// Writes tensors of one type, all of whose elements are one expression.
class LinalgElementWriter {
public:
  LinalgElementWriter(mlir::OpBuilder &builder, mlir::Location location,
                      mlir::RankedTensorType type)
      : builder(builder), location(location), type(type) {}

  /// The tensor; null if a step has no operation of the dialect.
  mlir::Value write(const LinalgElement &element);

  /// The step that has none, after write returned null.
  llvm::StringRef getObstacle() const { return obstacle; }

private:
  /// A tensor of fewer sizes, a constant, or a coordinate moved by an offset.
  struct Part {
    mlir::Value tensor;
    mlir::TypedAttr constant;
    std::optional<int64_t> coordinate;
    int64_t offset = 0;

    Part() = default;
    explicit Part(mlir::Value tensor) : tensor(tensor) {}

    explicit operator bool() const {
      return tensor || constant || coordinate.has_value();
    }
  };

  Part writePart(const LinalgElement &element);
  Part writeStep(mlir::Operation *op, llvm::ArrayRef<Part> parts);
  Part writeProduct(llvm::ArrayRef<Part> parts);
  Part writeMaximum(llvm::ArrayRef<Part> parts);
  Part writeExclusion(llvm::ArrayRef<Part> parts);
  Part writeChoice(llvm::ArrayRef<Part> parts);
  Part writeComparison(mlir::arith::CmpIOp op, llvm::ArrayRef<Part> parts);
  Part writeTriangle(bool isUpper, int64_t diagonal);
  Part moveCoordinate(llvm::ArrayRef<Part> parts);
  Part castCoordinate(mlir::arith::IndexCastOp op, const Part &part);
  /// Whether a coordinate is, or may be, no number of its type.
  bool mayWrap(const Part &part, bool isUnsigned) const;
  template <typename OpTy>
  Part writeBinary(llvm::ArrayRef<Part> parts);
  template <typename OpTy>
  Part writeUnary(llvm::ArrayRef<Part> parts);

  /// The tensor of a leaf, its dimensions in order; those that it lacks have
  /// size 1, or with `isWhole` their size.
  mlir::Value align(const LinalgElement &leaf, bool isWhole);
  mlir::Value toTensor(const Part &part);
  Part fail(const llvm::Twine &what) {
    obstacle = what.str();
    return {};
  }

  mlir::OpBuilder &builder;
  mlir::Location location;
  mlir::RankedTensorType type;
  std::string obstacle;
};

} // namespace attn

#endif // PASSES_LINALGELEMENTWRITER_H
