//===- Buffer.h - A tensor in memory as a kernel sees it --------*- C++ -*-===//
//
// float32 or int32 elements at chosen strides. Every byte that is not an
// element holds a NaN's bits, so that a kernel that reads it is found out; so
// do the elements of an output before the call.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_BUFFER_H
#define COMPILER_VERIFY_BUFFER_H

#include "compiler/reference/Tensor.h"
#include "runtime/attn.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <vector>

namespace attn::verify {

enum class Layout {
  /// Row-major.
  Contiguous,
  /// The two middle dimensions (the first two of three) swapped in memory,
  /// rows apart, and the first element behind the base by a byte_offset.
  Strided,
};

class Buffer {
public:
  /// An output of that shape.
  Buffer(llvm::ArrayRef<int64_t> shape, Layout layout);
  /// An input with the elements `values`, rounded to float32 or, for
  /// lengths, int32.
  Buffer(const reference::Tensor &values, bool isLengths, Layout layout);

  Buffer(Buffer &&) = default;
  Buffer &operator=(Buffer &&) = default;

  const DLTensor *dlTensor() const { return &tensor; }
  /// The float32 elements, row-major.
  reference::Tensor read() const;
  /// Their bits.
  std::vector<uint32_t> bits() const;
  /// Whether the bytes between, before and behind the elements are as they
  /// were made.
  bool areGapsUntouched() const;

private:
  void place(Layout layout);
  /// Calls body with where each innermost row begins and ends in `words`.
  void forEachRow(llvm::function_ref<void(int64_t, int64_t)> body) const;

  // `tensor` points into these, which stay where they are when moved.
  std::vector<int64_t> shape, strides;
  /// In words of 4 bytes; the first element is at `base`.
  std::vector<uint32_t> words;
  int64_t base = 0;
  DLTensor tensor = {};
};

} // namespace attn::verify

#endif // COMPILER_VERIFY_BUFFER_H
