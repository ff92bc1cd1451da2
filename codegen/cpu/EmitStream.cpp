//===- EmitStream.cpp - the steps on scores for a handful of rows ---------===//
//
// One query per task: all rows see the same keys, and each key is read once,
// from where the caller keeps it.
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
  auto [keys, stride] = streamed.lookup(contract.getKey());
  Type stored = storedType(load.getViews().front());
  Value scale = scalar(contract.getScale());
  int64_t rows = shape.maxRows;
  Value gathered = allocate(kernel.lanes * kernel.queryStride());
  Value minusInfinity = k.splat(-std::numeric_limits<float>::infinity());
  for (int64_t row = 0; row < rows; ++row)
    k.store(minusInfinity, k.at(maxima, row * kernel.lanes));
  auto call = [&](KeyPlaces places, Value first, Value count) {
    SmallVector<Value> arguments = {
        block.query,
        elementAt(k, stored, keys, k.mul(first, stride)),
        k.at(scores, first),
        maxima,
        count,
        scale};
    if (places == KeyPlaces::Apart)
      arguments.append({stride, gathered});
    k.when(k.less(k.i64(0), count), [&] {
      k.call(emitStreamScore(k, kernel, rows, places, stored), arguments);
    });
  };
  Value first = block.begin;
  if (kernel.headDim % kernel.lanes == 0) {
    Value whole = k.mul(k.div(block.hi, kernel.lanes), kernel.lanes);
    Value inPlace = k.select(k.equal(stride, k.i64(kernel.headDim)),
                             k.sub(whole, first), k.i64(0));
    call(KeyPlaces::Adjacent, first, inPlace);
    first = k.add(first, k.maximum(inPlace, k.i64(0)));
  }
  call(KeyPlaces::Apart, first, k.sub(block.hi, first));
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
  auto [values, stride] = streamed.lookup(accumulate.getValue());
  Type stored = storedType(load.getViews().front());
  Value vectors = k.div(k.sub(block.end, block.begin), kernel.lanes);
  int64_t rows = shape.maxRows;
  Value isExact = seesWeightlessKey(block);
  k.when(isExact, [&] { keepScores(block.state.rows); });
  k.call(emitSoftmax(k, kernel, rows),
         {k.at(scores, block.begin), maxima, block.state.maximum,
          block.state.denominator, alpha, vectors});
  auto exact = [&] {
    k.loop(k.i64(0), block.state.rows, 1, [&](Value row) {
      emitExactRow(row, block.lo, block.hi,
                   {values, stride, kernel.panel, stored},
                   sumAt(block.state, row));
    });
  };
  k.when(isExact, exact, [&] {
    Value first = elementAt(k, stored, values, k.mul(block.lo, stride));
    k.call(emitStreamAccumulate(k, kernel, rows, stored),
           {k.at(scores, block.lo), first, stride, block.state.sum, alpha,
            k.sub(block.hi, block.lo)});
  });
}
