//===- StreamKernels.cpp - scores and sums straight from the cache --------===//
//
// A task of a few rows reads each key once: packing would cost as much as the
// product. Every element keeps the ascending chain of MatrixKernels.cpp, so
// the bits are the same. Later keys are asked for on the way, for the second
// level of the caches, where many misses can wait at once, and asked for again,
// because some of the first requests are dropped.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/StoredElements.h"
#include "codegen/cpu/Transpose.h"

#include <limits>

using namespace mlir;
using namespace attn::cpu;

static int64_t ceilDiv(int64_t value, int64_t by) {
  return (value + by - 1) / by;
}

namespace {
/// Lines to ask for among other instructions: a burst would be dropped (Zen 5).
class Prefetches {
public:
  Prefetches(KernelBuilder &k, Type stored, ValueRange distances)
      : k(k), stored(stored), distances(distances) {}

  /// What stands as far ahead of the lines of `elements` elements from `from`
  /// on as keys are asked for.
  void add(Value from, int64_t elements) {
    // Otherwise each distance from each row would be a pointer of its own.
    from = k.opaque(from);
    int64_t step = elementsOfLine(stored);
    for (int64_t line = 0; line < elements; line += step)
      for (Value distance : distances)
        lines.push_back(
            elementAt(k, stored, elementAt(k, stored, from, distance), line));
  }

  /// Asks for the next of `parts` equal parts.
  void emitPart(int64_t parts) {
    size_t end =
        std::min<size_t>(next + ceilDiv(lines.size(), parts), lines.size());
    for (; next < end; ++next)
      k.prefetch(lines[next]);
  }

private:
  KernelBuilder &k;
  Type stored;
  SmallVector<Value> distances, lines;
  size_t next = 0;
};

/// Emits the pieces of stream_score.
struct ScoreStream {
  KernelBuilder &k;
  const KernelShape &shape;
  int64_t rows;
  KeyPlaces places;
  Type stored;
  Value query;
  /// From a key to those that are asked for.
  ValueRange ahead;
  /// Of keys apart from each other, and where a group of them is gathered.
  Value stride, gathered;

  /// The scores of `count` <= `lanes` keys, unscaled.
  SmallVector<Value> group(Value keys, Value count) const {
    Value from = keys;
    if (places == KeyPlaces::Apart) {
      gather(keys, count);
      from = gathered;
    }
    SmallVector<Value> zeros(rows, k.splat(0.0f));
    int64_t whole = shape.headDim / shape.lanes * shape.lanes;
    SmallVector<Value> sums =
        k.loop(k.i64(0), k.i64(whole), shape.lanes, zeros,
               [&](Value d, ValueRange carried) {
                 return chunk(keys, from, d, shape.lanes, carried);
               });
    if (int64_t rest = shape.headDim - whole)
      sums = chunk(keys, from, k.i64(whole), rest, sums);
    return sums;
  }

private:
  /// Row after row, each line once: lines at equal places of keys 4 KiB apart
  /// share one set of the first-level cache.
  void gather(Value keys, Value count) const {
    k.loop(k.i64(0), count, 1, [&](Value key) {
      Value from = elementAt(k, stored, keys, k.mul(key, stride));
      Value to =
          elementAt(k, stored, gathered, k.mul(key, shape.queryStride()));
      for (int64_t d = 0; d < shape.headDim; d += shape.lanes)
        storeStored(k, stored,
                    loadFirstStored(k, stored, elementAt(k, stored, from, d),
                                    shape.headDim - d),
                    elementAt(k, stored, to, d));
    });
  }

  int64_t rowStride() const {
    return places == KeyPlaces::Apart ? shape.queryStride() : shape.headDim;
  }

  /// sums[row] += query[row] * key over `count` elements from `d` on, padded
  /// with zeros to whole steps of the packed form.
  SmallVector<Value> chunk(Value keys, Value from, Value d, int64_t count,
                           ValueRange carried) const {
    Prefetches lines = rowsAhead(keys, d);
    SmallVector<Value> sums(carried), columns;
    Value place = k.at(query, d);
    int64_t steps = KernelShape::roundUp(count, shape.unroll);
    for (int64_t i = 0; i < steps; ++i) {
      if (i == int64_t(columns.size()))
        columns.append(
            columnsAt(elementAt(k, stored, elementAt(k, stored, from, d), i)));
      lines.emitPart(steps);
      Value column = widen(k, stored, columns[i]);
      for (int64_t row = 0; row < rows; ++row) {
        Value element = k.loadF32(k.at(place, row * shape.queryStride() + i));
        sums[row] = k.fma(k.broadcast(element), column, sums[row]);
      }
    }
    return sums;
  }

  /// The next columns, f32 or as they are stored: a whole square block costs
  /// the least, and leaves a third of the registers to its temporaries, or it
  /// would spill. Of 16 bits it has to fill blocks of 128.
  SmallVector<Value> columnsAt(Value from) const {
    bool isSquare = rows + shape.lanes <= k.getTarget().registers * 2 / 3 &&
                    shape.lanes * bytesOf(stored) >= 16;
    if (!isSquare)
      return emitLoadColumns(k, from, rowStride(), stored);
    SmallVector<Value> keyRows;
    for (int64_t i = 0; i < shape.lanes; ++i)
      keyRows.push_back(loadStored(
          k, stored, elementAt(k, stored, from, i * rowStride()), shape.lanes));
    return emitTranspose(k, keyRows);
  }

  /// Ahead of the group's share of a chunk: whole rows, or a part of one,
  /// because their lines are neighbours.
  Prefetches rowsAhead(Value keys, Value d) const {
    int64_t chunks = ceilDiv(shape.headDim, shape.lanes);
    int64_t share = ceilDiv(shape.lanes, chunks);
    int64_t parts = std::max<int64_t>(chunks / shape.lanes, 1);
    int64_t line = elementsOfLine(stored);
    int64_t width = ceilDiv(ceilDiv(shape.headDim, line), parts) * line;
    Value chunk = k.div(d, shape.lanes);
    Value row = k.mul(k.div(chunk, parts), share);
    Value from =
        elementAt(k, stored, elementAt(k, stored, keys, k.mul(row, stride)),
                  k.mul(k.rem(chunk, k.i64(parts)), width));
    Prefetches lines(k, stored, ahead);
    for (int64_t i = 0; i < share; ++i) {
      lines.add(from, width);
      from = elementAt(k, stored, from, stride);
    }
    return lines;
  }
};
} // namespace

func::FuncOp attn::cpu::emitStreamScore(KernelBuilder &k,
                                        const KernelShape &shape, int64_t rows,
                                        KeyPlaces places, Type stored) {
  bool isApart = places == KeyPlaces::Apart;
  std::string name =
      ("stream_score_" + Twine(rows) + "_d" + Twine(shape.headDim) + "_k" +
       Twine(shape.keyBlock) + (isApart ? "_apart" : "") + storedSuffix(stored))
          .str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  SmallVector<Type> types = {k.ptrType, k.ptrType, k.ptrType, k.ptrType,
                             k.i64Type, k.f32Type, k.i64Type, k.i64Type};
  if (isApart)
    types.append({k.i64Type, k.ptrType});
  func::FuncOp function = k.begin(name, types, {}, /*local=*/true);
  Value keys = k.argument(1), score = k.argument(2), maxima = k.argument(3);
  Value count = k.argument(4), scale = k.broadcast(k.argument(5));
  SmallVector<Value> ahead = {k.argument(6), k.argument(7)};
  ScoreStream stream = {k,
                        shape,
                        rows,
                        places,
                        stored,
                        k.argument(0),
                        ahead,
                        isApart ? k.argument(8) : k.i64(shape.headDim),
                        isApart ? k.argument(9) : Value()};
  Value minusInfinity = k.splat(-std::numeric_limits<float>::infinity());
  SmallVector<Value> inits(rows, minusInfinity);
  auto body = [&](Value first, ValueRange carried) {
    SmallVector<Value> results(carried);
    Value present = k.minimum(k.sub(count, first), k.i64(shape.lanes));
    SmallVector<Value> sums = stream.group(
        elementAt(k, stored, keys, k.mul(first, stream.stride)), present);
    Value out = k.at(score, first);
    for (int64_t row = 0; row < rows; ++row) {
      Value scaled = k.mulf(sums[row], scale);
      k.store(scaled, k.at(out, row * shape.scoreStride()));
      results[row] = k.maxf(scaled, results[row]);
    }
    return results;
  };
  SmallVector<Value> results =
      k.loop(k.i64(0), count, shape.lanes, inits, body);
  // The maxima so far count too: a block may come in several calls.
  for (int64_t row = 0; row < rows; ++row) {
    Value slot = k.at(maxima, row * shape.lanes);
    k.store(k.maxf(results[row], k.load(slot)), slot);
  }
  k.end();
  return function;
}

namespace {
/// Emits the pieces of stream_accumulate.
struct SumStream {
  KernelBuilder &k;
  const KernelShape &shape;
  int64_t rows;
  Type stored;
  Value weights, values, stride, sum;
  /// From a value to those that are asked for.
  ValueRange ahead;

  /// All keys if one pass takes them. Else a few, so that lines are read in the
  /// order in which they were asked for; more for many rows, which have less
  /// time to load and store their sums. Zen 4, 4 rows, cold caches and hot,
  /// fraction of the read bandwidth and ns per key: 2 keys 1.00 and 29, 4 keys
  /// 0.92 and 26, 8 keys 0.90 and 25. Half as many bytes leave too little time
  /// for that: decode of 16384 keys of f16 takes 4.3 ms with 2 keys, 3.6 with
  /// 8, 3.5 with 16 and 32, which stay in the first-level cache.
  int64_t keysAtATime() const {
    if (passWidth() >= shape.valueDim)
      return shape.keyBlock;
    return stored.isF32() ? std::max<int64_t>(2, rows / 2) : 32;
  }

  /// sum += weights x values over keys [first, end).
  void accumulate(Value first, Value end) const {
    int64_t width = passWidth();
    int64_t whole = shape.valueDim / width * width;
    k.loop(k.i64(0), k.i64(whole), width,
           [&](Value column) { pass(first, end, column, width); });
    if (int64_t rest = shape.valueDim - whole)
      pass(first, end, k.i64(whole), rest);
  }

private:
  /// Columns of a pass: as many accumulators as a product of the packed form
  /// has, and whole lines, so that none is asked for twice.
  int64_t passWidth() const {
    const CpuTarget &target = k.getTarget();
    int64_t accumulators = target.rowBlock() * target.panelVectors;
    int64_t widest =
        std::clamp<int64_t>(accumulators / rows, 1, 8) * shape.lanes;
    int64_t unit = std::min(widest, elementsOfLine(stored));
    widest = widest / unit * unit;
    int64_t passes = ceilDiv(shape.valueDim, widest);
    return KernelShape::roundUp(ceilDiv(shape.valueDim, passes), unit);
  }

  /// Columns [column, column + width) of all rows; the last vector may be
  /// incomplete.
  void pass(Value first, Value end, Value column, int64_t width) const {
    int64_t vectors = ceilDiv(width, shape.lanes);
    Value out = k.at(sum, column);
    auto place = [&](int64_t row, int64_t v) {
      return k.at(out, row * shape.sumStride() + v * shape.lanes);
    };
    SmallVector<Value> inits;
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t v = 0; v < vectors; ++v)
        inits.push_back(k.load(place(row, v)));
    Value base = elementAt(k, stored, values, column);
    auto body = [&](Value key, ValueRange carried) {
      SmallVector<Value> sums(carried);
      step(elementAt(k, stored, base, k.mul(key, stride)), k.at(weights, key),
           width, sums);
      return sums;
    };
    SmallVector<Value> sums = k.loop(first, end, 1, inits, body);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t v = 0; v < vectors; ++v)
        k.store(sums[row * vectors + v], place(row, v));
  }

  void step(Value from, Value weight, int64_t width,
            MutableArrayRef<Value> sums) const {
    Prefetches lines(k, stored, ahead);
    lines.add(from, width);
    int64_t vectors = ceilDiv(width, shape.lanes);
    auto columnAt = [&](int64_t v) {
      int64_t c = v * shape.lanes;
      return loadFirstElements(k, stored, elementAt(k, stored, from, c),
                               std::min(shape.lanes, width - c));
    };
    auto factorAt = [&](int64_t row) {
      return k.broadcast(k.loadF32(k.at(weight, row * shape.scoreStride())));
    };
    auto add = [&](int64_t row, int64_t v, Value factor, Value column) {
      lines.emitPart(sums.size());
      Value &total = sums[row * vectors + v];
      total = k.fma(factor, column, total);
    };
    // The fewer operands wait in registers, the others come one by one.
    SmallVector<Value> held;
    if (rows < vectors) {
      for (int64_t row = 0; row < rows; ++row)
        held.push_back(factorAt(row));
      for (int64_t v = 0; v < vectors; ++v) {
        Value column = columnAt(v);
        for (int64_t row = 0; row < rows; ++row)
          add(row, v, held[row], column);
      }
      return;
    }
    for (int64_t v = 0; v < vectors; ++v)
      held.push_back(columnAt(v));
    for (int64_t row = 0; row < rows; ++row) {
      Value factor = factorAt(row);
      for (int64_t v = 0; v < vectors; ++v)
        add(row, v, factor, held[v]);
    }
  }
};
} // namespace

func::FuncOp attn::cpu::emitScaleSums(KernelBuilder &k,
                                      const KernelShape &shape, int64_t rows) {
  std::string name =
      ("scale_sums_" + Twine(rows) + "_d" + Twine(shape.valueDim)).str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.ptrType}, {}, /*local=*/true);
  Value sum = k.argument(0), alpha = k.argument(1);
  for (int64_t row = 0; row < rows; ++row) {
    Value factor = k.broadcast(k.loadF32(k.at(alpha, row)));
    Value place = k.at(sum, row * shape.sumStride());
    k.loop(k.i64(0), k.i64(shape.valueDim), shape.lanes, [&](Value v) {
      k.store(k.mulf(k.load(k.at(place, v)), factor), k.at(place, v));
    });
  }
  k.end();
  return function;
}

func::FuncOp attn::cpu::emitStreamAccumulate(KernelBuilder &k,
                                             const KernelShape &shape,
                                             int64_t rows, Type stored) {
  std::string name =
      ("stream_accumulate_" + Twine(rows) + "_d" + Twine(shape.valueDim) +
       "_k" + Twine(shape.keyBlock) + storedSuffix(stored))
          .str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function = k.begin(name,
                                  {k.ptrType, k.ptrType, k.i64Type, k.ptrType,
                                   k.i64Type, k.i64Type, k.i64Type},
                                  {}, /*local=*/true);
  Value keys = k.argument(4);
  SmallVector<Value> ahead = {k.argument(5), k.argument(6)};
  SumStream stream = {k,
                      shape,
                      rows,
                      stored,
                      k.argument(0),
                      k.argument(1),
                      k.argument(2),
                      k.argument(3),
                      ahead};
  int64_t block = stream.keysAtATime();
  k.loop(k.i64(0), keys, block, [&](Value first) {
    stream.accumulate(first, k.minimum(k.add(first, block), keys));
  });
  k.end();
  return function;
}
