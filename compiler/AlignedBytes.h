//===- AlignedBytes.h - Memory for tensors and workspaces -------*- C++ -*-===//
//
// Sizes come from files and kernels: too large a one is an answer, no crash.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ALIGNEDBYTES_H
#define COMPILER_ALIGNEDBYTES_H

#include <cstdint>
#include <cstdlib>
#include <memory>

namespace attn {

struct FreeDeleter {
  void operator()(char *bytes) const { std::free(bytes); }
};
/// Bytes at a 64-byte boundary.
using AlignedBytes = std::unique_ptr<char[], FreeDeleter>;

/// `size` zero bytes, or null if there are not that many.
AlignedBytes allocateAligned(uint64_t size);

} // namespace attn

#endif // COMPILER_ALIGNEDBYTES_H
