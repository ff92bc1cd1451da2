//===- ScoreModBuilder.h - what happens to single scores --------*- C++ -*-===//
//
// Writes a softcap and a bias of positions as the score_mod region of an
// attn.flash.
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

/// Why `bias` cannot be a function of row, column and head; empty if it can.
/// The position of a bottom-right row is known up to a term that is the same
/// for the whole row, which only shows in the denominator.
std::string whyNotScoreMod(PositionBiasOp bias, bool needsDenominator);

/// Fills the empty region of `flash` with `steps`.
void createScoreMod(mlir::OpBuilder &builder, FlashOp flash, ScoreSteps steps);

} // namespace attn

#endif // PASSES_SCOREMODBUILDER_H
