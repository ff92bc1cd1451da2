//===- BoundCase.h - A case with its kernel and tensors ---------*- C++ -*-===//
//
// Calls one compiled kernel through the public ABI, again and again, on
// tensors of the case's shape.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_BENCH_BOUNDCASE_H
#define COMPILER_BENCH_BOUNDCASE_H

#include "compiler/KernelLibrary.h"
#include "compiler/bench/Cases.h"
#include "compiler/bench/Crew.h"
#include "compiler/bench/HugeBuffer.h"
#include "compiler/verify/Elements.h"

#include <list>
#include <memory>

namespace attn {

/// A DLTensor of floats, or of i32, that owns its memory.
class BenchTensor {
public:
  /// The order is that of [batch, sequence, heads, dim]; other ranks are dense.
  BenchTensor(llvm::ArrayRef<int64_t> shape, verify::Elements elements,
              Order order);
  /// Columns [first, first + count) of `whole`, in its memory.
  BenchTensor(const BenchTensor &whole, int64_t first, int64_t count);
  BenchTensor(const BenchTensor &) = delete;
  BenchTensor &operator=(const BenchTensor &) = delete;

  /// Numbers in [-magnitude, magnitude) that depend on `seed` alone.
  void fill(uint64_t seed, double magnitude = 1);
  /// Booleans that are all true.
  void fillWithTrue();
  /// first, first + step, ... as int32.
  void fillWithIntegers(int64_t first, int64_t step);
  const DLTensor *get() const { return &tensor; }

private:
  std::vector<int64_t> extents, strides;
  verify::Elements elements;
  std::shared_ptr<HugeBuffer> memory;
  DLTensor tensor;
};

class BoundCase {
public:
  /// Fails if `library` has no kernel for the case's layer, or one that wants
  /// a tensor that this file does not know. The library must outlive the case.
  static llvm::Expected<std::unique_ptr<BoundCase>>
  bind(const KernelLibrary &library, const BenchCase &subject);

  /// What was asked for, with the weights that the kernel takes.
  const BenchCase &subject() const { return benchCase; }
  const std::string &symbol() const { return kernel->symbol; }
  /// The target that this machine runs, known after the first call.
  const std::string &target() const { return ranTarget; }

  /// Milliseconds of one call on `crew`, or the kernel's own message.
  llvm::Expected<double> run(Crew &crew);

private:
  explicit BoundCase(const BenchCase &subject) : benchCase(subject) {}
  llvm::Expected<const DLTensor *> makeTensor(const LibraryTensor &wanted);
  const DLTensor *makeIntegers(const LibraryTensor &wanted,
                               llvm::ArrayRef<int64_t> shape);
  /// Columns of the latents' cache, whose rows hold latent and rope_key.
  const DLTensor *makeLatentPart(verify::Elements elements, int64_t first,
                                 int64_t count);

  BenchCase benchCase;
  const LibraryKernel *kernel = nullptr;
  int64_t layerIndex = 0;
  std::string ranTarget;
  std::list<BenchTensor> owned;
  /// [batch, keys, latent and rope_key], among those.
  const BenchTensor *latents = nullptr;
  std::vector<const DLTensor *> tensors;
  std::unique_ptr<HugeBuffer> workspace;
};

} // namespace attn

#endif // COMPILER_BENCH_BOUNDCASE_H
