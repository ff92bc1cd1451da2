//===- Products.cpp - Products of matrices --------------------------------===//
//
// Columns are widened or rounded once for all rows, into panels that a block of
// rows reads in order.
//
//===----------------------------------------------------------------------===//

#include "compiler/reference/Products.h"

#include <algorithm>

// Every product is rounded before it is added, whatever the host could fuse.
#pragma STDC FP_CONTRACT OFF

using namespace attn;
using namespace attn::reference;
using llvm::SmallVector;

/// The rows of a block.
static constexpr int64_t kRows = 4;
/// The most columns of a panel.
static constexpr int64_t kMostColumns = 16;

/// The rows of `left` one after the other.
template <typename Real>
static std::vector<Real> copyRows(const Matrix &left) {
  std::vector<Real> copy(left.rows * left.columns);
  Real *next = copy.data();
  for (int64_t row = 0; row < left.rows; ++row)
    for (int64_t k = 0; k < left.columns; ++k)
      *next++ = static_cast<Real>(
          left.data[row * left.rowStride + k * left.columnStride]);
  return copy;
}

/// The columns of `right` from `first` on as [k][column], `width` of them; 0
/// behind the last.
template <typename Real>
static void copyPanel(const Matrix &right, int64_t first, int64_t width,
                      std::vector<Real> &panel) {
  int64_t columns = std::min(width, right.columns - first);
  if (columns < width)
    std::fill(panel.begin(), panel.end(), Real(0));
  const double *source = right.data + first * right.columnStride;
  for (int64_t k = 0; k < right.rows; ++k)
    for (int64_t c = 0; c < columns; ++c)
      panel[k * width + c] = static_cast<Real>(
          source[k * right.rowStride + c * right.columnStride]);
}

/// `rows` rows of `left`, `inner` elements each, times a panel. Each sum is an
/// ascending chain of its own; so many at once do not wait for each other.
template <typename Real, int64_t rows, int64_t width>
[[gnu::always_inline]] static inline void
multiplyBlock(const Real *left, const Real *panel, int64_t inner, Real *sums) {
  Real own[rows][width] = {};
  for (int64_t k = 0; k < inner; ++k)
    for (int64_t r = 0; r < rows; ++r) {
      Real x = left[r * inner + k];
      for (int64_t c = 0; c < width; ++c)
        own[r][c] += x * panel[k * width + c];
    }
  std::copy_n(&own[0][0], rows * width, sums);
}

namespace {
/// Products of a whole block of rows, and of one row, with panels whose sums
/// fill the vector registers.
template <typename Real>
struct Loops {
  using Function = void (*)(const Real *left, const Real *panel, int64_t inner,
                            Real *sums);
  int64_t width;
  Function multiplyRows, multiplyRow;
};
} // namespace

template <typename Real, int64_t rows, int64_t width>
static void multiplyPlain(const Real *left, const Real *panel, int64_t inner,
                          Real *sums) {
  multiplyBlock<Real, rows, width>(left, panel, inner, sums);
}

#ifdef __x86_64__
/// The same bits: without FMA, every step rounds as anywhere else.
template <typename Real, int64_t rows, int64_t width>
[[gnu::target("avx2")]] static void
multiplyAvx2(const Real *left, const Real *panel, int64_t inner, Real *sums) {
  multiplyBlock<Real, rows, width>(left, panel, inner, sums);
}
#endif

template <typename Real>
static Loops<Real> chooseLoops() {
#ifdef __x86_64__
  constexpr int64_t wide = sizeof(Real) == sizeof(float) ? kMostColumns : 8;
  if (__builtin_cpu_supports("avx2"))
    return {wide, multiplyAvx2<Real, kRows, wide>, multiplyAvx2<Real, 1, wide>};
#endif
  constexpr int64_t width = sizeof(Real) == sizeof(float) ? kMostColumns : 4;
  return {width, multiplyPlain<Real, kRows, width>,
          multiplyPlain<Real, 1, width>};
}

template <typename Real>
void reference::multiply(const Matrix &left, const Matrix &right,
                         double *result, int64_t stride) {
  Loops<Real> loops = chooseLoops<Real>();
  int64_t inner = left.columns, width = loops.width;
  std::vector<Real> rows = copyRows<Real>(left), panel(inner * width);
  Real sums[kRows * kMostColumns];
  for (int64_t first = 0; first < right.columns; first += width) {
    copyPanel(right, first, width, panel);
    int64_t columns = std::min(width, right.columns - first);
    for (int64_t row = 0; row < left.rows;) {
      bool isWhole = left.rows - row >= kRows;
      auto multiply = isWhole ? loops.multiplyRows : loops.multiplyRow;
      multiply(rows.data() + row * inner, panel.data(), inner, sums);
      for (int64_t r = 0, end = isWhole ? kRows : 1; r < end; ++r, ++row)
        std::copy_n(sums + r * width, columns, result + row * stride + first);
    }
  }
}

template <typename Real>
Tensor reference::matmul(const Tensor &lhs, const Tensor &rhs,
                         bool transposed) {
  int64_t rank = lhs.rank(), inner = lhs.dim(rank - 1);
  int64_t columns = rhs.dim(rhs.rank() - (transposed ? 2 : 1));
  SmallVector<int64_t> shape(lhs.shape());
  shape.back() = columns;
  Tensor result(shape);
  if (!inner || !lhs.size())
    return result;
  int64_t lines = lhs.size() / inner;
  // A shared rhs makes one matrix of all rows.
  int64_t rows = rhs.rank() == 2 ? lines : rank > 1 ? lhs.dim(rank - 2) : 1;
  Matrix left = {lhs.data().data(), rows, inner, inner};
  Matrix right = {rhs.data().data(), inner, columns, transposed ? 1 : columns,
                  transposed ? inner : 1};
  double *next = result.data().data();
  for (int64_t batch = 0; batch < lines / rows; ++batch) {
    multiply<Real>(left, right, next, columns);
    left.data += rows * inner;
    right.data += inner * columns;
    next += rows * columns;
  }
  return result;
}

template <typename Real>
Tensor reference::headLinear(const Tensor &input, const Tensor &weight,
                             bool transposed) {
  int64_t heads = input.dim(2), inputs = input.dim(3);
  int64_t outputs = weight.dim(transposed ? 2 : 1);
  Tensor result({input.dim(0), input.dim(1), heads, outputs});
  if (!input.size())
    return result;
  Matrix left = {input.data().data(), input.dim(0) * input.dim(1), inputs,
                 heads * inputs};
  Matrix right = {weight.data().data(), inputs, outputs,
                  transposed ? outputs : 1, transposed ? 1 : inputs};
  double *next = result.data().data();
  for (int64_t head = 0; head < heads; ++head) {
    multiply<Real>(left, right, next, heads * outputs);
    left.data += inputs;
    right.data += inputs * outputs;
    next += outputs;
  }
  return result;
}

namespace attn::reference {
template void multiply<double>(const Matrix &, const Matrix &, double *,
                               int64_t);
template void multiply<float>(const Matrix &, const Matrix &, double *,
                              int64_t);
template Tensor matmul<double>(const Tensor &, const Tensor &, bool);
template Tensor matmul<float>(const Tensor &, const Tensor &, bool);
template Tensor headLinear<double>(const Tensor &, const Tensor &, bool);
template Tensor headLinear<float>(const Tensor &, const Tensor &, bool);
} // namespace attn::reference
