//===- Slice.cpp - Parts of a tensor --------------------------------------===//
//
// See Slice.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/Slice.h"

using attn::reference::Tensor;

Tensor attn::verify::slice(const Tensor &tensor, unsigned dimension,
                           int64_t begin, int64_t count, double fill) {
  llvm::SmallVector<int64_t> shape(tensor.shape());
  int64_t extent = shape[dimension], outer = 1, inner = 1;
  for (auto [i, size] : llvm::enumerate(shape))
    (i < dimension ? outer : inner) *= i == dimension ? 1 : size;
  shape[dimension] = count;
  Tensor result(shape, fill);
  int64_t copied = std::clamp(extent - begin, int64_t(0), count);
  for (int64_t i = 0; i < outer; ++i)
    std::copy_n(tensor.data().data() + (i * extent + begin) * inner,
                copied * inner, result.data().data() + i * count * inner);
  return result;
}

Tensor attn::verify::withHeads(const Tensor &tensor) {
  llvm::SmallVector<int64_t> shape(tensor.shape());
  if (shape.size() == 3)
    shape.insert(shape.begin() + 2, 1);
  return Tensor(shape, tensor.data().vec());
}
