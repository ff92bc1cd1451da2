//===- VerifyProgramsImpl.h - parts of the guard ----------------*- C++ -*-===//
//
// What verifyProgram asks beyond single steps.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_VERIFYPROGRAMSIMPL_H
#define CODEGEN_CPU_VERIFYPROGRAMSIMPL_H

#include "codegen/cpu/RowSteps.h"
#include "codegen/cpu/TaskEmitter.h"

namespace attn::cpu {

/// Every tile comes from the step, and goes to the steps, that the emitter
/// keeps a place in scratch for; sizes agree in the whole phase.
mlir::LogicalResult verifyTiles(tile::PhaseOp phase, const PhaseShape &shape);

/// A chain of steps has a mask for the keys that it loads, and nothing but
/// the next block of keys depends on its results.
mlir::LogicalResult verifyRowSteps(const RowSteps &steps);

/// Running states are updated in one place each: maxima, denominators and
/// sums stay together.
mlir::LogicalResult verifyStates(tile::PhaseOp phase, const PhaseShape &shape);

/// Row steps stay in one block and agree on their rows and columns; products
/// have loaded operands and one place for their sum.
mlir::LogicalResult verifyRows(tile::PhaseOp phase);

} // namespace attn::cpu

#endif // CODEGEN_CPU_VERIFYPROGRAMSIMPL_H
