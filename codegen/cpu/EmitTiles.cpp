//===- EmitTiles.cpp - loads, stores and states of a task -----------------===//
//
// What happens to tiles outside the loop over row blocks.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/TaskEmitter.h"

#include "runtime/attn_rt.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cstddef>
#include <limits>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

static constexpr float infinity = std::numeric_limits<float>::infinity();

bool TaskEmitter::emitTileOp(Operation &op) {
  return llvm::TypeSwitch<Operation *, bool>(&op)
      .Case([&](tile::LoadQueriesOp x) { return emitLoadQueries(x), true; })
      .Case([&](tile::LoadKeysOp x) { return emitLoadKeys(x), true; })
      .Case([&](tile::ProjectOp x) { return emitProject(x), true; })
      .Case([&](tile::JoinOp x) { return emitJoin(x), true; })
      .Case([&](tile::StoreOp x) { return emitStore(x), true; })
      .Case([&](tile::StartOp x) { return emitStart(x), true; })
      .Case([&](tile::SaveStateOp x) { return emitSaveState(x), true; })
      .Case([&](tile::LoadStateOp x) { return emitLoadState(x), true; })
      .Case([&](tile::MergeOp x) { return emitMerge(x), true; })
      .Case([&](tile::FinishOp x) { return emitFinish(x), true; })
      .Case([&](tile::MultiplyOp x) { return emitMultiply(x), true; })
      .Case([&](tile::LoadRowsOp x) { return emitLoadWeight(x), true; })
      // Products start their sums themselves.
      .Case([](tile::FillOp) { return true; })
      .Default(false);
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// Queries are gathered once, so that a row block's scalars stand at constant
/// distances from each other.
void TaskEmitter::emitLoadQueries(tile::LoadQueriesOp op) {
  int64_t rows = KernelShape::roundUp(shape.maxRows, k.getTarget().rowBlock());
  int64_t stride = shape.kernel.queryStride();
  Value tile = allocate(rows * stride);
  packed[op.getTile()] = tile;
  auto copy = emitCopyRow(k, shape.kernel.headDim, stride,
                          storedType(op.getView()), k.f32Type);
  Value head = k.mul(scalar(op.getKvHead()), op.getGroup());
  k.loop(k.i64(0), scalar(op.getCount()), 1, [&](Value query) {
    k.loop(k.i64(0), k.i64(op.getGroup()), 1, [&](Value member) {
      Value from = elementOf(op.getView(), {scalar(op.getBatch()),
                                            k.add(scalar(op.getFirst()), query),
                                            k.add(head, member)});
      Value row = k.add(k.mul(query, op.getGroup()), member);
      k.call(copy, {from, k.at(tile, k.mul(row, stride))});
    });
  });
}

void TaskEmitter::emitStore(tile::StoreOp op) {
  const StatePlace &state = stateOf(op.getTile());
  bool isOutput = op.getTile().getType().getShape().size() == 2;
  Value head = k.mul(scalar(op.getKvHead()), op.getGroup());
  int64_t width = shape.kernel.valueDim;
  Type stored = storedType(op.getView());
  func::FuncOp copy;
  if (isOutput)
    copy = emitCopyRow(k, width, width, k.f32Type, stored);
  auto store = [&](Value query, Value member) {
    Value row = k.add(k.mul(query, op.getGroup()), member);
    Value to = elementOf(op.getView(), {scalar(op.getBatch()),
                                        k.add(scalar(op.getFirst()), query),
                                        k.add(head, member)});
    if (isOutput)
      k.call(copy, {sumAt(state, row), to});
    else
      storeElement(k, stored, k.loadF32(maximumAt(state, row)), to);
  };
  k.when(
      isAbsent(op.getView()), [] {},
      [&] {
        k.loop(k.i64(0), scalar(op.getCount()), 1, [&](Value query) {
          k.loop(k.i64(0), k.i64(op.getGroup()), 1,
                 [&](Value member) { store(query, member); });
        });
      });
}

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

/// Loops start their own states; see emitFor. What is left is a state that
/// never meets a key.
void TaskEmitter::emitStart(tile::StartOp op) {
  auto isLoop = [](Operation *user) { return isa<scf::ForOp>(user); };
  if (!llvm::all_of(op->getUsers(), isLoop))
    bindState(op.getResults(), startState(scalar(op.getRows())));
}

/// Maximum -inf, denominator 0, sum 0.
StatePlace TaskEmitter::startState(Value rows) {
  StatePlace state = allocateState(rows);
  const CpuTarget &target = k.getTarget();
  Value blocks = k.ceilDiv(rows, target.rowBlock());
  Value slots = k.mul(blocks, target.slot());
  k.loop(k.i64(0), slots, target.lanes, [&](Value i) {
    k.store(k.splat(-infinity), k.at(state.maximum, i));
    k.store(k.splat(0.0f), k.at(state.denominator, i));
  });
  Value elements = k.mul(blocks, target.rowBlock() * shape.kernel.sumStride());
  k.loop(k.i64(0), elements, target.lanes,
         [&](Value i) { k.store(k.splat(0.0f), k.at(state.sum, i)); });
  return state;
}

/// Row-major in the workspace's extents, one record per row.
StatePlace TaskEmitter::recordsOf(Value workspace, ValueRange indices,
                                  Value rows) {
  auto op = workspace.getDefiningOp<tile::WorkspaceOp>();
  Value number = k.i64(0);
  for (auto [extent, index] : llvm::zip_equal(op.getExtents(), indices))
    number = k.add(k.mul(number, scalar(extent)), scalar(index));
  int64_t elements = op.getRows() * recordElements();
  stateBytes = 4 * elements;
  Value base = k.at(k.loadPtr(frame, offsetof(attn_rt_frame, partials)),
                    k.mul(number, elements));
  constexpr int64_t sumOffset = ATTN_RT_CACHE_LINE / 4;
  return {base, k.at(base, 1), k.at(base, sumOffset), rows, /*isRecord=*/true};
}

void TaskEmitter::emitSaveState(tile::SaveStateOp op) {
  const StatePlace &from = stateOf(op.getMaximum());
  StatePlace to = recordsOf(op.getStates(), op.getIndices(), from.rows);
  int64_t width = shape.kernel.sumStride();
  auto copy = emitCopyRow(k, width, width, k.f32Type, k.f32Type);
  k.loop(k.i64(0), from.rows, 1, [&](Value row) {
    k.store(k.loadF32(maximumAt(from, row)), maximumAt(to, row));
    k.store(k.loadF32(denominatorAt(from, row)), denominatorAt(to, row));
    k.call(copy, {sumAt(from, row), sumAt(to, row)});
  });
}

void TaskEmitter::emitLoadState(tile::LoadStateOp op) {
  bindState(op.getResults(),
            recordsOf(op.getStates(), op.getIndices(), scalar(op.getRows())));
}

void TaskEmitter::emitMerge(tile::MergeOp op) {
  unsigned number = stateNumbers.lookup(op.getMaximum());
  const StatePlace &state = states[number];
  const StatePlace &other = stateOf(op.getOtherMaximum());
  auto merge = emitMergeRow(k, shape.kernel);
  k.loop(k.i64(0), state.rows, 1, [&](Value row) {
    k.call(merge, {maximumAt(state, row), denominatorAt(state, row),
                   sumAt(state, row), maximumAt(other, row),
                   denominatorAt(other, row), sumAt(other, row)});
  });
  for (Value result : op.getResults())
    stateNumbers[result] = number;
}

/// One logit per head, or -inf for all where the view is absent.
Value TaskEmitter::sinkOf(Value sinks, Value head) {
  OpBuilder &b = k.builder();
  auto choice = scf::IfOp::create(
      b, k.loc(), isAbsent(sinks),
      [&](OpBuilder &, Location) {
        scf::YieldOp::create(b, k.loc(), k.f32(-infinity));
      },
      [&](OpBuilder &, Location) {
        scf::YieldOp::create(
            b, k.loc(),
            loadElement(k, storedType(sinks), elementOf(sinks, head)));
      });
  return choice.getResult(0);
}

/// The output takes the place of the sum, the lse that of the maximum.
void TaskEmitter::emitFinish(tile::FinishOp op) {
  unsigned number = stateNumbers.lookup(op.getMaximum());
  const StatePlace &state = states[number];
  Value head = k.mul(scalar(op.getKvHead()), op.getGroup());
  auto finish = emitFinishRow(k, shape.kernel);
  k.loop(k.i64(0), state.rows, 1, [&](Value row) {
    Value sink = k.f32(-infinity);
    if (Value sinks = op.getSinks())
      sink = sinkOf(sinks, k.add(head, k.rem(row, k.i64(op.getGroup()))));
    k.call(finish, {maximumAt(state, row), denominatorAt(state, row),
                    sumAt(state, row), sink});
  });
  for (Value result : op.getResults())
    stateNumbers[result] = number;
}
