//===- TensorRules.cpp - What the steps around attention compute ----------===//
//
// Plain loops over coordinates: none of these is worth more than clarity.
//
//===----------------------------------------------------------------------===//

#include "compiler/reference/TensorRules.h"

#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <tuple>

using namespace attn;
using namespace attn::reference;
using llvm::ArrayRef;
using llvm::SmallVector;

/// The position in `tensor`'s data of full coordinates.
static int64_t positionOf(const Tensor &tensor, ArrayRef<int64_t> at) {
  int64_t position = 0;
  for (auto [extent, index] : llvm::zip_equal(tensor.shape(), at))
    position = position * extent + index;
  return position;
}

Tensor reference::gather(
    const Tensor &input, ArrayRef<int64_t> shape,
    llvm::function_ref<void(llvm::MutableArrayRef<int64_t>)> source) {
  Tensor result(shape);
  for (int64_t i = 0; i < result.size(); ++i) {
    SmallVector<int64_t> at = result.coordinates(i);
    source(at);
    result.data()[i] = input.data()[positionOf(input, at)];
  }
  return result;
}

Tensor reference::transpose(const Tensor &input,
                            ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> shape = llvm::map_to_vector(
      permutation, [&](int64_t dim) { return input.dim(dim); });
  return gather(input, shape, [&](llvm::MutableArrayRef<int64_t> at) {
    SmallVector<int64_t> result(at);
    for (auto [i, dim] : llvm::enumerate(permutation))
      at[dim] = result[i];
  });
}

Tensor reference::reshape(const Tensor &input, ArrayRef<int64_t> shape) {
  return Tensor(shape, std::vector<double>(input.data()));
}

Tensor reference::concat(ArrayRef<const Tensor *> inputs, int64_t dim) {
  SmallVector<int64_t> shape(inputs[0]->shape());
  shape[dim] = 0;
  for (const Tensor *input : inputs)
    shape[dim] += input->dim(dim);
  Tensor result(shape);
  int64_t begin = 0;
  for (const Tensor *input : inputs) {
    for (int64_t i = 0; i < input->size(); ++i) {
      SmallVector<int64_t> at = input->coordinates(i);
      at[dim] += begin;
      result.data()[positionOf(result, at)] = input->data()[i];
    }
    begin += input->dim(dim);
  }
  return result;
}

std::optional<SmallVector<int64_t>>
reference::broadcastShape(ArrayRef<const Tensor *> operands) {
  SmallVector<int64_t> shape;
  for (const Tensor *operand : operands) {
    ArrayRef<int64_t> sizes = operand->shape();
    if (sizes.size() > shape.size())
      shape.insert(shape.begin(), sizes.size() - shape.size(), 1);
    size_t missing = shape.size() - sizes.size();
    for (auto [i, size] : llvm::enumerate(sizes)) {
      int64_t &total = shape[missing + i];
      if (total != size && total != 1 && size != 1)
        return std::nullopt;
      total = total == 1 ? size : total;
    }
  }
  return shape;
}

/// The element of `operand` that stands at `at` of a shape it is repeated to.
static double repeatedAt(const Tensor &operand, ArrayRef<int64_t> at) {
  SmallVector<int64_t> own(at.take_back(operand.rank()));
  for (auto [i, index] : llvm::enumerate(own))
    if (operand.dim(i) == 1)
      index = 0;
  return operand.data()[positionOf(operand, own)];
}

Tensor reference::elementwise(ArrayRef<const Tensor *> operands,
                              llvm::function_ref<double(ArrayRef<double>)> f) {
  Tensor result(*broadcastShape(operands));
  SmallVector<double, 3> values(operands.size());
  for (int64_t i = 0; i < result.size(); ++i) {
    SmallVector<int64_t> at = result.coordinates(i);
    for (auto [value, operand] : llvm::zip_equal(values, operands))
      value = repeatedAt(*operand, at);
    result.data()[i] = f(values);
  }
  return result;
}

namespace {
/// A factor by its rows, or its columns: how far apart they are, and how far
/// the elements of one.
struct Strided {
  const double *data;
  int64_t stride, inner;
};
} // namespace

/// `rows` x `columns` sums, each one ascending chain of its own; so many at
/// once do not wait for each other.
template <typename Real, int64_t rows, int64_t columns>
static void multiplyBlock(const Strided &left, const Strided &right,
                          int64_t inner, double *result, int64_t stride) {
  Real sums[rows][columns] = {};
  for (int64_t k = 0; k < inner; ++k) {
    Real factors[columns];
    for (int64_t c = 0; c < columns; ++c)
      factors[c] =
          static_cast<Real>(right.data[c * right.stride + k * right.inner]);
    for (int64_t r = 0; r < rows; ++r) {
      auto x = static_cast<Real>(left.data[r * left.stride + k]);
      for (int64_t c = 0; c < columns; ++c)
        sums[r][c] += x * factors[c];
    }
  }
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      result[r * stride + c] = sums[r][c];
}

/// One matrix: blocks of rows and columns, and what is left of both.
template <typename Real>
static void multiplyMatrix(const Strided &left, const Strided &right,
                           int64_t rows, int64_t inner, int64_t columns,
                           double *result) {
  constexpr int64_t rowBlock = 8, columnBlock = 4;
  for (int64_t c = 0; c < columns;) {
    bool isWide = columns - c >= columnBlock;
    for (int64_t r = 0; r < rows;) {
      bool isHigh = rows - r >= rowBlock;
      Strided x = left, w = right;
      x.data += r * left.stride;
      w.data += c * right.stride;
      auto multiply = isHigh
                          ? (isWide ? multiplyBlock<Real, rowBlock, columnBlock>
                                    : multiplyBlock<Real, rowBlock, 1>)
                          : (isWide ? multiplyBlock<Real, 1, columnBlock>
                                    : multiplyBlock<Real, 1, 1>);
      multiply(x, w, inner, result + r * columns + c, columns);
      r += isHigh ? rowBlock : 1;
    }
    c += isWide ? columnBlock : 1;
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
  for (int64_t batch = 0; batch < lines / rows; ++batch) {
    Strided left = {lhs.data().data() + batch * rows * inner, inner, 1};
    const double *matrix = rhs.data().data() + batch * inner * columns;
    Strided right =
        transposed ? Strided{matrix, inner, 1} : Strided{matrix, 1, columns};
    multiplyMatrix<Real>(left, right, rows, inner, columns,
                         result.data().data() + batch * rows * columns);
  }
  return result;
}

template <typename Real>
Tensor reference::sum(const Tensor &input, int64_t dim) {
  SmallVector<int64_t> shape(input.shape());
  shape[dim] = 1;
  Tensor result(shape);
  for (int64_t i = 0; i < input.size(); ++i) {
    SmallVector<int64_t> at = input.coordinates(i);
    at[dim] = 0;
    double &total = result.data()[positionOf(result, at)];
    total = static_cast<Real>(total) + static_cast<Real>(input.data()[i]);
  }
  return result;
}

/// Replaces every row along the last dimension by f(row).
template <typename F>
static Tensor mapRows(Tensor tensor, F f) {
  int64_t width = tensor.dim(tensor.rank() - 1);
  if (tensor.size() == 0)
    return tensor;
  for (int64_t row = 0; row < tensor.size() / width; ++row)
    f(tensor.data().slice(row * width, width));
  return tensor;
}

/// The mean of f(x) over a row.
template <typename Real, typename F>
static Real meanOf(ArrayRef<double> row, F f) {
  Real total = 0;
  for (double x : row)
    total += f(static_cast<Real>(x));
  return total / static_cast<Real>(row.size());
}

template <typename Real>
Tensor reference::rmsNorm(const Tensor &input, double eps) {
  return mapRows(input, [&](llvm::MutableArrayRef<double> row) {
    Real square = meanOf<Real>(row, [](Real x) { return x * x; });
    Real factor = Real(1) / std::sqrt(square + static_cast<Real>(eps));
    for (double &x : row)
      x = static_cast<Real>(x) * factor;
  });
}

template <typename Real>
Tensor reference::layerNorm(const Tensor &input, double eps) {
  return mapRows(input, [&](llvm::MutableArrayRef<double> row) {
    Real mean = meanOf<Real>(row, [](Real x) { return x; });
    Real variance =
        meanOf<Real>(row, [&](Real x) { return (x - mean) * (x - mean); });
    Real factor = Real(1) / std::sqrt(variance + static_cast<Real>(eps));
    for (double &x : row)
      x = (static_cast<Real>(x) - mean) * factor;
  });
}

/// Turns pair (first, second) of every head of a token by `angle`.
static void rotate(Tensor &tensor, int64_t batch, int64_t token,
                   std::pair<int64_t, int64_t> pair, double cosine,
                   double sine) {
  for (int64_t head = 0; head < tensor.dim(2); ++head) {
    double &x = tensor(batch, token, head, pair.first);
    double &y = tensor(batch, token, head, pair.second);
    std::tie(x, y) = std::pair(x * cosine - y * sine, x * sine + y * cosine);
  }
}

Tensor reference::rope(const Tensor &input, const Tensor *positions,
                       RopeAttr rope) {
  SmallVector<float> frequencies = rope.getFrequencies(input.dim(3));
  auto pairs = static_cast<int64_t>(frequencies.size());
  bool interleaved = rope.getPairing() == Pairing::Interleaved;
  double amplitude = rope.getAmplitude();
  Tensor result = input;
  for (int64_t batch = 0; batch < input.dim(0); ++batch)
    for (int64_t token = 0; token < input.dim(1); ++token) {
      auto position = static_cast<float>(token);
      if (positions)
        position = static_cast<float>(
            (*positions)(positions->dim(0) == 1 ? 0 : batch, token));
      for (int64_t i = 0; i < pairs; ++i) {
        double angle = position * frequencies[i]; // rounded to f32
        rotate(result, batch, token,
               interleaved ? std::pair(2 * i, 2 * i + 1)
                           : std::pair(i, i + pairs),
               amplitude * std::cos(angle), amplitude * std::sin(angle));
      }
    }
  return result;
}

namespace attn::reference {
template Tensor matmul<double>(const Tensor &, const Tensor &, bool);
template Tensor matmul<float>(const Tensor &, const Tensor &, bool);
template Tensor sum<double>(const Tensor &, int64_t);
template Tensor sum<float>(const Tensor &, int64_t);
template Tensor rmsNorm<double>(const Tensor &, double);
template Tensor rmsNorm<float>(const Tensor &, double);
template Tensor layerNorm<double>(const Tensor &, double);
template Tensor layerNorm<float>(const Tensor &, double);
} // namespace attn::reference
