//===- AlignedBytes.cpp - Memory for tensors and workspaces ---------------===//
//
// See AlignedBytes.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/AlignedBytes.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cstring>
#include <limits>

using namespace attn;

static constexpr uint64_t kAlignment = 64;

AlignedBytes attn::allocateAligned(uint64_t size) {
  if (size > std::numeric_limits<int64_t>::max() - kAlignment)
    return nullptr;
  uint64_t whole = llvm::alignTo(std::max<uint64_t>(size, 1), kAlignment);
  auto *bytes = static_cast<char *>(std::aligned_alloc(kAlignment, whole));
  if (bytes)
    std::memset(bytes, 0, whole);
  return AlignedBytes(bytes);
}
