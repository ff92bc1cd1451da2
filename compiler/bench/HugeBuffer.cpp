//===- HugeBuffer.cpp - Memory without page walks -------------------------===//
//
// Transparent huge pages, asked for by madvise.
//
//===----------------------------------------------------------------------===//

#include "compiler/bench/HugeBuffer.h"

#include <cstdint>
#include <cstring>
#include <sys/mman.h>

using namespace attn;

static constexpr size_t kHugePage = size_t(2) << 20;

HugeBuffer::HugeBuffer(size_t wanted) {
  size_t rounded = (wanted + kHugePage - 1) / kHugePage * kHugePage;
  mappedBytes = rounded + kHugePage;
  mapping = mmap(nullptr, mappedBytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) {
    mapping = nullptr;
    return;
  }
  uintptr_t address = reinterpret_cast<uintptr_t>(mapping);
  begin = static_cast<char *>(mapping) + (-address & (kHugePage - 1));
  bytes = wanted;
  // Only advice: with small pages the limits and the kernels suffer alike.
  madvise(begin, rounded, MADV_HUGEPAGE);
  memset(begin, 1, rounded);
}

HugeBuffer::~HugeBuffer() {
  if (mapping)
    munmap(mapping, mappedBytes);
}
