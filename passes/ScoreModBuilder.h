//===- ScoreModBuilder.h - what happens to single scores --------*- C++ -*-===//
//
// Writes a softcap and a bias of positions as the score_mod region of an
// attn.flash: slopes as powers of two, buckets of distances beside their table.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_SCOREMODBUILDER_H
#define PASSES_SCOREMODBUILDER_H

#include "dialects/attn/AttnOps.h"

namespace attn {

/// The steps that a score_mod region takes, in this order.
struct ScoreSteps {
  std::optional<double> cap;
  /// Null for none.
  PositionBiasOp bias;
};

/// Why `bias` cannot be a function of row, column, head and position under a
/// softmax with `lengths`; empty if it can. A position that the lengths do not
/// tell is one up to a term that is the same for the whole row, which shows in
/// the denominator alone.
std::string whyNotScoreMod(PositionBiasOp bias, mlir::Value lengths,
                           bool needsDenominator);

/// Fills the empty region of `flash`, which has the table of the bias, with
/// `steps`.
void createScoreMod(mlir::OpBuilder &builder, FlashOp flash, ScoreSteps steps);

} // namespace attn

#endif // PASSES_SCOREMODBUILDER_H
