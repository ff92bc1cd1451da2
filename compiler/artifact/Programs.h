//===- Programs.h - Tile programs as kernels --------------------*- C++ -*-===//
//
// Which programs are schedules of one kernel, what it is called, and the facts
// that stand in its programs.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_PROGRAMS_H
#define COMPILER_ARTIFACT_PROGRAMS_H

#include "compiler/Options.h"
#include "compiler/artifact/Description.h"
#include "dialects/attn_tile/AttnTileOps.h"

namespace attn::artifact {

/// The schedules of one kernel, ascending in max_queries.
struct ProgramGroup {
  KernelDescription description;
  llvm::SmallVector<tile::ProgramOp> programs;
};

/// The kernels of `tiles` in order, for the phases asked for (none: all).
/// `declared` tells declared layers (NAME_[KIND_]core, KIND only where layers
/// differ in geometry) from functions (NAME_FUNCTION, scope graph).
mlir::FailureOr<std::vector<ProgramGroup>>
groupPrograms(mlir::ModuleOp tiles, mlir::ModuleOp declared,
              llvm::StringRef name, llvm::ArrayRef<Phase> phases);

/// Fills what the programs say together: name, constants, layers.
void completeKernel(ProgramGroup &group, cpu::CpuKernel &kernel);

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_PROGRAMS_H
