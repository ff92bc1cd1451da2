//===- TensorRules.h - What the steps around attention compute --*- C++ -*-===//
//
// One function per operation that is neither attention itself nor a product:
// shapes, functions of elements, norms, rotation. `Real` is what results are
// rounded to, as in Rules.h; sums ascend. Booleans are 0 and 1.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REFERENCE_TENSORRULES_H
#define COMPILER_REFERENCE_TENSORRULES_H

#include "compiler/reference/Tensor.h"
#include "dialects/attn/AttnAttributes.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace attn::reference {

/// `size` indices of `dim`, of which index i is source(i) of the input.
Tensor gather(const Tensor &input, int64_t dim, int64_t size,
              llvm::function_ref<int64_t(int64_t)> source);

/// Dimension i of the result is dimension permutation[i] of the input.
Tensor transpose(const Tensor &input, llvm::ArrayRef<int64_t> permutation);

/// The same elements in the same order.
Tensor reshape(const Tensor &input, llvm::ArrayRef<int64_t> shape);

/// The inputs one after the other along `dim`.
Tensor concat(llvm::ArrayRef<const Tensor *> inputs, int64_t dim);

/// The shape that the operands, aligned at the last dimension, have together;
/// nothing if they have none.
std::optional<llvm::SmallVector<int64_t>>
broadcastShape(llvm::ArrayRef<const Tensor *> operands);

/// f of the elements of up to three operands of one shape together.
Tensor elementwise(llvm::ArrayRef<const Tensor *> operands,
                   llvm::function_ref<double(llvm::ArrayRef<double>)> f);

/// The sum along `dim`, which stays with size 1.
template <typename Real>
Tensor sum(const Tensor &input, int64_t dim);

/// input / sqrt(mean(input^2) + eps), along the last dimension.
template <typename Real>
Tensor rmsNorm(const Tensor &input, double eps);

/// (input - mean) / sqrt(variance + eps), along the last dimension.
template <typename Real>
Tensor layerNorm(const Tensor &input, double eps);

/// `input` [batch, sequence, heads, dim] rotated (semantics, item 11).
/// `positions` are [batch or 1, sequence]; null: the index.
Tensor rope(const Tensor &input, const Tensor *positions, RopeAttr rope);

} // namespace attn::reference

#endif // COMPILER_REFERENCE_TENSORRULES_H
