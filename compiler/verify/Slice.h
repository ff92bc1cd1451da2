//===- Slice.h - Parts of a tensor ------------------------------*- C++ -*-===//
//
// Batch rows, query rows and longer buffers, for calls that compute a part of
// another call.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_SLICE_H
#define COMPILER_VERIFY_SLICE_H

#include "compiler/reference/Tensor.h"

namespace attn::verify {

/// `count` indices of `dimension` from `begin` on; indices past the end hold
/// `fill`.
reference::Tensor slice(const reference::Tensor &tensor, unsigned dimension,
                        int64_t begin, int64_t count, double fill = 0);

/// [batch, rows, heads, size] as it is; [batch, rows, size], which all heads
/// share, as one head.
reference::Tensor withHeads(const reference::Tensor &tensor);

} // namespace attn::verify

#endif // COMPILER_VERIFY_SLICE_H
