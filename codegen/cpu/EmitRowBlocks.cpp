//===- EmitRowBlocks.cpp - the steps on scores, row block by row block ----===//
//
// All steps of a key block run on a few rows before the next rows come, so
// that scores live in the first-level cache. In partial blocks a row block
// visits only the panels of keys that one of its rows sees.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/TaskEmitter.h"

#include "codegen/cpu/MapOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// The rows [row, row + count) against the columns [begin, end) of a key block.
struct TaskEmitter::RowBlock {
  Value row, count;
  /// Whole panels.
  Value begin, end;
  /// i1: some row does not see all of the columns.
  Value masked;
  /// The buffers, from the first row and column on.
  Value query, keys, values, sum;
  StatePlace state;
  /// i1: a value of the block is not finite.
  Value notFinite;

  Value width(KernelBuilder &k) const { return k.sub(end, begin); }
};

void TaskEmitter::callVariant(EmitVariant emitVariant, Value count,
                              ValueRange arguments) {
  callVariant(emitVariant, shape.kernel, shape.maxRows, count, arguments);
}

/// Calls the variant of a microkernel that covers `count` rows, `mostRows` at
/// most, with the fewest.
void TaskEmitter::callVariant(EmitVariant emitVariant,
                              const KernelShape &kernel, int64_t mostRows,
                              Value count, ValueRange arguments) {
  ArrayRef<int64_t> variants = k.getTarget().rows;
  // A variant that covers the largest task makes the larger ones useless.
  while (variants.size() > 1 && variants[1] >= mostRows)
    variants = variants.drop_front();
  std::function<void(ArrayRef<int64_t>)> choose = [&](ArrayRef<int64_t> rows) {
    auto callLast = [&] {
      k.call(emitVariant(k, kernel, rows.back()), arguments);
    };
    if (rows.size() == 1)
      return callLast();
    k.when(
        k.less(k.i64(rows.back()), count), [&] { choose(rows.drop_back()); },
        callLast);
  };
  choose(variants);
}

/// Each block of rows asks for its share of the next block of keys and values:
/// a cache's rows lie too far apart for the hardware to guess, and all at once
/// they would wait for each other.
void TaskEmitter::prefetchShare(const RowSteps &steps, Value row, Value rows) {
  int64_t size = k.getTarget().rowBlock();
  Value keys = k.i64(shape.kernel.keyBlock);
  auto keysUpTo = [&](Value row) {
    return k.minimum(k.div(k.mul(row, keys), rows), keys);
  };
  Value begin = keysUpTo(row), end = keysUpTo(k.add(row, size));
  for (auto load : steps.contract->getBlock()->getOps<tile::LoadKeysOp>())
    prefetchKeys(load, begin, end);
}

void TaskEmitter::emitRowSteps(const RowSteps &steps) {
  tile::AccumulateOp accumulate = steps.accumulate;
  tile::SoftmaxStepOp softmax = steps.softmax;
  const KernelShape &kernel = shape.kernel;
  unsigned number = stateNumbers.lookup(accumulate.getSum());
  for (Value result : {softmax.getNewMaximum(), softmax.getNewDenominator(),
                       accumulate.getNewSum()})
    stateNumbers[result] = number;
  if (isStreamed())
    return emitStreamSteps(steps);

  Value isNumber =
      arith::CmpFOp::create(k.builder(), k.loc(), arith::CmpFPredicate::ORD,
                            finite.lookup(accumulate.getValue()), k.f32(0.0f));
  RowBlock block;
  block.state = states[number];
  block.notFinite = k.equal(
      isNumber, arith::ConstantOp::create(k.builder(), k.loc(),
                                          k.builder().getBoolAttr(false)));
  tile::ContractOp contract = steps.contract;
  Value query = packed.lookup(contract.getQuery());
  Value keys = packed.lookup(contract.getKey());
  Value values = packedValues.lookup(accumulate.getValue());
  int64_t size = k.getTarget().rowBlock();
  k.loop(k.i64(0), block.state.rows, size, [&](Value row) {
    prefetchShare(steps, row, block.state.rows);
    block.row = row;
    block.count = k.minimum(k.i64(size), k.sub(block.state.rows, row));
    emitColumns(steps, block);
    block.query = k.at(query, k.mul(row, kernel.queryStride()));
    block.keys =
        k.at(keys, k.mul(k.div(block.begin, kernel.panel), kernel.keyPanel()));
    block.values = k.at(values, k.mul(block.begin, kernel.panel));
    block.sum = sumAt(block.state, row);
    k.when(k.less(block.begin, block.end), [&] {
      emitScores(steps, block);
      emitMap(steps, block);
      emitTensorMask(steps, block.row, block.count, block.begin, block.end);
      emitMask(steps, block);
      emitSums(steps, block);
    });
  });
}

/// The columns of the block that row `row` sees: [first, second), unclamped.
std::pair<Value, Value> TaskEmitter::columnsOf(const RowSteps &steps,
                                               Value row) {
  tile::MaskOp mask = steps.mask;
  auto [begin, end] = visibleKeys(mask, k.div(row, mask.getGroup()));
  Value key = scalar(mask.getKey());
  return {k.sub(begin, key), k.sub(end, key)};
}

/// The same for row `row` of the block, clamped to the columns of the block.
std::pair<Value, Value> TaskEmitter::columnsWithin(const RowSteps &steps,
                                                   const RowBlock &block,
                                                   Value row) {
  Value width = block.width(k);
  if (!block.masked)
    return {k.i64(0), width};
  auto clamp = [&](Value x) {
    return k.minimum(k.maximum(k.sub(x, block.begin), k.i64(0)), width);
  };
  auto [lo, hi] = columnsOf(steps, k.add(block.row, row));
  return {clamp(lo), clamp(hi)};
}

/// Rows ascend in position, so the first row sees the lowest columns and the
/// last row the highest.
void TaskEmitter::emitColumns(const RowSteps &steps, RowBlock &block) {
  const KernelShape &kernel = shape.kernel;
  Value zero = k.i64(0), all = k.i64(kernel.keyBlock);
  block.begin = zero;
  block.end = all;
  block.masked = nullptr;
  if (!steps.mask)
    return;
  auto [firstLo, firstHi] = columnsOf(steps, block.row);
  Value last = k.sub(k.add(block.row, block.count), k.i64(1));
  auto [lastLo, lastHi] = columnsOf(steps, last);
  auto clamp = [&](Value x) { return k.minimum(k.maximum(x, zero), all); };
  auto panels = [&](Value x) { return k.mul(x, kernel.panel); };
  block.begin = panels(k.div(clamp(firstLo), kernel.panel));
  block.end = panels(k.ceilDiv(clamp(lastHi), kernel.panel));
  block.masked =
      k.either(k.less(block.begin, lastLo), k.less(firstHi, block.end));
  if (steps.partial) {
    Value partial = scalar(steps.partial);
    block.begin = k.select(partial, block.begin, zero);
    block.end = k.select(partial, block.end, all);
    block.masked = k.both(partial, block.masked);
  }
}

void TaskEmitter::emitScores(const RowSteps &steps, const RowBlock &block) {
  tile::ContractOp contract = steps.contract;
  callVariant(emitScore, block.count,
              {block.query, block.keys, scores, maxima,
               k.div(block.width(k), shape.kernel.panel),
               scalar(contract.getScale())});
}

func::FuncOp TaskEmitter::emitMapFunction(const RowSteps &steps) {
  tile::MapOp map = steps.map;
  std::string name = (program.getSymName() + "_map" + Twine(mapCount++)).str();
  return emitMapRow(k, name, map.getBody());
}

/// Copies the tables of a phase's maps, so that their rows stand at a constant
/// distance from each other.
void TaskEmitter::packTables(tile::PhaseOp phase) {
  phase.walk([&](tile::MapOp map) {
    Value table = map.getTable();
    if (!readsTable(map.getBody()) || packed.contains(table))
      return;
    ArrayRef<int64_t> sizes = map.getTable().getType().getShape();
    Value rows = packed[table] = allocate(sizes[0] * sizes[1]);
    auto copy = emitCopyRow(k, sizes[1], sizes[1], k.f32Type, k.f32Type);
    k.loop(k.i64(0), k.i64(sizes[0]), 1, [&](Value row) {
      k.call(copy, {elementOf(table, row), k.at(rows, k.mul(row, sizes[1]))});
    });
  });
}

/// Where the scores of row `row` of the task stand, from the column `begin` of
/// the block on, as emitMapRow takes it.
SmallVector<Value> TaskEmitter::placeOf(tile::MapOp map, Value row,
                                        Value begin) {
  Value group = k.i64(map.getGroup()), query = k.div(row, group);
  Value head = k.add(k.mul(scalar(map.getKvHead()), group), k.rem(row, group));
  SmallVector<Value> place = {k.add(scalar(map.getFirst()), query),
                              k.add(scalar(map.getKey()), begin), head};
  if (map.getPosition())
    place.push_back(k.add(scalar(map.getPosition()), query));
  if (readsTable(map.getBody()))
    place.push_back(packed.lookup(map.getTable()));
  return place;
}

void TaskEmitter::emitMap(const RowSteps &steps, const RowBlock &block) {
  if (!steps.map)
    return;
  func::FuncOp function = emitMapFunction(steps);
  Value vectors = k.div(block.width(k), shape.kernel.lanes);
  k.loop(k.i64(0), block.count, 1, [&](Value row) {
    SmallVector<Value> arguments = {
        k.at(scores, k.mul(row, shape.kernel.scoreStride())),
        k.at(maxima, k.mul(row, shape.kernel.lanes)), vectors};
    llvm::append_range(arguments,
                       placeOf(steps.map, k.add(block.row, row), block.begin));
    k.call(function, arguments);
  });
}

void TaskEmitter::emitMask(const RowSteps &steps, const RowBlock &block) {
  if (!block.masked)
    return;
  auto function = emitMaskRow(k);
  Value vectors = k.div(block.width(k), shape.kernel.lanes);
  k.when(block.masked, [&] {
    k.loop(k.i64(0), block.count, 1, [&](Value row) {
      auto [lo, hi] = columnsWithin(steps, block, row);
      k.call(function,
             {k.at(scores, k.mul(row, shape.kernel.scoreStride())),
              k.at(maxima, k.mul(row, shape.kernel.lanes)), lo, hi, vectors});
    });
  });
}

void TaskEmitter::emitSums(const RowSteps &steps, const RowBlock &block) {
  Value vectors = k.div(block.width(k), shape.kernel.lanes);
  k.when(block.notFinite, [&] { keepScores(block.count); });
  callVariant(emitSoftmax, block.count,
              {scores, maxima, maximumAt(block.state, block.row),
               denominatorAt(block.state, block.row), alpha, vectors});
  // 0 * NaN is NaN: a row must not touch the values that it does not see, nor
  // infinite ones that it gives no weight.
  k.when(
      block.notFinite, [&] { emitExactSums(steps, block); },
      [&] {
        callVariant(emitAccumulate, block.count,
                    {scores, block.values, block.sum, alpha, block.width(k)});
      });
}

//===----------------------------------------------------------------------===//
// Exact sums
//===----------------------------------------------------------------------===//

void TaskEmitter::keepScores(Value rows) {
  int64_t stride = shape.kernel.scoreStride();
  auto copy = emitCopyRow(k, stride, stride, k.f32Type, k.f32Type);
  k.loop(k.i64(0), rows, 1, [&](Value row) {
    Value place = k.mul(row, stride);
    k.call(copy, {k.at(scores, place), k.at(keptScores, place)});
  });
}

/// The sum of row `row` of the block over the columns [lo, hi).
void TaskEmitter::emitExactRow(Value row, Value lo, Value hi,
                               const ValuePlace &values, Value sum) {
  Value place = k.add(k.mul(row, shape.kernel.scoreStride()), lo);
  Value first =
      elementAt(k, values.element, values.first, k.mul(lo, values.keyStride));
  k.call(emitExactAccumulate(k, shape.kernel, shape.hidesKeys, values.element),
         {k.at(scores, place), k.at(keptScores, place), first, values.keyStride,
          k.i64(values.panelStride), sum, k.at(alpha, row), k.sub(hi, lo)});
}

void TaskEmitter::emitExactSums(const RowSteps &steps, const RowBlock &block) {
  ValuePlace values = {block.values, k.i64(shape.kernel.panel),
                       shape.kernel.valuePanel(), k.f32Type};
  k.loop(k.i64(0), block.count, 1, [&](Value row) {
    auto [lo, hi] = columnsWithin(steps, block, row);
    emitExactRow(row, lo, hi, values,
                 k.at(block.sum, k.mul(row, shape.kernel.sumStride())));
  });
}
