//===- Schedule.cpp - the CPU's block sizes -------------------------------===//
//
// Sizes from the caches: a task's queries and sums stay in the second level
// while the packed blocks of keys and values pass through it.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Schedule.h"

#include <algorithm>

using namespace attn;
using namespace attn::cpu;

// 128 keys: at D = 128 a block is 64 KiB of keys, and a panel of it half of a
// first-level cache. Measured on Zen 5 (fraction of the FMA peak, D = 128 and
// 64): 64 keys 0.75 and 0.79, 128 keys 0.89 and 0.84, 256 keys 0.88 and 0.83.
static constexpr int64_t keyBlock = 128;
static constexpr int64_t splitKeys = 1024;
static constexpr int64_t maxSplits = 32;
static constexpr int64_t unbounded = (int64_t(1) << 31) - 1;

/// Query rows of a prefill task, a whole number of row blocks and groups if
/// possible: a few hundred hide the packing of keys (1/rows of the work).
static int64_t prefillQueries(const CpuTarget &target, int64_t group,
                              int64_t headDim, int64_t valueDim) {
  int64_t budget = target.taskBytes / 4;
  int64_t blocks = keyBlock * (headDim + valueDim);
  int64_t rows = (budget - blocks) / (headDim + valueDim);
  rows = std::clamp<int64_t>(rows, 96, 384);
  return std::max<int64_t>(1, rows / group);
}

llvm::SmallVector<tile::ScheduleAttr>
attn::cpu::cpuSchedules(mlir::MLIRContext *context, const CpuTarget &target,
                        int64_t group, int64_t headDim, int64_t valueDim) {
  auto make = [&](llvm::StringRef name, int64_t maxQueries, int64_t queryBlock,
                  bool splitTasks) {
    return tile::ScheduleAttr::get(context, name, maxQueries, queryBlock,
                                   keyBlock, splitKeys, maxSplits, splitTasks);
  };
  // Beyond 64 rows a task has enough work without splitting its keys.
  int64_t shortQueries = std::max<int64_t>(2, 64 / group);
  int64_t queries = prefillQueries(target, group, headDim, valueDim);
  return {make("decode", 1, 1, true),
          make("short", shortQueries, shortQueries, true),
          make("prefill", unbounded, queries, false)};
}
