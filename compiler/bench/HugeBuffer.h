//===- HugeBuffer.h - Memory without page walks -----------------*- C++ -*-===//
//
// Where limits and kernels read from: with small pages, both would measure the
// page tables.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_BENCH_HUGEBUFFER_H
#define COMPILER_BENCH_HUGEBUFFER_H

#include <cstddef>

namespace attn {

/// Memory that begins at a huge page and uses huge pages where it can; written
/// once, so that every page is its own. Empty if there is not enough.
class HugeBuffer {
public:
  explicit HugeBuffer(size_t wanted);
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

} // namespace attn

#endif // COMPILER_BENCH_HUGEBUFFER_H
