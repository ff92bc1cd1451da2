//===- Limits.h - What this machine can do at most --------------*- C++ -*-===//
//
// The two limits that kernels are measured against: multiply-adds out of
// registers, and bytes out of memory, with the widest vectors there are.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_BENCH_LIMITS_H
#define COMPILER_BENCH_LIMITS_H

#include "compiler/bench/Crew.h"

#include <cstddef>
#include <string>

namespace attn {

/// Memory that begins at a huge page and uses huge pages where it can; written
/// once, so that every page is its own. Empty if there is not enough.
class HugeBuffer {
public:
  explicit HugeBuffer(size_t bytes);
  ~HugeBuffer();
  HugeBuffer(const HugeBuffer &) = delete;
  HugeBuffer &operator=(const HugeBuffer &) = delete;

  char *data() const { return begin; }
  size_t size() const { return bytes; }

private:
  void *mapping = nullptr;
  size_t mappedBytes = 0;
  char *begin = nullptr;
  size_t bytes = 0;
};

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
