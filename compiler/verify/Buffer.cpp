//===- Buffer.cpp - A tensor in memory as a kernel sees it ----------------===//
//
// See Buffer.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/Buffer.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"

#include <cstring>

using namespace attn;
using namespace attn::verify;
using attn::reference::Tensor;

/// Of every byte: a quiet NaN as any float, a length out of range as int32, no
/// bool.
static constexpr uint8_t kPoison = 0xff;
/// Elements before and behind the tensor's.
static constexpr int64_t kMargin = 32;
/// Elements between the rows of a strided tensor, and before its first one.
static constexpr int64_t kRowGap = 3, kFirstGap = 5;

Buffer::Buffer(llvm::ArrayRef<int64_t> shape, Layout layout)
    : Buffer(shape, Elements::F32, layout) {}

Buffer::Buffer(llvm::ArrayRef<int64_t> shape, Elements elements, Layout layout)
    : shape(shape), elements(elements),
      elementBytes(dlTypeOf(elements).bits / 8) {
  place(layout);
}

Buffer::Buffer(const Tensor &values, Elements elements, Layout layout)
    : Buffer(values.shape(), elements, layout) {
  const double *next = values.data().data();
  forEachRow([&](int64_t begin, int64_t end) {
    for (int64_t element = begin; element < end; ++element, ++next)
      set(element, encode(elements, *next));
  });
}

uint32_t Buffer::get(int64_t element) const {
  uint32_t bits = 0;
  std::memcpy(&bits, memory.data() + element * elementBytes, elementBytes);
  return bits;
}

void Buffer::set(int64_t element, uint32_t bits) {
  std::memcpy(memory.data() + element * elementBytes, &bits, elementBytes);
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
  memory.assign((base + size + kMargin) * elementBytes, kPoison);
  tensor.data = memory.data() + kMargin * elementBytes;
  tensor.device = {.device_type = kDLCPU, .device_id = 0};
  tensor.ndim = static_cast<int32_t>(shape.size());
  tensor.dtype = dlTypeOf(elements);
  tensor.shape = shape.data();
  tensor.strides = strided ? strides.data() : nullptr;
  tensor.byte_offset = offset * elementBytes;
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
    for (int64_t element = begin; element < end; ++element)
      result.push_back(get(element));
  });
  return result;
}

Tensor Buffer::read() const {
  Tensor result(shape);
  for (auto [value, bits] : llvm::zip(result.data(), bits()))
    value = decode(elements, bits);
  return result;
}

bool Buffer::areGapsUntouched() const {
  std::vector<bool> isElement(memory.size());
  forEachRow([&](int64_t begin, int64_t end) {
    std::fill(isElement.begin() + begin * elementBytes,
              isElement.begin() + end * elementBytes, true);
  });
  for (auto [byte, element] : llvm::zip(memory, isElement))
    if (!element && byte != kPoison)
      return false;
  return true;
}
