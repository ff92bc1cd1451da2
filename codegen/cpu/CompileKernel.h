//===- CompileKernel.h - one kernel as an object ----------------*- C++ -*-===//
//
// The entry to the CPU back end.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_COMPILEKERNEL_H
#define CODEGEN_CPU_COMPILEKERNEL_H

#include "codegen/cpu/CpuKernel.h"
#include "codegen/cpu/CpuTarget.h"
#include "dialects/attn_tile/AttnTileOps.h"

namespace attn::cpu {

/// Compiles the schedules of one kernel into one object. The programs stay as
/// they are. Sets the target's facts, the object, and of each program its
/// schedule, symbol, maxQueries, phases, sizes. Failures are diagnosed.
mlir::FailureOr<CpuKernel>
compileKernel(llvm::ArrayRef<tile::ProgramOp> programs,
              const CpuTarget &target);

} // namespace attn::cpu

#endif // CODEGEN_CPU_COMPILEKERNEL_H
