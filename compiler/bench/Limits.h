//===- Limits.h - What this machine can do at most --------------*- C++ -*-===//
//
// The two limits that kernels are measured against: multiply-adds out of
// registers, and bytes out of memory, with the widest vectors there are.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_BENCH_LIMITS_H
#define COMPILER_BENCH_LIMITS_H

#include "compiler/bench/Crew.h"
#include "compiler/bench/HugeBuffer.h"

#include <string>

namespace attn {

/// Takes one sample of a limit at each call.
class LimitProbe {
public:
  /// False without the memory to read from, or the vectors to measure with.
  bool isUsable() const;

  /// The processor's own name and the vectors that the probes use.
  std::string describeCpu() const;

  /// Single-precision GFLOP/s of all of `crew`, from independent multiply-adds
  /// on registers; about 10 ms.
  double sampleFma(Crew &crew) const;

  /// GB/s of all of `crew` reading 512 MiB. Leaves the caches full of them:
  /// nothing else is cached afterwards.
  double sampleRead(Crew &crew) const;

private:
  /// More than any cache holds.
  HugeBuffer memory{size_t(512) << 20};
};

} // namespace attn

#endif // COMPILER_BENCH_LIMITS_H
