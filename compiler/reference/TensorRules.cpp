//===- TensorRules.cpp - What the steps around attention compute ----------===//
//
// Plain loops over rows: results have as many elements as a layer of a large
// model.
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

/// How far apart neighbours along each dimension of a tensor are.
using Strides = SmallVector<int64_t>;

static Strides stridesOf(ArrayRef<int64_t> shape) {
  Strides strides(shape.size(), 1);
  for (size_t dim = shape.size(); dim-- > 1;)
    strides[dim - 1] = strides[dim] * shape[dim];
  return strides;
}

/// Calls body(positions) for every row along the last dimension of `shape`,
/// with where it begins in tensors of these strides. Rows of no elements begin
/// nowhere.
template <typename Body>
static void forEachRow(ArrayRef<int64_t> shape, ArrayRef<Strides> strides,
                       Body body) {
  int64_t rows = shape.back() ? 1 : 0;
  for (int64_t size : shape.drop_back())
    rows *= size;
  SmallVector<int64_t, 3> positions(strides.size());
  for (int64_t row = 0; row < rows; ++row) {
    llvm::fill(positions, 0);
    int64_t rest = row;
    for (size_t dim = shape.size() - 1; dim-- > 0; rest /= shape[dim])
      for (auto [position, own] : llvm::zip_equal(positions, strides))
        position += rest % shape[dim] * own[dim];
    body(positions);
  }
}

namespace {
/// A tensor as [outer, extent, inner] around one of its dimensions.
struct Extents {
  int64_t outer = 1, extent, inner = 1;
};
} // namespace

static Extents extentsAround(const Tensor &tensor, int64_t dim) {
  Extents extents = {.extent = tensor.dim(dim)};
  for (int64_t size : tensor.shape().take_front(dim))
    extents.outer *= size;
  for (int64_t size : tensor.shape().drop_front(dim + 1))
    extents.inner *= size;
  return extents;
}

Tensor reference::gather(const Tensor &input, int64_t dim, int64_t size,
                         llvm::function_ref<int64_t(int64_t)> source) {
  SmallVector<int64_t> shape(input.shape());
  shape[dim] = size;
  Tensor result(shape);
  auto [outer, extent, inner] = extentsAround(input, dim);
  double *next = result.data().data();
  for (int64_t block = 0; block < outer; ++block)
    for (int64_t i = 0; i < size; ++i)
      next = std::copy_n(input.data().data() +
                             (block * extent + source(i)) * inner,
                         inner, next);
  return result;
}

Tensor reference::transpose(const Tensor &input,
                            ArrayRef<int64_t> permutation) {
  Strides own = stridesOf(input.shape()), strides;
  SmallVector<int64_t> shape;
  for (int64_t dim : permutation) {
    shape.push_back(input.dim(dim));
    strides.push_back(own[dim]);
  }
  Tensor result(shape);
  double *next = result.data().data();
  forEachRow(shape, strides, [&](ArrayRef<int64_t> positions) {
    const double *row = input.data().data() + positions[0];
    for (int64_t i = 0; i < shape.back(); ++i)
      *next++ = row[i * strides.back()];
  });
  return result;
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
  double *next = result.data().data();
  for (int64_t block = 0; block < extentsAround(result, dim).outer; ++block)
    for (const Tensor *input : inputs) {
      auto [outer, extent, inner] = extentsAround(*input, dim);
      next = std::copy_n(input->data().data() + block * extent * inner,
                         extent * inner, next);
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

/// Strides of `operand` in a shape of `rank` dimensions that it is repeated to.
static Strides repeatedStrides(const Tensor &operand, size_t rank) {
  Strides strides = stridesOf(operand.shape());
  for (auto [size, stride] : llvm::zip_equal(operand.shape(), strides))
    if (size == 1)
      stride = 0;
  strides.insert(strides.begin(), rank - strides.size(), 0);
  return strides;
}

Tensor reference::elementwise(ArrayRef<const Tensor *> operands,
                              llvm::function_ref<double(ArrayRef<double>)> f) {
  SmallVector<int64_t> shape = *broadcastShape(operands);
  Tensor result(shape);
  if (shape.empty())
    shape.push_back(1);
  SmallVector<Strides, 3> strides;
  for (const Tensor *operand : operands)
    strides.push_back(repeatedStrides(*operand, shape.size()));
  SmallVector<double, 3> values(operands.size());
  double *next = result.data().data();
  forEachRow(shape, strides, [&](ArrayRef<int64_t> positions) {
    for (int64_t i = 0; i < shape.back(); ++i) {
      for (size_t o = 0; o < values.size(); ++o)
        values[o] = operands[o]->data()[positions[o] + i * strides[o].back()];
      *next++ = f(values);
    }
  });
  return result;
}

template <typename Real>
Tensor reference::sum(const Tensor &input, int64_t dim) {
  SmallVector<int64_t> shape(input.shape());
  shape[dim] = 1;
  Tensor result(shape);
  auto [outer, extent, inner] = extentsAround(input, dim);
  const double *next = input.data().data();
  for (int64_t block = 0; block < outer; ++block)
    for (int64_t i = 0; i < extent; ++i)
      for (double &total : result.data().slice(block * inner, inner))
        total = static_cast<Real>(total) + static_cast<Real>(*next++);
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
template Tensor sum<double>(const Tensor &, int64_t);
template Tensor sum<float>(const Tensor &, int64_t);
template Tensor rmsNorm<double>(const Tensor &, double);
template Tensor rmsNorm<float>(const Tensor &, double);
template Tensor layerNorm<double>(const Tensor &, double);
template Tensor layerNorm<float>(const Tensor &, double);
} // namespace attn::reference
