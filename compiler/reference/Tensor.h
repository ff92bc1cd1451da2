//===- Tensor.h - dense float64 tensors of the reference --------*- C++ -*-===//
//
// Row-major storage with a shape. Lengths (int32 in the IR) are held as exact
// float64 integers, so that one type serves every operand.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REFERENCE_TENSOR_H
#define COMPILER_REFERENCE_TENSOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cassert>
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

namespace attn::reference {

class Tensor {
public:
  Tensor() = default;
  explicit Tensor(llvm::ArrayRef<int64_t> shape, double fill = 0)
      : extents(shape), elements(sizeOf(shape), fill) {}
  Tensor(llvm::ArrayRef<int64_t> shape, std::vector<double> values)
      : extents(shape), elements(std::move(values)) {
    assert(sizeOf(shape) == elements.size() && "one value per element");
  }

  llvm::ArrayRef<int64_t> shape() const { return extents; }
  int64_t dim(unsigned index) const { return extents[index]; }
  int64_t rank() const { return static_cast<int64_t>(extents.size()); }
  int64_t size() const { return static_cast<int64_t>(elements.size()); }

  llvm::MutableArrayRef<double> data() { return elements; }
  llvm::ArrayRef<double> data() const { return elements; }

  /// The element at a full list of coordinates.
  template <typename... Index>
  double &operator()(Index... index) {
    return elements[offset(index...)];
  }
  template <typename... Index>
  double operator()(Index... index) const {
    return elements[offset(index...)];
  }

  /// The innermost row at all coordinates but the last.
  template <typename... Index>
  double *row(Index... index) {
    return elements.data() + offset(index..., 0);
  }
  template <typename... Index>
  const double *row(Index... index) const {
    return elements.data() + offset(index..., 0);
  }

  /// Coordinates of the element at `position` of data().
  llvm::SmallVector<int64_t> coordinates(int64_t position) const {
    llvm::SmallVector<int64_t> result(extents.size());
    for (size_t i = extents.size(); i-- > 0; position /= extents[i])
      result[i] = position % extents[i];
    return result;
  }

private:
  static size_t sizeOf(llvm::ArrayRef<int64_t> shape) {
    return std::accumulate(shape.begin(), shape.end(), int64_t(1),
                           std::multiplies<>());
  }

  template <typename... Index>
  size_t offset(Index... index) const {
    assert(sizeof...(index) == extents.size() && "one index per dimension");
    size_t result = 0, dimension = 0;
    ((result = result * extents[dimension++] + static_cast<size_t>(index)),
     ...);
    return result;
  }

  llvm::SmallVector<int64_t, 4> extents;
  std::vector<double> elements;
};

} // namespace attn::reference

#endif // COMPILER_REFERENCE_TENSOR_H
