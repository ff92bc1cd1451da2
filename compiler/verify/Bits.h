//===- Bits.h - Calls that must leave equal bits ----------------*- C++ -*-===//
//
// Semantics, item 12: the same bits from run to run, for any order of tasks and
// number of threads, alone or in a batch, with any capacity, and however a
// prompt was cut into calls.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_BITS_H
#define COMPILER_VERIFY_BITS_H

#include "compiler/verify/KernelCases.h"
#include "compiler/verify/Subject.h"

namespace attn::verify {

/// Repeated, reversed, two-thread and ggml-style runs, the phase-specific
/// entries, without lse, each sequence alone, and capacities of 2 and 40 times
/// the keys, each against the plain run of the case.
std::vector<CaseReport> checkEqualBits(const Subject &subject,
                                       const KernelCase &spec);

/// The rows of one call against the same rows computed one, a few and many at
/// a time. Empty for masks under which a row's keys depend on the call.
std::vector<CaseReport> checkChunks(const Subject &subject);

} // namespace attn::verify

#endif // COMPILER_VERIFY_BITS_H
