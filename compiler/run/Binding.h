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
#include "compiler/run/CallTensors.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"

namespace attn {

/// What files call a type, and the bytes of an element.
struct StoredType {
  llvm::StringRef name;
  uint64_t bytes;
};

/// Of a type as manifests spell it.
StoredType storedTypeOf(llvm::StringRef manifest);

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
  /// All weights, which are absent then; null: they are as they are.
  std::unique_ptr<BoundTensor> packedWeights;
  /// What each symbol of the manifest's shapes stands for.
  llvm::StringMap<int64_t> extents;

  llvm::SmallVector<const DLTensor *> arguments() const;
  /// The results, in manifest order; what a layer's caches hold is called as
  /// in files.
  std::vector<StoredTensor> results(const LibraryKernel &kernel) const;
};

/// Binds `tensors` to the arguments of `kernel`, or packed weights in place of
/// weights.
llvm::Expected<BoundCall> bindTensors(const LibraryKernel &kernel,
                                      const CallTensors &tensors);
/// Binds the weights alone.
llvm::Expected<BoundCall> bindWeights(const LibraryKernel &kernel,
                                      const CallTensors &tensors);

/// The packed weights that `kernel` can take; null: there are none.
llvm::Expected<const StoredTensor *> findPacked(const LibraryKernel &kernel,
                                                const CallTensors &tensors);
/// Packs the weights of `call`, of the layer with that index.
llvm::Error packWeights(const LibraryKernel &kernel, int64_t layerIndex,
                        BoundCall &call);

/// A warning for each tensor of files that is left out and is called almost
/// like one that `kernel` takes and could do without.
std::vector<std::string> findMisspelt(const LibraryKernel &kernel,
                                      const CallTensors &tensors);

} // namespace attn

#endif // COMPILER_RUN_BINDING_H
