//===- CallSizes.cpp - How large a call is --------------------------------===//
//
// See CallSizes.h. Axes have the names that the runtime knows sizes by.
//
//===----------------------------------------------------------------------===//

#include "compiler/CallSizes.h"

#include "llvm/ADT/STLExtras.h"

using namespace attn;

/// The largest extent of an axis; a mask may have 1 where others have more.
static int64_t extentOf(const LibraryKernel &kernel,
                        llvm::ArrayRef<const DLTensor *> tensors,
                        llvm::StringRef axis) {
  int64_t largest = 0;
  for (auto [described, tensor] : llvm::zip(kernel.tensors, tensors))
    for (auto [dim, name] : llvm::enumerate(described.axes))
      if (name == axis && tensor && static_cast<int32_t>(dim) < tensor->ndim)
        largest = std::max(largest, tensor->shape[dim]);
  return largest;
}

CallSizes attn::sizesOf(const LibraryKernel &kernel,
                        llvm::ArrayRef<const DLTensor *> tensors) {
  return {.batch = extentOf(kernel, tensors, "batch"),
          .queryLength = extentOf(kernel, tensors, "query_length"),
          .keys = extentOf(kernel, tensors, "kv_capacity")};
}

uint64_t attn::workspaceBytes(const LibraryKernel &kernel,
                              const CallSizes &sizes, int64_t workers) {
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  maxima.batch = sizes.batch;
  maxima.query_length = sizes.queryLength;
  maxima.workers = workers;
  // No keys need no room, and a maximum of 0 says that there may be any number.
  maxima.kv_length = std::max<int64_t>(sizes.keys, 1);
  return kernel.workspace(&maxima);
}
