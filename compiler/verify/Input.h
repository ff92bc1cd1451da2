//===- Input.h - A tensor that calls read -----------------------*- C++ -*-===//
//
// The elements of a tensor for the reference, and the same in memory as kernels
// see them: made once for all calls that read it.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_INPUT_H
#define COMPILER_VERIFY_INPUT_H

#include "compiler/verify/Buffer.h"
#include <array>
#include <memory>
#include <optional>

namespace attn::verify {

class Input {
public:
  /// `values` are numbers that `elements` hold.
  Input(reference::Tensor values, Elements elements)
      : tensor(std::move(values)), elements(elements) {}

  const reference::Tensor &values() const { return tensor; }

  /// In that layout, the same memory for every call.
  const DLTensor *dlTensor(Layout layout) {
    std::optional<Buffer> &buffer = buffers[static_cast<size_t>(layout)];
    if (!buffer)
      buffer.emplace(tensor, elements, layout);
    return buffer->dlTensor();
  }

private:
  reference::Tensor tensor;
  Elements elements;
  std::array<std::optional<Buffer>, 2> buffers;
};

/// One for each argument of a call; calls share them.
using Inputs = llvm::SmallVector<std::shared_ptr<Input>>;

} // namespace attn::verify

#endif // COMPILER_VERIFY_INPUT_H
