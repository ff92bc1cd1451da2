//===- ReferenceRow.h - One row of a step for the reference -----*- C++ -*-===//
//
// A row of a causal layer as a call of its own, with the keys up to it.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REPLAY_REFERENCEROW_H
#define COMPILER_REPLAY_REFERENCEROW_H

#include "compiler/replay/KernelTensors.h"
#include "compiler/replay/StepTensor.h"
#include "compiler/verify/Subject.h"

namespace attn::replay {

/// What the reference gets: the query of the last of `keys` tokens of a
/// sequence, their keys and values, and no sink.
llvm::SmallVector<reference::Tensor>
inputsOf(llvm::ArrayRef<KernelTensor> tensors, int64_t sequence, int64_t keys,
         int64_t queryHeads);

/// Row `token` of every result.
verify::Outcome outcomeOf(llvm::ArrayRef<KernelTensor> tensors,
                          llvm::ArrayRef<StepTensor> results, int64_t token);

} // namespace attn::replay

#endif // COMPILER_REPLAY_REFERENCEROW_H
