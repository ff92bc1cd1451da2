//===- Buffer.cpp - A tensor in memory as a kernel sees it ----------------===//
//
// See Buffer.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/Buffer.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"

#include <algorithm>

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
      elementBytes(dlTypeOf(elements).bits / 8), width(this->shape.back()) {
  place(layout);
}

Buffer::Buffer(const Tensor &values, Elements elements, Layout layout)
    : Buffer(values.shape(), elements, layout) {
  llvm::ArrayRef<double> rest = values.data();
  forEachRow([&](int64_t row) {
    encode(elements, rest.take_front(width), memory.data() + row);
    rest = rest.drop_front(width);
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
    if (dimension + 1 == shape.size())
      pitch = size += strided ? kRowGap : 0;
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

void Buffer::forEachRow(llvm::function_ref<void(int64_t)> body) const {
  if (llvm::is_contained(shape, 0))
    return;
  std::vector<int64_t> at(shape.size());
  for (;;) {
    int64_t offset = base;
    for (auto [index, stride] : llvm::zip(at, strides))
      offset += index * stride;
    body(offset * elementBytes);
    // The next row: all dimensions but the last count up.
    size_t dimension = shape.size() - 1;
    while (dimension-- > 0 && ++at[dimension] == shape[dimension])
      at[dimension] = 0;
    if (dimension == SIZE_MAX)
      return;
  }
}

std::vector<uint8_t> Buffer::bytes() const {
  std::vector<uint8_t> result;
  forEachRow([&](int64_t row) {
    const uint8_t *begin = memory.data() + row;
    result.insert(result.end(), begin, begin + width * elementBytes);
  });
  return result;
}

Tensor Buffer::read() const {
  Tensor result(shape);
  llvm::MutableArrayRef<double> rest = result.data();
  forEachRow([&](int64_t row) {
    decode(elements, memory.data() + row, rest.take_front(width));
    rest = rest.drop_front(width);
  });
  return result;
}

bool Buffer::areGapsUntouched() const {
  const uint8_t *next = memory.data();
  auto isPoison = [](uint8_t byte) { return byte == kPoison; };
  auto isPoisonTo = [&](int64_t element) {
    const uint8_t *gap = next, *end = memory.data() + element * elementBytes;
    next = end + width * elementBytes;
    return std::all_of(gap, end, isPoison);
  };
  int64_t rows = 1;
  for (int64_t size : llvm::ArrayRef(shape).drop_back())
    rows *= size;
  // In memory, rows are a pitch apart whatever their order.
  for (int64_t row = 0; width > 0 && row < rows; ++row)
    if (!isPoisonTo(base + row * pitch))
      return false;
  return isPoisonTo(static_cast<int64_t>(memory.size()) / elementBytes);
}
