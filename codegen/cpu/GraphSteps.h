//===- GraphSteps.h - steps on rows and products ----------------*- C++ -*-===//
//
// Tells the steps that run row by row from those of a product, whose operands
// are packed.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_GRAPHSTEPS_H
#define CODEGEN_CPU_GRAPHSTEPS_H

#include "dialects/attn_tile/AttnTileOps.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace attn::cpu {

/// The step runs row by row, with those around it.
bool isRowOp(mlir::Operation &op);

/// The step is the last on rows that attention takes as its queries.
bool isQueryStep(mlir::Operation &op);

/// The loop carries the sum of a product.
bool isProductLoop(mlir::scf::ForOp loop);

/// The sum of a product, at its start or on the way.
bool isProductSum(mlir::Value tile);

/// The steps of the product are the whole rows of both factors, which are known
/// before it.
bool multipliesWholeRows(tile::MultiplyOp op);

/// The number of rows of a tile that row steps and products work on; null if
/// the tile is none of theirs.
mlir::Value countOf(mlir::Value tile);

} // namespace attn::cpu

#endif // CODEGEN_CPU_GRAPHSTEPS_H
