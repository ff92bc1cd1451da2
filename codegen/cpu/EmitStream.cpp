//===- EmitStream.cpp - the steps on scores for a handful of rows ---------===//
//
// One query per task: all rows see the same keys, and each key is read once,
// from where the caller keeps it, page after page.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/TaskEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

bool TaskEmitter::isStreamed() const {
  // A stream reads whole rows from one place.
  return !shape.joinsViews &&
         k.getTarget().streams(shape.maxRows / shape.group, shape.maxRows);
}

/// The keys [lo, hi) of the block that the task's query sees.
struct TaskEmitter::StreamBlock {
  Value lo, hi;
  /// The whole vectors of scores around them.
  Value begin, end;
  StatePlace state;
  Value query;
};

//===----------------------------------------------------------------------===//
// Runs of rows in memory
//===----------------------------------------------------------------------===//

/// Rows that are read between two looks at the page table, where a page has
/// more: what is asked for ahead stands that far ahead at most, so it is looked
/// up again before it could cross a page's end.
static constexpr int64_t kRunRows = 32;

/// One run of a block's rows.
struct TaskEmitter::StreamRun {
  /// Rows of the block: the first, and the one behind the last.
  Value begin, end;
  /// The first of them in memory, and elements from it to what is asked for.
  Value first;
  llvm::SmallVector<Value, 2> ahead;
};

/// Pages of whole vectors of keys are read in place, others from a copy.
StreamedBlock TaskEmitter::streamedBlock(tile::LoadKeysOp op) {
  Value view = op.getViews().front(), first = scalar(op.getFirst());
  BlockArgument cache = tile::cacheOf(view);
  if (!cache)
    return {op, strideOf(view, 1), {}, {}, {}};
  Value rows = pageRows(cache), zero = k.i64(0);
  Value cutsVectors = k.less(zero, k.rem(rows, k.i64(shape.kernel.lanes)));
  Value isCopied = k.both(crossesPages(op, cache), cutsVectors);
  Value room = allocateCopy(op, 0);
  KeyPlace place = placeOfKeys(op, 0, room, isCopied);
  int64_t reach = kRunRows * bytesOf(k.f32Type) / bytesOf(storedType(view));
  Value run = k.call(emitCacheRun(k), {viewField(cache, 0), first});
  Value goesOn = k.less(k.add(keyCount(op), k.i64(reach)), run);
  Value isWhole = k.either(isCopied, goesOn);
  Value parts = k.select(k.equal(k.rem(rows, k.i64(kRunRows)), zero),
                         k.i64(kRunRows), rows);
  Value runRows =
      k.select(isWhole, k.i64(std::numeric_limits<int64_t>::max()), parts);
  return {op, place.stride, runRows, isCopied, room};
}

/// The whole block in one piece: copied now, if it was not and has to be.
KeyPlace TaskEmitter::wholeBlock(const StreamedBlock &block) {
  tile::LoadKeysOp load = block.load;
  BlockArgument cache = tile::cacheOf(load.getViews().front());
  if (!cache)
    return {rowOf(load, 0, scalar(load.getFirst())), block.stride};
  SmallVector<Value> place = k.choose(
      block.isCopied, {k.ptrType, k.i64Type},
      [&]() -> SmallVector<Value> { return {block.room, block.stride}; },
      [&]() -> SmallVector<Value> {
        KeyPlace place =
            placeOfKeys(load, 0, block.room, crossesPages(load, cache));
        return {place.first, place.stride};
      });
  return {place[0], place[1]};
}

/// Elements from row `row` of a sequence to the one so many keys ahead, or to
/// the last; nothing stands ahead of a copy.
Value TaskEmitter::aheadOf(const StreamedBlock &block, Value row,
                           int64_t keys) {
  tile::LoadKeysOp load = block.load;
  BlockArgument cache = tile::cacheOf(load.getViews().front());
  if (!cache)
    return k.mul(block.stride, keys);
  Value last = k.sub(scalar(load.getLength()), k.i64(1));
  auto offset = [&](Value of) -> Value {
    return k.call(emitCacheRow(k),
                  {viewField(cache, 0), scalar(load.getBatch()), of});
  };
  Value distance =
      k.sub(offset(k.minimum(k.add(row, keys), last)), offset(row));
  return k.select(block.isCopied, k.i64(0), distance);
}

/// Calls `body` for the rows [begin, end) of the block.
void TaskEmitter::forRuns(const StreamedBlock &block, Value begin, Value end,
                          llvm::function_ref<void(const StreamRun &)> body) {
  tile::LoadKeysOp load = block.load;
  Type stored = storedType(load.getViews().front());
  Value origin = scalar(load.getFirst());
  auto emitRun = [&](Value from, Value to) {
    Value row = k.add(origin, from);
    StreamRun run = {from, to, rowOf(load, 0, row), {}};
    if (block.isCopied)
      run.first =
          k.select(block.isCopied,
                   elementAt(k, stored, block.room, k.mul(from, block.stride)),
                   run.first);
    // As many bytes ahead, whatever the elements.
    int64_t times = bytesOf(k.f32Type) / bytesOf(stored);
    for (int64_t keys : k.getTarget().prefetchKeys)
      run.ahead.push_back(aheadOf(block, row, times * keys));
    body(run);
  };
  if (!block.runRows)
    return emitRun(begin, end);
  Value last = k.sub(k.add(origin, end), k.i64(1));
  k.loop(k.div(k.add(origin, begin), block.runRows),
         k.add(k.div(last, block.runRows), 1), 1, [&](Value number) {
           Value from = k.sub(k.mul(number, block.runRows), origin);
           Value to = k.add(from, block.runRows);
           emitRun(k.maximum(from, begin), k.minimum(to, end));
         });
}

//===----------------------------------------------------------------------===//
// Scores, maps and sums
//===----------------------------------------------------------------------===//

void TaskEmitter::emitStreamSteps(const RowSteps &steps) {
  tile::AccumulateOp accumulate = steps.accumulate;
  tile::ContractOp contract = steps.contract;
  int64_t lanes = shape.kernel.lanes;
  Value all = k.i64(shape.kernel.keyBlock), zero = k.i64(0);
  StreamBlock block;
  block.state = states[stateNumbers.lookup(accumulate.getSum())];
  block.query = packed.lookup(contract.getQuery());
  block.lo = zero;
  block.hi = all;
  if (steps.mask) {
    auto [lo, hi] = columnsOf(steps, zero);
    block.lo = k.minimum(k.maximum(lo, zero), all);
    block.hi = k.minimum(k.maximum(hi, zero), all);
  }
  block.begin = k.mul(k.div(block.lo, lanes), lanes);
  block.end = k.mul(k.ceilDiv(block.hi, lanes), lanes);
  k.when(k.less(block.lo, block.hi), [&] {
    emitStreamScores(steps, block);
    emitStreamMaps(steps, block);
    emitStreamSums(steps, block);
  });
}

/// Whole groups of adjacent keys in place, others from a copy.
void TaskEmitter::emitStreamScores(const RowSteps &steps,
                                   const StreamBlock &block) {
  const KernelShape &kernel = shape.kernel;
  tile::ContractOp contract = steps.contract;
  auto load = contract.getKey().getDefiningOp<tile::LoadKeysOp>();
  StreamedBlock keys = streamed.lookup(contract.getKey());
  Type stored = storedType(load.getViews().front());
  Value scale = scalar(contract.getScale());
  int64_t rows = shape.maxRows;
  Value gathered = allocate(kernel.lanes * kernel.queryStride());
  Value minusInfinity = k.splat(-std::numeric_limits<float>::infinity());
  for (int64_t row = 0; row < rows; ++row)
    k.store(minusInfinity, k.at(maxima, row * kernel.lanes));
  forRuns(keys, block.begin, block.hi, [&](const StreamRun &run) {
    auto call = [&](KeyPlaces places, Value first, Value count) {
      Value skipped = k.mul(k.sub(first, run.begin), keys.stride);
      SmallVector<Value> arguments = {block.query,
                                      elementAt(k, stored, run.first, skipped),
                                      k.at(scores, first),
                                      maxima,
                                      count,
                                      scale,
                                      run.ahead[0],
                                      run.ahead[1]};
      if (places == KeyPlaces::Apart)
        arguments.append({keys.stride, gathered});
      k.when(k.less(k.i64(0), count), [&] {
        k.call(emitStreamScore(k, kernel, rows, places, stored), arguments);
      });
    };
    Value first = run.begin;
    if (kernel.headDim % kernel.lanes == 0) {
      Value whole = k.mul(k.div(run.end, kernel.lanes), kernel.lanes);
      Value inPlace = k.select(k.equal(keys.stride, k.i64(kernel.headDim)),
                               k.sub(whole, first), k.i64(0));
      call(KeyPlaces::Adjacent, first, inPlace);
      first = k.add(first, k.maximum(inPlace, k.i64(0)));
    }
    call(KeyPlaces::Apart, first, k.sub(run.end, first));
  });
}

void TaskEmitter::emitStreamMaps(const RowSteps &steps,
                                 const StreamBlock &block) {
  const KernelShape &kernel = shape.kernel;
  Value vectors = k.div(k.sub(block.end, block.begin), kernel.lanes);
  auto forRows = [&](llvm::function_ref<void(Value, Value, Value)> body) {
    k.loop(k.i64(0), block.state.rows, 1, [&](Value row) {
      Value place = k.add(k.mul(row, kernel.scoreStride()), block.begin);
      body(row, k.at(scores, place), k.at(maxima, k.mul(row, kernel.lanes)));
    });
  };
  if (steps.map) {
    auto map = emitMapFunction(steps);
    forRows([&](Value row, Value score, Value maximum) {
      SmallVector<Value> arguments = {score, maximum, vectors};
      llvm::append_range(arguments, placeOf(steps.map, row, block.begin));
      k.call(map, arguments);
    });
  }
  emitTensorMask(steps, k.i64(0), block.state.rows, block.begin, block.end);
  Value masked =
      k.either(k.less(block.begin, block.lo), k.less(block.hi, block.end));
  k.when(masked, [&] {
    auto mask = emitMaskRow(k);
    forRows([&](Value, Value score, Value maximum) {
      k.call(mask, {score, maximum, k.sub(block.lo, block.begin),
                    k.sub(block.hi, block.begin), vectors});
    });
  });
}

/// Whether a visible key has a score of -inf, and so no weight.
Value TaskEmitter::seesWeightlessKey(const StreamBlock &block) {
  Value least = k.call(emitLeastScore(k, shape.kernel, shape.group),
                       {scores, block.lo, block.hi});
  return arith::CmpFOp::create(k.builder(), k.loc(), arith::CmpFPredicate::OEQ,
                               least,
                               k.f32(-std::numeric_limits<float>::infinity()));
}

/// Exactly the visible keys: no weight of 0 meets what the rows do not see. A
/// visible key without weight is for the exact sums.
void TaskEmitter::emitStreamSums(const RowSteps &steps,
                                 const StreamBlock &block) {
  const KernelShape &kernel = shape.kernel;
  tile::AccumulateOp accumulate = steps.accumulate;
  auto load = accumulate.getValue().getDefiningOp<tile::LoadKeysOp>();
  StreamedBlock values = streamed.lookup(accumulate.getValue());
  Type stored = storedType(load.getViews().front());
  Value vectors = k.div(k.sub(block.end, block.begin), kernel.lanes);
  int64_t rows = shape.maxRows;
  Value isExact = seesWeightlessKey(block);
  k.when(isExact, [&] { keepScores(block.state.rows); });
  k.call(emitSoftmax(k, kernel, rows),
         {k.at(scores, block.begin), maxima, block.state.maximum,
          block.state.denominator, alpha, vectors});
  auto exact = [&] {
    KeyPlace place = wholeBlock(values);
    k.loop(k.i64(0), block.state.rows, 1, [&](Value row) {
      emitExactRow(row, block.lo, block.hi,
                   {place.first, place.stride, kernel.panel, stored},
                   sumAt(block.state, row));
    });
  };
  k.when(isExact, exact, [&] {
    k.call(emitScaleSums(k, kernel, rows), {block.state.sum, alpha});
    forRuns(values, block.lo, block.hi, [&](const StreamRun &run) {
      k.call(emitStreamAccumulate(k, kernel, rows, stored),
             {k.at(scores, run.begin), run.first, values.stride,
              block.state.sum, k.sub(run.end, run.begin), run.ahead[0],
              run.ahead[1]});
    });
  });
}
