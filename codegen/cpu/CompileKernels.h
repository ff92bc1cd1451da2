//===- CompileKernels.h - kernels as one object -----------------*- C++ -*-===//
//
// The entry to the CPU back end.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_COMPILEKERNELS_H
#define CODEGEN_CPU_COMPILEKERNELS_H

#include "codegen/cpu/CpuKernel.h"
#include "codegen/cpu/CpuTarget.h"
#include "dialects/attn_tile/AttnTileOps.h"

namespace attn::cpu {

/// Compiles kernels, each given by its schedules, into so many objects in which
/// they share microkernels (EmitObject.h). The programs stay as they are. Sets
/// of each kernel the target's facts, and of each program its schedule, symbol,
/// maxQueries, phases, sizes. Failures are diagnosed.
mlir::FailureOr<CpuObject>
compileKernels(llvm::ArrayRef<llvm::SmallVector<tile::ProgramOp>> kernels,
               const CpuTarget &target, unsigned parts = 1);

} // namespace attn::cpu

#endif // CODEGEN_CPU_COMPILEKERNELS_H
