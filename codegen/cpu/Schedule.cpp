//===- Schedule.cpp - the CPU's block sizes -------------------------------===//
//
// Sizes from the caches: a task's queries and sums stay in the second level
// while the packed blocks of keys and values pass through it.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Schedule.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace attn;
using namespace attn::cpu;

/// Elements of a query row and its sums, and of a key and its value.
static int64_t rowElements(const HeadShape &shape) {
  return shape.headDim + shape.valueDim;
}

static ScheduleCandidate makeCandidate(const CpuTarget &target,
                                       const HeadShape &shape,
                                       int64_t queryBlock) {
  ScheduleCandidate candidate;
  candidate.queryBlock = queryBlock;
  candidate.rows = queryBlock * shape.group;
  candidate.bytes =
      4 * (candidate.rows + target.sizes.keyBlock) * rowElements(shape);
  candidate.isStreamed = target.streams(queryBlock, candidate.rows);
  // Rows for which keys are made come and go: see CpuTarget.cpp.
  candidate.fits = shape.rank > 0 || candidate.bytes <= target.taskBytes;
  // A key is packed, and made, once for all rows of a task.
  candidate.score = candidate.isStreamed ? 0.0 : 1.0 / candidate.rows;
  return candidate;
}

/// Queries of a prefill task: steps from the fewest rows to the most, and what
/// fills the cache.
static llvm::SmallVector<ScheduleCandidate>
prefillCandidates(const CpuTarget &target, const HeadShape &shape) {
  auto [fewest, most] =
      std::pair(target.sizes.fewestRows, target.sizes.mostRows);
  int64_t full =
      target.taskBytes / 4 / rowElements(shape) - target.sizes.keyBlock;
  llvm::SmallVector<int64_t> blocks;
  for (int64_t rows = fewest; rows <= most; rows += fewest)
    blocks.push_back(rows / shape.group);
  blocks.push_back(std::clamp(full, fewest, most) / shape.group);
  if (shape.rank > 0)
    blocks.push_back(target.sizes.projectedRows / shape.group);
  for (int64_t &block : blocks)
    block = std::max<int64_t>(block, 1);
  llvm::sort(blocks);
  blocks.erase(llvm::unique(blocks), blocks.end());
  return llvm::map_to_vector(blocks, [&](int64_t block) {
    return makeCandidate(target, shape, block);
  });
}

/// The best score that fits; the smallest task if none does.
static size_t choose(llvm::ArrayRef<ScheduleCandidate> candidates) {
  size_t chosen = 0;
  for (auto [index, candidate] : llvm::enumerate(candidates))
    if (candidate.fits && candidate.score < candidates[chosen].score)
      chosen = index;
  return chosen;
}

llvm::SmallVector<ScheduleChoice>
attn::cpu::chooseSchedules(mlir::MLIRContext *context, const CpuTarget &target,
                           const HeadShape &shape) {
  const TaskSizes &sizes = target.sizes;
  llvm::SmallVector<ScheduleChoice> choices;
  auto add = [&](llvm::StringRef name, int64_t maxQueries, bool splitTasks,
                 llvm::SmallVector<ScheduleCandidate> candidates) {
    size_t chosen = choose(candidates);
    auto schedule = tile::ScheduleAttr::get(
        context, name, maxQueries, candidates[chosen].queryBlock,
        sizes.keyBlock, sizes.splitKeys, sizes.maxSplits, splitTasks,
        /*product_rows=*/0);
    choices.push_back({schedule, std::move(candidates), chosen});
  };
  int64_t shortQueries = std::max<int64_t>(2, sizes.splitRows / shape.group);
  add("decode", 1, true, {makeCandidate(target, shape, 1)});
  add("short", shortQueries, true,
      {makeCandidate(target, shape, shortQueries)});
  add("prefill", tile::ScheduleAttr::kAnyQueries, false,
      prefillCandidates(target, shape));
  return choices;
}

/// Rows of a product, which packs each weight once for all of them: those that
/// a task's cache holds with a block of columns of their sums and a block twice
/// as deep of the rows themselves, beside two such blocks of weights, one in
/// use and the next. Llama-3-8B's layer in f32 on Zen 5, ms for 128, 512 and
/// 2048 rows: 96 rows 65, 245, 1116; 204 56, 224, 995; 264 55, 216, 960; 336
/// 56, 220, 988.
static int64_t countProductRows(const CpuTarget &target) {
  int64_t columns = target.sizes.keyBlock, depth = 2 * columns;
  int64_t weights = 4 * columns * depth;
  int64_t rows = (target.taskBytes - 2 * weights) / (4 * (columns + depth));
  return static_cast<int64_t>(llvm::alignTo(rows, target.rowBlock()));
}

tile::ScheduleAttr
attn::cpu::chooseGraphSchedule(mlir::MLIRContext *context,
                               const CpuTarget &target,
                               llvm::ArrayRef<HeadShape> shapes) {
  const TaskSizes &sizes = target.sizes;
  int64_t productRows = countProductRows(target), rows = productRows;
  auto queriesOf = [&](const HeadShape &shape) {
    return chooseSchedules(context, target, shape)
        .back()
        .schedule.getQueryBlock();
  };
  int64_t projected = 0;
  for (HeadShape shape : shapes) {
    if (shape.rank > 0)
      projected = std::max(projected, queriesOf(shape));
    shape.rank = 0;
    rows = std::min(rows, queriesOf(shape));
  }
  return tile::ScheduleAttr::get(
      context, "graph", tile::ScheduleAttr::kAnyQueries,
      projected ? projected : rows, sizes.keyBlock, sizes.splitKeys,
      sizes.maxSplits, /*split_tasks=*/false, productRows);
}

/// Rows of a product where every sequence has few: as many rows of all of them
/// read a weight once.
static constexpr int64_t kSharedRows = 64;

/// `schedule` with as many rows of a product.
static tile::ScheduleAttr shareProducts(tile::ScheduleAttr schedule) {
  return tile::ScheduleAttr::get(
      schedule.getContext(), schedule.getName(), schedule.getMaxQueries(),
      schedule.getQueryBlock(), schedule.getKeyBlock(), schedule.getSplitKeys(),
      schedule.getMaxSplits(), schedule.getSplitTasks(), kSharedRows);
}

llvm::SmallVector<tile::ScheduleAttr>
attn::cpu::chooseLayerSchedules(mlir::MLIRContext *context,
                                const CpuTarget &target, const HeadShape &shape,
                                std::optional<int64_t> maxQueries) {
  tile::ScheduleAttr graph = chooseGraphSchedule(context, target, shape);
  auto choices = chooseSchedules(context, target, shape);
  llvm::SmallVector<tile::ScheduleAttr> schedules;
  for (const ScheduleChoice &choice :
       llvm::ArrayRef(choices).take_front(maxQueries ? 1 : 2))
    schedules.push_back(shareProducts(choice.schedule));
  schedules.push_back(tile::ScheduleAttr::get(
      context, maxQueries ? "short" : "prefill",
      maxQueries.value_or(tile::ScheduleAttr::kAnyQueries),
      graph.getQueryBlock(), graph.getKeyBlock(), graph.getSplitKeys(),
      graph.getMaxSplits(), graph.getSplitTasks(), graph.getProductRows()));
  return schedules;
}
