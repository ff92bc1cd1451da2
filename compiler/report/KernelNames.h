//===- KernelNames.h - Which kernel serves an attention ---------*- C++ -*-===//
//
// The manifest says it by layer; a function's kernel is called after it.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REPORT_KERNELNAMES_H
#define COMPILER_REPORT_KERNELNAMES_H

#include "compiler/report/StageRecorder.h"

namespace attn::report {

/// Fills the kernel of each of `attentions`, which `manifest`, the text of the
/// compiled folder `name`, serves.
void nameKernels(llvm::StringRef manifest, llvm::StringRef name,
                 llvm::MutableArrayRef<RecordedAttention> attentions);

} // namespace attn::report

#endif // COMPILER_REPORT_KERNELNAMES_H
