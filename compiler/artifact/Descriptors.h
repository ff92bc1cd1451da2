//===- Descriptors.h - What the runtime knows of kernels --------*- C++ -*-===//
//
// The constant data behind an entry: an attn_rt_kernel, and all that it points
// to.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_DESCRIPTORS_H
#define COMPILER_ARTIFACT_DESCRIPTORS_H

#include "compiler/artifact/Description.h"
#include "compiler/artifact/PackedWeights.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

namespace attn::artifact {

/// Writes the descriptors of one library into an LLVM module.
class DescriptorWriter {
public:
  /// `targets` are indices into those of the library, best first.
  DescriptorWriter(llvm::Module &module, const LibraryDescription &library,
                   llvm::ArrayRef<size_t> targets)
      : module(module), context(module.getContext()), library(library),
        targets(targets), builder(context) {}

  /// The attn_rt_kernel of the kernel with that index. Fails if a target uses a
  /// CPU feature that the runtime cannot check.
  llvm::Expected<llvm::Constant *> kernel(size_t kernelIndex);
  /// A constant C string.
  llvm::Constant *text(llvm::StringRef value);

private:
  llvm::Constant *word(int64_t value) { return builder.getInt64(value); }
  llvm::Constant *structure(llvm::ArrayRef<llvm::Constant *> fields) {
    return llvm::ConstantStruct::getAnon(context, fields);
  }
  llvm::Constant *table(llvm::ArrayRef<llvm::Constant *> rows,
                        llvm::StringRef name);
  llvm::Constant *global(llvm::Constant *value, llvm::StringRef name);

  llvm::Constant *tensor(const KernelDescription &kernel, size_t index);
  llvm::Constant *packings(const cpu::CpuKernel &kernel,
                           const PackedWeights &packed);
  llvm::Constant *buffers(const cpu::CpuProgram &description);
  llvm::Constant *program(const cpu::CpuKernel &kernel,
                          const cpu::CpuProgram &description);
  llvm::Expected<llvm::Constant *> target(const KernelDescription &description,
                                          const cpu::CpuKernel &kernel);
  llvm::Constant *layerRows(size_t kernelIndex);
  llvm::Constant *layerWords(
      size_t kernelIndex, llvm::StringRef name,
      llvm::function_ref<int64_t(const cpu::CpuKernel &, int64_t)> valueOf);
  llvm::Constant *layerReach(size_t kernelIndex);
  llvm::Constant *layerPartStep(size_t kernelIndex);

  llvm::Module &module;
  llvm::LLVMContext &context;
  const LibraryDescription &library;
  llvm::ArrayRef<size_t> targets;
  llvm::IRBuilder<> builder;
};

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_DESCRIPTORS_H
