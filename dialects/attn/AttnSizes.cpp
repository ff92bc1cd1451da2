//===- AttnSizes.cpp - comparing sizes of tensors -------------------------===//
//
// What the verifiers of all operations ask of shapes.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnSizesImpl.h"

using namespace mlir;

bool attn::agree(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
}

ArrayRef<int64_t> attn::shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

int64_t attn::sizeOf(Value value, unsigned dimension) {
  return shapeOf(value)[dimension];
}

std::string attn::formatSize(int64_t size) {
  return ShapedType::isDynamic(size) ? "?" : std::to_string(size);
}

LogicalResult attn::checkEqual(Operation *op, StringRef what, Value left,
                               unsigned leftDim, Value right,
                               unsigned rightDim) {
  if (agree(sizeOf(left, leftDim), sizeOf(right, rightDim)))
    return success();
  return op->emitOpError() << what << " differ: " << sizeOf(left, leftDim)
                           << " and " << sizeOf(right, rightDim);
}

/// [2, ?, 64]
static std::string formatShape(ArrayRef<int64_t> shape) {
  return "[" + llvm::join(llvm::map_range(shape, attn::formatSize), ", ") + "]";
}

LogicalResult attn::checkShape(Operation *op, StringRef what, Value value,
                               ArrayRef<int64_t> expected) {
  ArrayRef<int64_t> shape = shapeOf(value);
  if (shape.size() == expected.size() &&
      llvm::all_of(llvm::zip_equal(shape, expected), [](auto sizes) {
        return agree(std::get<0>(sizes), std::get<1>(sizes));
      }))
    return success();
  return op->emitOpError() << what << " has shape " << formatShape(shape)
                           << ", expected " << formatShape(expected);
}

LogicalResult attn::checkDim(Operation *op, int64_t dim, Value value) {
  int64_t rank = shapeOf(value).size();
  if (dim >= 0 && dim < rank)
    return success();
  return op->emitOpError() << "dimension " << dim
                           << " is none of a tensor of rank " << rank;
}

/// The size of `shape` that is aligned with dimension `dim` of `rank`; 1 if it
/// has none.
static int64_t alignedSize(ArrayRef<int64_t> shape, int64_t dim, int64_t rank) {
  int64_t missing = rank - static_cast<int64_t>(shape.size());
  return dim < missing ? 1 : shape[dim - missing];
}

LogicalResult attn::checkBroadcast(Operation *op, ValueRange operands,
                                   Value result) {
  int64_t rank = shapeOf(result).size();
  for (Value operand : operands)
    if (static_cast<int64_t>(shapeOf(operand).size()) > rank)
      return op->emitOpError()
             << "result has rank " << rank << " and an operand "
             << shapeOf(operand).size() << ", expected at most as many";
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t size = sizeOf(result, dim);
    auto isRepeated = [&](Value operand) {
      return alignedSize(shapeOf(operand), dim, rank) == 1;
    };
    for (Value operand : operands) {
      int64_t other = alignedSize(shapeOf(operand), dim, rank);
      if (!isRepeated(operand) && !agree(other, size))
        return op->emitOpError()
               << "dimension " << dim << " of the result is "
               << formatSize(size) << ", expected " << formatSize(other);
    }
    if (size != 1 && llvm::all_of(operands, isRepeated))
      return op->emitOpError() << "dimension " << dim << " of the result is "
                               << formatSize(size) << ", expected 1";
  }
  return success();
}
