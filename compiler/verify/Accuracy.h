//===- Accuracy.h - A kernel against the float64 reference ------*- C++ -*-===//
//
// Semantics, item 13: at most twice the error of the naive float32 evaluation,
// plus what rounding a score of that size costs; for scores beyond 1e4 the
// output only has to be finite and among the values.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_ACCURACY_H
#define COMPILER_VERIFY_ACCURACY_H

#include "compiler/verify/KernelCases.h"
#include "compiler/verify/Subject.h"

namespace attn::verify {

/// Calls the kernel on the inputs of `spec` and compares every result.
CaseReport checkAccuracy(const Subject &subject, const KernelCase &spec);

/// The same with the flag that leaves the sink out.
CaseReport checkWithoutSink(const Subject &subject, const KernelCase &spec);

/// Compares what a call of the kernel left with the reference on `inputs`.
CaseReport compareWithReference(const Subject &subject, llvm::StringRef name,
                                llvm::ArrayRef<reference::Tensor> inputs,
                                const Outcome &outcome);

} // namespace attn::verify

#endif // COMPILER_VERIFY_ACCURACY_H
