//===- Products.h - Products of matrices ------------------------*- C++ -*-===//
//
// The products of linear layers and of scores. `Real` is what every step is
// rounded to, as in Rules.h; every element is one sum that ascends. Most of the
// work of a layer is here: the loops are blocked, and no sum is split.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REFERENCE_PRODUCTS_H
#define COMPILER_REFERENCE_PRODUCTS_H

#include "compiler/reference/Tensor.h"

namespace attn::reference {

/// A matrix in memory: how far apart its rows are, and its columns.
struct Matrix {
  const double *data = nullptr;
  int64_t rows = 0, columns = 0;
  int64_t rowStride = 0, columnStride = 1;
};

/// result[i * stride + j] = sum_k left[i, k] * right[k, j]
template <typename Real>
void multiply(const Matrix &left, const Matrix &right, double *result,
              int64_t stride);

/// lhs [..., m, k] times rhs [..., k, n], or rhs [n, k] if `transposed`, the
/// same for every batch if it has two dimensions.
template <typename Real>
Tensor matmul(const Tensor &lhs, const Tensor &rhs, bool transposed = false);

/// result[b, s, h, o] = sum_i input[b, s, h, i] * weight[h, o, i], or
/// weight[h, i, o] if `transposed`.
template <typename Real>
Tensor headLinear(const Tensor &input, const Tensor &weight, bool transposed);

} // namespace attn::reference

#endif // COMPILER_REFERENCE_PRODUCTS_H
