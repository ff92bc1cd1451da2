//===- ServingCache.h - Caches as engines keep them -------------*- C++ -*-===//
//
// The caches of a kernel for all sequences of an engine: in one piece, token by
// token or head by head, or on pages.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REPLAY_SERVINGCACHE_H
#define COMPILER_REPLAY_SERVINGCACHE_H

#include "compiler/bench/HugeBuffer.h"
#include "compiler/replay/CacheLayout.h"
#include "compiler/replay/KernelTensors.h"

#include <memory>
#include <vector>

namespace attn::replay {

/// One cache of the kernel, [sequences, capacity, ...] or [pages, rows, ...].
class CacheTensor {
public:
  CacheTensor(const CacheLayout &layout, const KernelTensor &kernelTensor,
              int64_t outer, int64_t rows);

  /// False if there was not enough memory.
  bool isUsable() const { return memory->data(); }
  const KernelTensor &description() const { return wanted; }
  /// Stores a row, given as float64 values that are rounded.
  void put(int64_t outer, int64_t row, llvm::ArrayRef<double> values);
  const DLTensor *get() const { return &tensor; }

private:
  KernelTensor wanted;
  std::vector<int64_t> shape, strides;
  std::unique_ptr<HugeBuffer> memory;
  DLTensor tensor = {};
};

/// The caches of one kernel, and where the tokens of `slots` sequences are.
class ServingCache {
public:
  /// Those of `tensors` that are caches; every slot has room for `capacity`
  /// rows.
  ServingCache(const CacheLayout &layout, llvm::ArrayRef<KernelTensor> tensors,
               int64_t slots, int64_t capacity);

  bool isUsable() const;
  const CacheLayout &layout() const { return cacheLayout; }
  llvm::MutableArrayRef<CacheTensor> tensors() { return caches; }

  /// Gives a slot pages for `rows` rows in all; those of 0 rows go back.
  void reserve(int64_t slot, int64_t rows);
  /// Where row `row` of a slot is: sequence or page, and the row there.
  std::pair<int64_t, int64_t> place(int64_t slot, int64_t row) const;

  /// int32 [slots, pagesPerSlot]; empty in one piece.
  llvm::ArrayRef<int32_t> table() const { return pages; }
  int64_t pagesPerSlot() const { return perSlot; }

private:
  CacheLayout cacheLayout;
  std::vector<CacheTensor> caches;
  int64_t perSlot = 0;
  std::vector<int32_t> pages, free;
  /// Pages that each slot has.
  std::vector<int64_t> taken;
};

} // namespace attn::replay

#endif // COMPILER_REPLAY_SERVINGCACHE_H
