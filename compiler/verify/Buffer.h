//===- Buffer.h - A tensor in memory as a kernel sees it --------*- C++ -*-===//
//
// Elements at chosen strides. Every byte that is not an element holds a NaN's
// bits, so that a kernel that reads it is found out; so do the elements of an
// output before the call.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_BUFFER_H
#define COMPILER_VERIFY_BUFFER_H

#include "compiler/verify/Elements.h"
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
  Buffer(llvm::ArrayRef<int64_t> shape, Elements elements, Layout layout);
  /// An input with the elements `values`, rounded to float32 or, for
  /// lengths, int32.
  Buffer(const reference::Tensor &values, bool isLengths, Layout layout)
      : Buffer(values, isLengths ? Elements::I32 : Elements::F32, layout) {}
  Buffer(const reference::Tensor &values, Elements elements, Layout layout);

  Buffer(Buffer &&) = default;
  Buffer &operator=(Buffer &&) = default;

  const DLTensor *dlTensor() const { return &tensor; }
  /// The elements, row-major.
  reference::Tensor read() const;
  /// Their bytes, row-major.
  std::vector<uint8_t> bytes() const;
  /// Whether the bytes between, before and behind the elements are as they
  /// were made.
  bool areGapsUntouched() const;

private:
  void place(Layout layout);
  /// Calls body with the byte of `memory` at which each innermost row begins.
  void forEachRow(llvm::function_ref<void(int64_t)> body) const;

  // `tensor` points into these, which stay where they are when moved.
  std::vector<int64_t> shape, strides;
  Elements elements = Elements::F32;
  int64_t elementBytes = 4;
  /// Elements of an innermost row, and from one to the next in memory.
  int64_t width = 0, pitch = 0;
  /// Elements and what is around them; the first one is at `base` elements.
  std::vector<uint8_t> memory;
  int64_t base = 0;
  DLTensor tensor = {};
};

} // namespace attn::verify

#endif // COMPILER_VERIFY_BUFFER_H
