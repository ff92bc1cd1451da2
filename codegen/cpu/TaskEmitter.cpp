//===- TaskEmitter.cpp - one phase of a tile program as code --------------===//
//
// The functions around the tile steps: grids, coordinates, loops, scratch.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/TaskEmitter.h"

#include "runtime/attn_rt.h"

#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// Elements of a cache line: every buffer of the scratch begins on one.
static constexpr int64_t lineElements = ATTN_RT_CACHE_LINE / 4;

/// Query heads to a key head, where the rows of a task are all that says it.
static int64_t groupOf(tile::SaveStateOp save, tile::ScheduleAttr schedule) {
  auto space = save.getStates().getDefiningOp<tile::WorkspaceOp>();
  int64_t rows = space ? static_cast<int64_t>(space.getRows()) : 0;
  return std::max<int64_t>(rows / schedule.getQueryBlock(), 1);
}

PhaseShape PhaseShape::of(tile::PhaseOp phase, const CpuTarget &target) {
  int64_t headDim = 1, valueDim = 1, group = 0, saved = 1, maxRows = 0;
  bool joinsViews = false, hidesKeys = false, attends = false;
  tile::ScheduleAttr schedule =
      phase->getParentOfType<tile::ProgramOp>().getSchedule();
  auto columnsOf = [](Value tile) {
    return cast<tile::TileType>(tile.getType()).getShape().back();
  };
  phase.walk([&](Operation *op) {
    attends |= isa<tile::ContractOp, tile::StartOp, tile::LoadStateOp>(op);
    if (auto contract = dyn_cast<tile::ContractOp>(op))
      headDim = columnsOf(contract.getKey());
    else if (auto accumulate = dyn_cast<tile::AccumulateOp>(op))
      valueDim = columnsOf(accumulate.getValue());
    else if (auto load = dyn_cast<tile::LoadStateOp>(op))
      valueDim = columnsOf(load.getSum());
    else if (auto load = dyn_cast<tile::LoadQueriesOp>(op))
      group = load.getGroup();
    else if (auto save = dyn_cast<tile::SaveStateOp>(op))
      saved = groupOf(save, schedule);
    else if (auto finish = dyn_cast<tile::FinishOp>(op))
      group = finish.getGroup();
    else if (auto load = dyn_cast<tile::LoadKeysOp>(op))
      joinsViews |= load.getViews().size() > 1;
    else if (isa<tile::ProjectOp>(op))
      joinsViews = true;
    else if (isa<tile::TensorMaskOp>(op))
      hidesKeys = true;
    else if (isa<tile::MultiplyOp>(op))
      maxRows = schedule.getRowBlock();
  });
  // A phase that loads no queries as they are still keeps states of them.
  group = group ? group : saved;
  // A product beside no attention has rows of its own number.
  if (attends || !maxRows)
    maxRows = std::max(maxRows, schedule.getQueryBlock() * group);
  return {KernelShape(target, headDim, valueDim, schedule.getKeyBlock()), group,
          maxRows, joinsViews, hidesKeys};
}

TaskEmitter::TaskEmitter(KernelBuilder &k, tile::ProgramOp program,
                         const WeightPlan &weights)
    : k(k), program(program),
      shape{KernelShape(k.getTarget(), 1, 1, 1), 1, 1, false, false},
      buffers(program), weights(weights) {}

void TaskEmitter::emit() {
  func::FuncOp grid = emitGrid();
  int64_t number = 0;
  for (auto phase : program.getBody().getOps<tile::PhaseOp>())
    emitPhase(phase, number++);
  grid->setAttr(
      tile::kFootprintAttr,
      tile::FootprintAttr::get(program.getContext(), scratchBytes, stateBytes));
}

/// Index arithmetic before the phases is repeated in each function: it is
/// cheap, and nothing but the frame passes between them.
void TaskEmitter::emitPrologue() {
  scalars.clear();
  for (Operation &op : program.getBody().front())
    if (!isa<tile::PhaseOp, tile::WorkspaceOp>(op))
      emitIndexOp(op);
}

func::FuncOp TaskEmitter::emitGrid() {
  func::FuncOp grid = k.begin((program.getSymName() + "_grid").str(),
                              {k.ptrType, k.ptrType}, {}, /*local=*/false);
  frame = k.argument(0);
  Value tasks = k.argument(1);
  emitPrologue();
  int64_t number = 0;
  for (auto phase : program.getBody().getOps<tile::PhaseOp>()) {
    Value count = k.i64(1);
    for (Value extent : phase.getExtents())
      count = k.mul(count, scalar(extent));
    k.store(count, k.at(tasks, 2 * number++));
  }
  k.end();
  return grid;
}

void TaskEmitter::emitPhase(tile::PhaseOp phase, int64_t number) {
  shape = PhaseShape::of(phase, k.getTarget());
  std::string name = (program.getSymName() + "_phase" + Twine(number)).str();
  k.begin(name, {k.ptrType, k.ptrType, k.i64Type}, {}, /*local=*/false);
  frame = k.argument(0);
  scratch = k.argument(1);
  scratchElements = 0;
  states.clear();
  stateNumbers.clear();
  packed.clear();
  packedValues.clear();
  finite.clear();
  streamed.clear();
  blockPlaces.clear();
  projectedRows.clear();
  sums.clear();
  sumNumbers.clear();
  emitPrologue();
  emitCoordinates(phase, k.argument(2));
  allocateRowBlock();
  packTables(phase);
  emitBlock(phase.getBody().front());
  k.end();
  scratchBytes = std::max(scratchBytes, 4 * scratchElements);
}

/// Room for the scores of one row block.
void TaskEmitter::allocateRowBlock() {
  const CpuTarget &target = k.getTarget();
  scores = allocate(target.rowBlock() * shape.kernel.scoreStride());
  maxima = allocate(target.rowBlock() * target.lanes);
  alpha = allocate(target.slot());
  keptScores = allocate(target.rowBlock() * shape.kernel.scoreStride());
}

/// The point of the grid that a task number means. Blocks of queries come
/// first and backwards, since the last see the most keys under a causal mask;
/// splits come last, since their keys follow each other in memory.
void TaskEmitter::emitCoordinates(tile::PhaseOp phase, Value task) {
  Block &body = phase.getBody().front();
  unsigned rank = body.getNumArguments();
  SmallVector<unsigned> fastestFirst;
  constexpr unsigned batch = 0, head = 1, block = 2, split = 3;
  for (unsigned axis : {split, head, batch, block})
    if (axis < rank)
      fastestFirst.push_back(axis);
  for (unsigned axis = 4; axis < rank; ++axis)
    fastestFirst.push_back(axis);
  for (unsigned axis : fastestFirst) {
    Value extent = scalar(phase.getExtents()[axis]);
    Value index = k.rem(task, extent);
    task = k.div(task, extent);
    if (axis == block)
      index = k.sub(k.sub(extent, k.i64(1)), index);
    scalars.map(body.getArgument(axis), index);
  }
}

//===----------------------------------------------------------------------===//
// Blocks and control
//===----------------------------------------------------------------------===//

/// Row-parallel steps wait for the others: packed keys and values do not
/// depend on them, and all of a row block's steps then run in one loop. Steps
/// on queries come before whatever reads those.
void TaskEmitter::emitBlock(Block &block) {
  for (Operation &op : block) {
    if (isQueryStep(op))
      emitQueryRows(op);
    else if (!isRowStep(op) && !isRowOp(op))
      emitOp(op);
  }
  emitRowOps(block);
  std::string why;
  FailureOr<RowSteps> steps = findRowSteps(block, why);
  assert(succeeded(steps) && "verified before emission");
  if (*steps)
    emitRowSteps(*steps);
}

void TaskEmitter::emitOp(Operation &op) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return emitFor(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return emitIf(branch);
  if (op.hasTrait<OpTrait::IsTerminator>())
    return;
  bool known = emitIndexOp(op) || emitTileOp(op);
  assert(known && "verified before emission");
  (void)known;
}

/// A loop's state lives in one place and is updated there. Each loop starts a
/// place of its own: two loops may begin with the same `attn_tile.start`.
void TaskEmitter::emitFor(scf::ForOp loop) {
  if (isProductLoop(loop))
    return emitProductLoop(loop);
  llvm::SmallDenseMap<Operation *, unsigned> started;
  for (auto [init, carried, result] : llvm::zip_equal(
           loop.getInitArgs(), loop.getRegionIterArgs(), loop.getResults())) {
    auto start = init.getDefiningOp<tile::StartOp>();
    auto [entry, isNew] = started.try_emplace(start, states.size());
    if (isNew)
      states.push_back(startState(scalar(start.getRows())));
    stateNumbers[carried] = stateNumbers[result] = entry->second;
  }
  emitLoop(loop);
}

/// The loop itself: what it carries has its places already.
void TaskEmitter::emitLoop(scf::ForOp loop) {
  auto op =
      scf::ForOp::create(k.builder(), k.loc(), scalar(loop.getLowerBound()),
                         scalar(loop.getUpperBound()), scalar(loop.getStep()));
  OpBuilder::InsertionGuard guard(k.builder());
  k.builder().setInsertionPointToStart(op.getBody());
  scalars.map(loop.getInductionVar(), op.getInductionVar());
  if (Value isSeen = seesBlock(loop))
    k.when(isSeen, [&] { emitBlock(*loop.getBody()); });
  else
    emitBlock(*loop.getBody());
}

void TaskEmitter::emitIf(scf::IfOp branch) {
  k.when(scalar(branch.getCondition()),
         [&] { emitBlock(*branch.thenBlock()); });
}

//===----------------------------------------------------------------------===//
// Scratch
//===----------------------------------------------------------------------===//

Value TaskEmitter::allocate(int64_t elements) {
  Value place = k.at(scratch, scratchElements);
  scratchElements += KernelShape::roundUp(elements, lineElements);
  return place;
}

StatePlace TaskEmitter::allocateState(Value rows) {
  const CpuTarget &target = k.getTarget();
  int64_t blocks = KernelShape::roundUp(shape.maxRows, target.rowBlock()) /
                   target.rowBlock();
  StatePlace place;
  place.maximum = allocate(blocks * target.slot());
  place.denominator = allocate(blocks * target.slot());
  place.sum = allocate(blocks * target.rowBlock() * shape.kernel.sumStride());
  place.rows = rows;
  place.isRecord = false;
  return place;
}

void TaskEmitter::bindState(ValueRange tiles, const StatePlace &place) {
  for (Value tile : tiles)
    stateNumbers[tile] = states.size();
  states.push_back(place);
}

const StatePlace &TaskEmitter::stateOf(Value tile) const {
  return states[stateNumbers.lookup(tile)];
}

int64_t TaskEmitter::recordElements() const {
  return lineElements +
         KernelShape::roundUp(shape.kernel.sumStride(), lineElements);
}

/// The place of a row among the slots.
Value TaskEmitter::slotOf(Value row) {
  int64_t block = k.getTarget().rowBlock();
  Value number = k.div(row, block);
  Value lane = k.sub(row, k.mul(number, block));
  return k.add(k.mul(number, k.getTarget().slot()), lane);
}

Value TaskEmitter::maximumAt(const StatePlace &state, Value row) {
  return k.at(state.maximum,
              state.isRecord ? k.mul(row, recordElements()) : slotOf(row));
}
Value TaskEmitter::denominatorAt(const StatePlace &state, Value row) {
  return k.at(state.denominator,
              state.isRecord ? k.mul(row, recordElements()) : slotOf(row));
}
Value TaskEmitter::sumAt(const StatePlace &state, Value row) {
  return k.at(state.sum, k.mul(row, state.isRecord ? recordElements()
                                                   : shape.kernel.sumStride()));
}
