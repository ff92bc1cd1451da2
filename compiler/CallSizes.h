//===- CallSizes.h - How large a call is ------------------------*- C++ -*-===//
//
// What a call's tensors say of its sizes, and the workspace that it takes.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_CALLSIZES_H
#define COMPILER_CALLSIZES_H

#include "compiler/KernelLibrary.h"

namespace attn {

/// What the largest sequence has, and how many there are; 0 also of what the
/// kernel's tensors do not name.
struct CallSizes {
  int64_t batch = 0, queryLength = 0, keys = 0;
};

/// Of a call with `tensors`, in manifest order, null where absent. Sizes that
/// were compiled in count like those of the call; keys are the whole capacity.
CallSizes sizesOf(const LibraryKernel &kernel,
                  llvm::ArrayRef<const DLTensor *> tensors);

/// Bytes of workspace for such calls; UINT64_MAX if no memory is enough.
uint64_t workspaceBytes(const LibraryKernel &kernel, const CallSizes &sizes,
                        int64_t workers = 1);

} // namespace attn

#endif // COMPILER_CALLSIZES_H
