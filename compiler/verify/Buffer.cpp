//===- Buffer.cpp - A tensor in memory as a kernel sees it ----------------===//
//
// See Buffer.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/Buffer.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/bit.h"

using namespace attn;
using namespace attn::verify;
using attn::reference::Tensor;

/// A quiet NaN as float32 and a length out of range as int32.
static constexpr uint32_t kPoison = 0xffffffff;
/// Words before and behind the elements.
static constexpr int64_t kMargin = 32;
/// Words between the rows of a strided tensor, and before its first one.
static constexpr int64_t kRowGap = 3, kFirstGap = 5;

Buffer::Buffer(llvm::ArrayRef<int64_t> shape, Layout layout) : shape(shape) {
  place(layout);
}

Buffer::Buffer(const Tensor &values, bool isLengths, Layout layout)
    : shape(values.shape()) {
  place(layout);
  if (isLengths)
    tensor.dtype = {.code = kDLInt, .bits = 32, .lanes = 1};
  const double *next = values.data().data();
  forEachRow([&](int64_t begin, int64_t end) {
    for (int64_t word = begin; word < end; ++word, ++next)
      words[word] = isLengths
                        ? static_cast<uint32_t>(*next)
                        : llvm::bit_cast<uint32_t>(static_cast<float>(*next));
  });
}

/// The dimensions from the one that is outermost in memory to the innermost.
static llvm::SmallVector<unsigned> memoryOrder(size_t rank, Layout layout) {
  llvm::SmallVector<unsigned> order =
      llvm::to_vector(llvm::seq<unsigned>(0, static_cast<unsigned>(rank)));
  if (layout == Layout::Strided && rank == 4)
    std::swap(order[1], order[2]);
  if (layout == Layout::Strided && rank == 3)
    std::swap(order[0], order[1]);
  return order;
}

void Buffer::place(Layout layout) {
  bool strided = layout == Layout::Strided;
  strides.assign(shape.size(), 1);
  int64_t size = 1;
  llvm::SmallVector<unsigned> order = memoryOrder(shape.size(), layout);
  for (unsigned dimension : llvm::reverse(order)) {
    strides[dimension] = size;
    size *= shape[dimension];
    if (strided && dimension + 1 == shape.size())
      size += kRowGap;
  }
  int64_t offset = strided ? kFirstGap : 0;
  base = kMargin + offset;
  words.assign(base + size + kMargin, kPoison);
  tensor.data = words.data() + kMargin;
  tensor.device = {.device_type = kDLCPU, .device_id = 0};
  tensor.ndim = static_cast<int32_t>(shape.size());
  tensor.dtype = {.code = kDLFloat, .bits = 32, .lanes = 1};
  tensor.shape = shape.data();
  tensor.strides = strided ? strides.data() : nullptr;
  tensor.byte_offset = offset * sizeof(uint32_t);
}

void Buffer::forEachRow(llvm::function_ref<void(int64_t, int64_t)> body) const {
  if (llvm::is_contained(shape, 0))
    return;
  std::vector<int64_t> at(shape.size());
  for (;;) {
    int64_t offset = base;
    for (auto [index, stride] : llvm::zip(at, strides))
      offset += index * stride;
    body(offset, offset + shape.back());
    // The next row: all dimensions but the last count up.
    size_t dimension = shape.size() - 1;
    while (dimension-- > 0 && ++at[dimension] == shape[dimension])
      at[dimension] = 0;
    if (dimension == SIZE_MAX)
      return;
  }
}

std::vector<uint32_t> Buffer::bits() const {
  std::vector<uint32_t> result;
  forEachRow([&](int64_t begin, int64_t end) {
    result.insert(result.end(), words.begin() + begin, words.begin() + end);
  });
  return result;
}

Tensor Buffer::read() const {
  Tensor result(shape);
  for (auto [value, bits] : llvm::zip(result.data(), bits()))
    value = llvm::bit_cast<float>(bits);
  return result;
}

bool Buffer::areGapsUntouched() const {
  std::vector<bool> isElement(words.size());
  forEachRow([&](int64_t begin, int64_t end) {
    std::fill(isElement.begin() + begin, isElement.begin() + end, true);
  });
  for (auto [word, element] : llvm::zip(words, isElement))
    if (!element && word != kPoison)
      return false;
  return true;
}
