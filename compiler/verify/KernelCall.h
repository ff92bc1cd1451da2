//===- KernelCall.h - Calls of a kernel in every way ------------*- C++ -*-===//
//
// One call through the public ABI: with the plain entry, or its tasks run in
// reverse, by two threads, or in shares as ggml's threads take them.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_KERNELCALL_H
#define COMPILER_VERIFY_KERNELCALL_H

#include "compiler/KernelLibrary.h"
#include <string>

namespace attn::verify {

enum class Execution { Serial, Reversed, TwoThreads, GgmlStyle };

struct CallOptions {
  Execution execution = Execution::Serial;
  uint32_t flags = 0;
};

/// Runs `kernel` on the tensors of its arguments, in manifest order, null
/// where absent. Returns what went wrong, or nothing.
std::string callKernel(const LibraryKernel &kernel, int64_t layer,
                       llvm::ArrayRef<const DLTensor *> tensors,
                       const CallOptions &options = {});

/// Whether this machine runs the kernel's target.
bool runsHere(const LibraryKernel &kernel, int64_t layer,
              llvm::ArrayRef<const DLTensor *> tensors);

} // namespace attn::verify

#endif // COMPILER_VERIFY_KERNELCALL_H
