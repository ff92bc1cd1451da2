//===- Schedule.h - the CPU's block sizes -----------------------*- C++ -*-===//
//
// Prefill, short query and decode: three schedules of one program, which agree
// in all that orders the operations on a row.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_SCHEDULE_H
#define CODEGEN_CPU_SCHEDULE_H

#include "codegen/cpu/CpuTarget.h"
#include "dialects/attn_tile/AttnTileDialect.h"

#include "llvm/ADT/SmallVector.h"

namespace attn::cpu {

/// The schedules for heads of these sizes, `group` query heads to a key head,
/// ascending in max_queries.
llvm::SmallVector<tile::ScheduleAttr>
cpuSchedules(mlir::MLIRContext *context, const CpuTarget &target, int64_t group,
             int64_t headDim, int64_t valueDim);

} // namespace attn::cpu

#endif // CODEGEN_CPU_SCHEDULE_H
