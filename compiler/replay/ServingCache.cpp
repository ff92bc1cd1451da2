//===- ServingCache.cpp - Caches as engines keep them ---------------------===//
//
// See ServingCache.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/replay/ServingCache.h"

#include "compiler/verify/Random.h"
#include "llvm/ADT/STLExtras.h"

#include <cstring>
#include <fmt/format.h>
#include <numeric>

using namespace attn;
using namespace attn::replay;
using llvm::ArrayRef;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

std::string CacheLayout::name() const {
  if (!pageRows)
    return headMajor ? "head-major" : "contiguous";
  return fmt::format("pages:{}{}", pageRows, headMajor ? ":head-major" : "");
}

std::optional<CacheLayout> CacheLayout::parse(StringRef name) {
  if (name == "contiguous")
    return CacheLayout{};
  if (name == "head-major")
    return CacheLayout{.headMajor = true};
  CacheLayout layout;
  if (!name.consume_front("pages:"))
    return std::nullopt;
  layout.headMajor = name.consume_back(":head-major");
  constexpr int64_t most = 1 << 20;
  if (name.getAsInteger(10, layout.pageRows) || layout.pageRows < 1 ||
      layout.pageRows > most)
    return std::nullopt;
  return layout;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

CacheTensor::CacheTensor(const CacheLayout &layout,
                         const KernelTensor &kernelTensor, int64_t outer,
                         int64_t rows)
    : wanted(kernelTensor), shape(kernelTensor.shape({outer, rows})),
      strides(shape.size(), 1) {
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  if (layout.headMajor && wanted.sizes.size() == 2) {
    strides[1] = wanted.sizes[1];
    strides[2] = rows * wanted.sizes[1];
  }
  memory =
      std::make_unique<HugeBuffer>(outer * strides[0] * wanted.elementBytes());
  tensor = {.data = memory->data(),
            .device = {kDLCPU, 0},
            .ndim = static_cast<int32_t>(shape.size()),
            .dtype = wanted.type(),
            .shape = shape.data(),
            .strides = strides.data(),
            .byte_offset = 0};
}

void CacheTensor::put(int64_t outer, int64_t row, ArrayRef<double> values) {
  int64_t bytes = wanted.elementBytes(), width = shape.back();
  int64_t begin = outer * strides[0] + row * strides[1];
  for (int64_t i = 0; i < wanted.width; ++i) {
    int64_t element = begin + i % width;
    if (shape.size() == 4)
      element += i / width * strides[2];
    // The low bytes come first on every machine that kernels run on.
    uint32_t bits = verify::encode(wanted.elements, values[i]);
    std::memcpy(memory->data() + element * bytes, &bits, bytes);
  }
}

//===----------------------------------------------------------------------===//
// Caches
//===----------------------------------------------------------------------===//

ServingCache::ServingCache(const CacheLayout &layout,
                           ArrayRef<KernelTensor> tensors, int64_t slots,
                           int64_t capacity)
    : cacheLayout(layout) {
  int64_t outer = slots, rows = capacity;
  if (layout.pageRows) {
    rows = layout.pageRows;
    perSlot = (capacity + rows - 1) / rows;
    outer = slots * perSlot;
    pages.assign(outer, 0);
    taken.assign(slots, 0);
    free.resize(outer);
    std::iota(free.begin(), free.end(), 0);
    // Neighbours in a sequence are strangers in memory.
    verify::Random random(static_cast<uint64_t>(rows));
    for (int64_t i = outer; i-- > 1;)
      std::swap(free[i], free[random.next() % static_cast<uint64_t>(i + 1)]);
  }
  for (const KernelTensor &tensor : tensors)
    if (tensor.role == TensorRole::Cache)
      caches.emplace_back(layout, tensor, outer, rows);
}

bool ServingCache::isUsable() const {
  return llvm::all_of(
      caches, [](const CacheTensor &cache) { return cache.isUsable(); });
}

void ServingCache::reserve(int64_t slot, int64_t rows) {
  if (!cacheLayout.pageRows)
    return;
  int64_t wanted = (rows + cacheLayout.pageRows - 1) / cacheLayout.pageRows;
  int32_t *own = &pages[slot * perSlot];
  for (int64_t &count = taken[slot]; count < wanted; ++count) {
    own[count] = free.back();
    free.pop_back();
  }
  for (int64_t &count = taken[slot]; count > wanted; --count)
    free.push_back(own[count - 1]);
}

std::pair<int64_t, int64_t> ServingCache::place(int64_t slot,
                                                int64_t row) const {
  if (!cacheLayout.pageRows)
    return {slot, row};
  return {pages[slot * perSlot + row / cacheLayout.pageRows],
          row % cacheLayout.pageRows};
}
