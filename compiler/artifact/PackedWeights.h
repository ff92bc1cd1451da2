//===- PackedWeights.h - Weights in one buffer ------------------*- C++ -*-===//
//
// Where packed weights keep each weight of a kernel, and what tells them from
// those of other kernels.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_PACKEDWEIGHTS_H
#define COMPILER_ARTIFACT_PACKEDWEIGHTS_H

#include "compiler/artifact/Description.h"

namespace attn::artifact {

struct PackedWeights {
  /// Offsets in bytes of each of the kernel's weights; bytes of all.
  std::vector<int64_t> offsets;
  int64_t bytes = 0;
  /// Equal where names, types, sizes and panels of all weights are.
  uint64_t layout = 0;
};

/// How `compiled`, which is `kernel` for one target, wants its weights.
PackedWeights layOutWeights(const KernelDescription &kernel,
                            const cpu::CpuKernel &compiled);

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_PACKEDWEIGHTS_H
