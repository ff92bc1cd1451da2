//===- EmitTensorMask.cpp - scores under a mask that is a tensor ----------===//
//
// A row of scores meets the row of the mask that belongs to its query and head,
// up to the last valid key: what is behind is not read. A block of keys that
// the mask hides from all rows of a task is left out with its keys and values:
// its weights would be 0, and the bits are the same.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/TaskEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// `mask` in base 2: a finite one stays finite, the lowest float too.
static Value inBaseTwo(KernelBuilder &k, Value mask) {
  constexpr float most = std::numeric_limits<float>::max();
  auto compare = [&](arith::CmpFPredicate predicate, Value x,
                     float y) -> Value {
    return arith::CmpFOp::create(k.builder(), k.loc(), predicate, x,
                                 k.splat(y));
  };
  Value product = k.mulf(mask, k.splat(1.44269504f));
  Value isLow = k.both(compare(arith::CmpFPredicate::OLT, product, -most),
                       compare(arith::CmpFPredicate::OGE, mask, -most));
  Value isHigh = k.both(compare(arith::CmpFPredicate::OGT, product, most),
                        compare(arith::CmpFPredicate::OLE, mask, most));
  return k.select(isLow, k.splat(-most),
                  k.select(isHigh, k.splat(most), product));
}

/// The name of a function for masks of `element`.
static std::string nameFor(StringRef name, Type element) {
  StringRef suffix = element.isInteger(1) ? "_i1" : storedSuffix(element);
  return (name + suffix).str();
}

/// i1 of each lane: the mask hides the key, whatever its score is.
static Value isHidden(KernelBuilder &k, Type element, Value mask) {
  OpBuilder &b = k.builder();
  if (element.isInteger(1)) {
    Value none =
        arith::ConstantOp::create(b, k.loc(), b.getZeroAttr(mask.getType()));
    return arith::CmpIOp::create(b, k.loc(), arith::CmpIPredicate::eq, mask,
                                 none);
  }
  Value lowest = k.splat(-std::numeric_limits<float>::infinity());
  return arith::CmpFOp::create(b, k.loc(), arith::CmpFPredicate::OEQ, mask,
                               lowest);
}

/// tensor_mask_hides_TYPE(mask, count) -> i1: all of `count` columns.
static func::FuncOp emitHidesRow(KernelBuilder &k, Type element) {
  std::string name = nameFor("tensor_mask_hides", element);
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.i64Type}, k.i1Type, /*local=*/true);
  Value mask = k.argument(0), count = k.argument(1);
  int64_t lanes = k.getTarget().lanes;
  Value whole = k.mul(k.div(count, lanes), lanes);
  Value column = k.advance(k.i64(0), lanes, [&](Value column) {
    return k.choose(
        k.less(column, whole),
        [&] {
          Value place = elementAt(k, element, mask, column);
          return k.all(isHidden(k, element, loadElements(k, element, place)));
        },
        [&] { return k.i1(false); });
  });
  column = k.advance(column, 1, [&](Value column) {
    return k.choose(
        k.less(column, count),
        [&] {
          Value place = elementAt(k, element, mask, column);
          return k.all(isHidden(k, element,
                                k.broadcast(loadElement(k, element, place))));
        },
        [&] { return k.i1(false); });
  });
  k.end(k.equal(column, count));
  return function;
}

/// The score under its mask: chosen by i1, or added. An added -inf hides the
/// key too, whatever its score is.
static Value maskScore(KernelBuilder &k, Type element, Value score,
                       Value mask) {
  Value hidden = k.splat(-std::numeric_limits<float>::infinity());
  if (element.isInteger(1))
    return k.select(mask, score, hidden);
  return k.select(isHidden(k, element, mask), hidden,
                  k.addf(score, inBaseTwo(k, mask)));
}

/// tensor_mask_TYPE(score, maxima, mask, count, vectors): scores of `count`
/// columns under a row of a mask tensor; the maxima of all vectors.
static func::FuncOp emitTensorMaskRow(KernelBuilder &k, Type element) {
  std::string name = nameFor("tensor_mask", element);
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.ptrType, k.ptrType, k.i64Type, k.i64Type}, {},
              /*local=*/true);
  Value score = k.argument(0), mask = k.argument(2), count = k.argument(3);
  int64_t lanes = k.getTarget().lanes;
  Value whole = k.mul(k.div(count, lanes), lanes);
  k.loop(k.i64(0), whole, lanes, [&](Value column) {
    Value place = k.at(score, column);
    Value masks = loadElements(k, element, elementAt(k, element, mask, column));
    k.store(maskScore(k, element, k.load(place), masks), place);
  });
  k.loop(whole, count, 1, [&](Value column) {
    Value place = k.at(score, column);
    Value one = loadElement(k, element, elementAt(k, element, mask, column));
    Value masked =
        maskScore(k, element, k.broadcast(k.loadF32(place)), k.broadcast(one));
    k.store(k.first(masked), place);
  });
  auto most = [&](Value vector, ValueRange carried) {
    Value scores = k.load(k.at(score, k.mul(vector, lanes)));
    return SmallVector<Value>{k.maxf(scores, carried[0])};
  };
  Value minusInfinity = k.splat(-std::numeric_limits<float>::infinity());
  k.store(k.loop(k.i64(0), k.argument(4), 1, minusInfinity, most).front(),
          k.argument(1));
  k.end();
  return function;
}

/// The row of the mask of row `number` of the task, from key `key` on.
Value TaskEmitter::maskRowOf(tile::TensorMaskOp mask, Value number, Value key) {
  Value head = k.mul(scalar(mask.getKvHead()), mask.getGroup());
  Value query = k.add(scalar(mask.getFirst()), k.div(number, mask.getGroup()));
  Value member = k.rem(number, k.i64(mask.getGroup()));
  if (mask.getFirstKey())
    key = k.add(key, scalar(mask.getFirstKey()));
  return elementOf(mask.getMask(),
                   {scalar(mask.getBatch()), k.add(head, member), query, key});
}

/// Of `width` columns from `key` on, those of valid keys.
Value TaskEmitter::maskedColumns(tile::TensorMaskOp mask, Value key,
                                 Value width) {
  Value left = k.sub(scalar(mask.getLength()), key);
  return k.minimum(width, k.maximum(k.i64(0), left));
}

/// Rows [first, first + rows) of the task and columns [begin, end) of the block
/// of keys; `scores` begins at the first row.
void TaskEmitter::emitTensorMask(const RowSteps &steps, Value first, Value rows,
                                 Value begin, Value end) {
  tile::TensorMaskOp mask = steps.tensorMask;
  if (!mask)
    return;
  // Row blocks keep the scores of the columns from `begin` on, the streamed
  // form those of all columns.
  Value shift = isStreamed() ? begin : k.i64(0);
  Value width = k.sub(end, begin);
  Value key = k.add(scalar(mask.getKey()), begin);
  Value count = maskedColumns(mask, key, width);
  Value vectors = k.div(width, shape.kernel.lanes);
  Type element = mask.getMask().getType().getElementType();
  auto function = emitTensorMaskRow(k, element);
  k.loop(k.i64(0), rows, 1, [&](Value row) {
    Value place = maskRowOf(mask, k.add(first, row), key);
    Value score =
        k.at(scores, k.add(k.mul(row, shape.kernel.scoreStride()), shift));
    k.call(function, {score, k.at(maxima, k.mul(row, shape.kernel.lanes)),
                      place, count, vectors});
  });
}

/// The mask of scores of the loop's keys, if all but the key is known before
/// the loop.
static tile::TensorMaskOp findTensorMask(scf::ForOp loop) {
  for (auto mask : loop.getBody()->getOps<tile::TensorMaskOp>())
    if (mask.getKey() == loop.getInductionVar() &&
        llvm::all_of(ValueRange{mask.getBatch(), mask.getFirst(),
                                mask.getKvHead(), mask.getLength()},
                     [&](Value v) { return loop.isDefinedOutsideOfLoop(v); }) &&
        (!mask.getFirstKey() ||
         loop.isDefinedOutsideOfLoop(mask.getFirstKey())))
      return mask;
  return {};
}

/// Whether some row of the task sees a key of the block that begins at the
/// loop's index; null where no tensor masks them.
Value TaskEmitter::seesBlock(scf::ForOp loop) {
  tile::TensorMaskOp mask = findTensorMask(loop);
  auto start = loop.getInitArgs().empty()
                   ? tile::StartOp()
                   : loop.getInitArgs().front().getDefiningOp<tile::StartOp>();
  if (!mask || !start)
    return {};
  Value key = scalar(loop.getInductionVar()), rows = scalar(start.getRows());
  Value count = maskedColumns(
      mask, key, k.i64(mask.getScore().getType().getShape().back()));
  auto hides = emitHidesRow(k, mask.getMask().getType().getElementType());
  Value row = k.advance(k.i64(0), 1, [&](Value row) {
    return k.choose(
        k.less(row, rows),
        [&] { return k.call(hides, {maskRowOf(mask, row, key), count}); },
        [&] { return k.i1(false); });
  });
  return k.less(row, rows);
}
