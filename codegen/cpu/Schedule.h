//===- Schedule.h - the CPU's block sizes -----------------------*- C++ -*-===//
//
// Prefill, short query and decode: three schedules of one program, which agree
// in all that orders the operations on a row. A description gives candidates,
// a score chooses among them; compiler/artifact/Schedules.h shows both.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_SCHEDULE_H
#define CODEGEN_CPU_SCHEDULE_H

#include "codegen/cpu/CpuTarget.h"
#include "dialects/attn_tile/AttnTileDialect.h"

#include "llvm/ADT/SmallVector.h"

#include <optional>

namespace attn::cpu {

/// What schedules are chosen for: `group` query heads to a key head. Keys and
/// values that a task makes are products of rows of `rank` elements.
struct HeadShape {
  int64_t group, headDim, valueDim, rank = 0;
};

/// One way to cut queries into tasks.
struct ScheduleCandidate {
  int64_t queryBlock;
  /// Query rows of a whole task.
  int64_t rows;
  /// What it keeps in the second-level cache: its queries and sums, a block of
  /// keys and values.
  int64_t bytes;
  /// Keys are read where they are, not packed.
  bool isStreamed;
  /// Bytes are within the target's limit.
  bool fits;
  /// Work that is no multiplication, as a share: the least that fits is chosen.
  double score;
};

struct ScheduleChoice {
  tile::ScheduleAttr schedule;
  /// Ascending in query_block; one of them is the schedule's.
  llvm::SmallVector<ScheduleCandidate> candidates;
  size_t chosen;
};

/// The schedules for heads of that shape, ascending in max_queries.
llvm::SmallVector<ScheduleChoice> chooseSchedules(mlir::MLIRContext *context,
                                                  const CpuTarget &target,
                                                  const HeadShape &shape);

/// The schedule of a graph with attentions of those shapes, for any number of
/// queries.
tile::ScheduleAttr chooseGraphSchedule(mlir::MLIRContext *context,
                                       const CpuTarget &target,
                                       llvm::ArrayRef<HeadShape> shapes);

/// The schedules of a layer with its surroundings, ascending in max_queries:
/// decode and short split the keys of its attention, prefill is that of a
/// graph. Where calls have `maxQueries` at most the latter is called short, and
/// only decode splits.
llvm::SmallVector<tile::ScheduleAttr>
chooseLayerSchedules(mlir::MLIRContext *context, const CpuTarget &target,
                     const HeadShape &shape,
                     std::optional<int64_t> maxQueries = std::nullopt);

} // namespace attn::cpu

#endif // CODEGEN_CPU_SCHEDULE_H
