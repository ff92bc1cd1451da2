//===- Binding.h - Tensors of files as arguments of a kernel ----*- C++ -*-===//
//
// Finds each tensor that a kernel names, checks its type and shape against the
// manifest, and makes room for the results.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_RUN_BINDING_H
#define COMPILER_RUN_BINDING_H

#include "compiler/AlignedBytes.h"
#include "compiler/KernelLibrary.h"
#include "compiler/Safetensors.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"

namespace attn {

/// One argument of a call; `tensor` points into it, so it must not move.
struct BoundTensor {
  const LibraryTensor *declared = nullptr;
  std::vector<int64_t> shape;
  AlignedBytes bytes;
  uint64_t size = 0;
  DLTensor tensor = {};
};

/// The arguments of one call, in manifest order; null: an absent optional one.
struct BoundCall {
  std::vector<std::unique_ptr<BoundTensor>> tensors;
  /// What each symbol of the manifest's shapes stands for.
  llvm::StringMap<int64_t> extents;

  llvm::SmallVector<const DLTensor *> arguments() const;
  /// The results, in manifest order.
  std::vector<StoredTensor> results() const;
};

/// Binds the tensors of `files`, the first that has a name wins, to the
/// arguments of `kernel`.
llvm::Expected<BoundCall>
bindTensors(const LibraryKernel &kernel,
            llvm::ArrayRef<const SafetensorsFile *> files);

/// A warning for each tensor of `files` that is left out and is called almost
/// like one that `kernel` takes and could do without.
std::vector<std::string>
findMisspelt(const LibraryKernel &kernel,
             llvm::ArrayRef<const SafetensorsFile *> files);

} // namespace attn

#endif // COMPILER_RUN_BINDING_H
