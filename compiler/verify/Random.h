//===- Random.h - Reproducible numbers --------------------------*- C++ -*-===//
//
// SplitMix64 (Steele, Lea and Flood 2014): the same numbers on every machine,
// which the standard library's distributions do not promise.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_RANDOM_H
#define COMPILER_VERIFY_RANDOM_H

#include <cstdint>

namespace attn::verify {

class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}

  uint64_t next() {
    uint64_t mixed = state += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

  /// A multiple of 2^-23 in [-1, 1): float32 holds it exactly.
  double uniform() { return static_cast<double>(next() >> 40) * 0x1p-23 - 1; }

private:
  uint64_t state;
};

} // namespace attn::verify

#endif // COMPILER_VERIFY_RANDOM_H
