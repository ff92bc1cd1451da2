//===- ScoreMod.h - Evaluates the region of attn.flash ----------*- C++ -*-===//
//
// A score_mod region maps one score, given its row, column, head and position,
// through scalar arith and math operations and elements of a table.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REFERENCE_SCOREMOD_H
#define COMPILER_REFERENCE_SCOREMOD_H

#include "compiler/reference/Rules.h"
#include "compiler/reference/Tensor.h"
#include "mlir/IR/Region.h"
#include "mlir/Support/LLVM.h"

namespace attn::reference {

/// Replaces every element of a [B, H, S, T] score by what `region` yields for
/// it, each step rounded to `Real`. The lengths of `visibility` tell where rows
/// stand; `table` may be null. Fails, with a diagnostic, on an operation
/// without a rule.
template <typename Real>
mlir::FailureOr<Tensor> applyScoreMod(mlir::Region &region, Tensor score,
                                      const Visibility &visibility,
                                      const Tensor *table);

/// Whether every operation of `region` has a rule.
bool isScoreModSupported(mlir::Region &region);

} // namespace attn::reference

#endif // COMPILER_REFERENCE_SCOREMOD_H
