//===- Steps.h - Absorbed attention step by step ----------------*- C++ -*-===//
//
// What an engine does that has products of its own: calls of the steps of a
// latent layer's scope attend, one after the other.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_STEPS_H
#define COMPILER_VERIFY_STEPS_H

#include "compiler/verify/Input.h"
#include "compiler/verify/Subject.h"

namespace attn::verify {

/// Calls the steps of `subject` with `inputs`, those of its kernel in a call of
/// such `sizes`; what they leave, in the order of the kernel's tensors.
Outcome callSteps(const Subject &subject, const Inputs &inputs,
                  const OpenSizes &sizes);

} // namespace attn::verify

#endif // COMPILER_VERIFY_STEPS_H
