//===- Schedules.cpp - What --print-schedule shows ------------------------===//
//
// Asks the target again what it chose: the choice is a function of the kernel.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/Schedules.h"

#include "codegen/cpu/Schedule.h"
#include "llvm/ADT/STLExtras.h"

#include <fmt/format.h>

using namespace attn;
using namespace attn::artifact;

static std::string titleOf(const KernelDescription &kernel,
                           const cpu::HeadShape &shape,
                           const cpu::CpuTarget &target) {
  return fmt::format(
      "{} on {}: heads of {}, values of {}, {} query heads to a key head\n"
      "  keys in blocks of {} and at most {} splits of {} or more\n"
      "  > marks the least score, packing per query row, within {} bytes a "
      "task\n"
      "  schedule  max_queries  query_block  rows     bytes  keys      score\n",
      kernel.symbol, target.name, shape.headDim, shape.valueDim, shape.group,
      target.sizes.keyBlock, target.sizes.maxSplits, target.sizes.splitKeys,
      target.taskBytes);
}

static std::string spellMost(tile::ScheduleAttr schedule) {
  return schedule.takesAnyQueries() ? "any"
                                    : std::to_string(schedule.getMaxQueries());
}

static std::string lineOf(tile::ScheduleAttr schedule,
                          const cpu::ScheduleCandidate &candidate,
                          bool isChosen) {
  std::string score = candidate.fits ? fmt::format("{:.4f}", candidate.score)
                                     : "over the limit";
  return fmt::format("{} {:8}  {:>11}  {:>11}  {:>4}  {:>8}  {:8}  {}\n",
                     isChosen ? '>' : ' ', schedule.getName().str(),
                     spellMost(schedule), candidate.queryBlock, candidate.rows,
                     candidate.bytes,
                     candidate.isStreamed ? "in place" : "packed", score);
}

/// What is compiled of attention with products and rows around it.
static std::string tabulateGraph(const ProgramGroup &group,
                                 const cpu::CpuTarget &target) {
  std::string text = fmt::format(
      "{} on {}: keys and columns in blocks of {}\n"
      "  schedule  phases  max_queries  query_block  product_rows\n",
      group.description.symbol, target.name, target.sizes.keyBlock);
  for (tile::ProgramOp program : group.programs) {
    tile::ScheduleAttr schedule = program.getSchedule();
    auto phases = llvm::range_size(program.getBody().getOps<tile::PhaseOp>());
    text += fmt::format("  {:8}  {:>6}  {:>11}  {:>11}  {:>12}\n",
                        std::string_view(schedule.getName()), phases,
                        spellMost(schedule), schedule.getQueryBlock(),
                        schedule.getRowBlock());
  }
  return text;
}

std::string artifact::tabulateSchedules(const ProgramGroup &group,
                                        const cpu::CpuTarget &target) {
  const KernelDescription &kernel = group.description;
  if (!kernel.isAttention)
    return tabulateGraph(group, target);
  cpu::HeadShape shape = {kernel.queryHeads / kernel.kvHeads, kernel.headDim,
                          kernel.valueDim};
  mlir::MLIRContext *context = tile::ProgramOp(group.programs[0]).getContext();
  std::string text = titleOf(kernel, shape, target);
  for (const cpu::ScheduleChoice &choice :
       chooseSchedules(context, target, shape)) {
    bool isCompiled =
        llvm::any_of(group.programs, [&](tile::ProgramOp program) {
          return program.getSchedule() == choice.schedule;
        });
    if (!isCompiled)
      continue;
    for (auto [index, candidate] : llvm::enumerate(choice.candidates))
      text += lineOf(choice.schedule, candidate, index == choice.chosen);
  }
  return text;
}
