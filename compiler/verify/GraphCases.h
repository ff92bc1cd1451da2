//===- GraphCases.h - Graphs against the reference --------------*- C++ -*-===//
//
// Tries a kernel that is more than one attention on random tensors of its
// arguments' types, at sizes that cross the borders of blocks.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_GRAPHCASES_H
#define COMPILER_VERIFY_GRAPHCASES_H

#include "compiler/verify/Subject.h"

namespace attn::verify {

/// Compares every result with the float64 reference, and its bits between
/// orders of tasks and layouts of tensors.
std::vector<CaseReport> verifyGraph(const Subject &subject);

/// Whether this machine runs the subject's target.
bool runsGraphHere(const Subject &subject);

} // namespace attn::verify

#endif // COMPILER_VERIFY_GRAPHCASES_H
