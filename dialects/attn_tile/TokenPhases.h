//===- TokenPhases.h - phases that treat tokens one by one ------*- C++ -*-===//
//
// Projections and norms know nothing of sequences: tokens of any number of them
// may stand below each other.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_TILE_TOKENPHASES_H
#define DIALECTS_ATTN_TILE_TOKENPHASES_H

#include "dialects/attn_tile/AttnTileOps.h"

namespace attn::tile {

/// Whether a buffer or argument is `[batch, query_length, ...]` of static
/// sizes: a row for each token of a call.
bool isOfTokens(mlir::Value root);

/// Whether a phase makes of each token's rows what it would make of them if
/// there were no other token: it reads and stores such rows at one index, and
/// reads besides what is the same for all.
bool treatsTokensAlone(PhaseOp phase);

/// The numbers of such phases, if all buffers of the program are of tokens.
llvm::SmallVector<int64_t> tokenPhases(ProgramOp program);

} // namespace attn::tile

#endif // DIALECTS_ATTN_TILE_TOKENPHASES_H
