//===- StreamKernels.cpp - scores and sums straight from the cache --------===//
//
// A task of a few rows reads each key once: packing would cost as much as the
// product. Every element keeps the ascending chain of MatrixKernels.cpp, so
// the bits are the same. The next block's lines are asked for on the way.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/Transpose.h"

#include <limits>

using namespace mlir;
using namespace attn::cpu;

/// f32 elements of a line of 64 bytes.
static constexpr int64_t lineElements = 16;

namespace {
/// Emits the pieces of stream_score.
struct ScoreStream {
  KernelBuilder &k;
  const KernelShape &shape;
  int64_t rows;
  int level;
  Value query, stride, nextOffset;

  /// The lines that one chunk asks for: a share of the rows `nextOffset` on,
  /// whole rows, because their lines are neighbours.
  SmallVector<Value> nextLines(Value keys, Value d) const {
    int64_t chunks =
        KernelShape::roundUp(shape.headDim, shape.lanes) / shape.lanes;
    int64_t share = (shape.lanes + chunks - 1) / chunks;
    Value row = k.mul(k.div(d, shape.lanes), share);
    Value from = k.at(k.at(keys, nextOffset), k.mul(row, stride));
    SmallVector<Value> lines;
    for (int64_t i = 0; i < share; ++i) {
      for (int64_t line = 0; line < shape.headDim; line += lineElements)
        lines.push_back(k.at(from, line));
      from = k.at(from, stride);
    }
    return lines;
  }

  /// sums[row] += query[row] * key over `count` elements from `d` on, padded
  /// with zeros to whole steps of the packed form.
  SmallVector<Value> chunk(Value keys, Value d, int64_t count,
                           ValueRange carried) const {
    SmallVector<Value> lines = nextLines(keys, d);
    SmallVector<Value> keyRows;
    Value from = k.at(keys, d);
    for (int64_t i = 0; i < shape.lanes; ++i) {
      keyRows.push_back(k.loadFirst(from, count));
      from = k.at(from, stride);
    }
    SmallVector<Value> columns = emitTranspose(k, keyRows);
    SmallVector<Value> sums(carried);
    Value place = k.at(query, d);
    // One line between two steps: a burst would be dropped (Zen 5).
    int64_t steps = KernelShape::roundUp(count, shape.unroll);
    size_t perStep = (lines.size() + steps - 1) / steps;
    for (int64_t i = 0; i < steps; ++i) {
      for (size_t n = 0; n < perStep && i * perStep + n < lines.size(); ++n)
        k.prefetch(lines[i * perStep + n], level);
      for (int64_t row = 0; row < rows; ++row) {
        Value element = k.loadF32(k.at(place, row * shape.queryStride() + i));
        sums[row] = k.fma(k.broadcast(element), columns[i], sums[row]);
      }
    }
    return sums;
  }

  /// The scores of `lanes` keys, unscaled.
  SmallVector<Value> group(Value keys) const {
    SmallVector<Value> zeros(rows, k.splat(0.0f));
    int64_t whole = shape.headDim / shape.lanes * shape.lanes;
    SmallVector<Value> sums =
        k.loop(k.i64(0), k.i64(whole), shape.lanes, zeros,
               [&](Value d, ValueRange carried) {
                 return chunk(keys, d, shape.lanes, carried);
               });
    if (int64_t rest = shape.headDim - whole)
      sums = chunk(keys, k.i64(whole), rest, sums);
    return sums;
  }
};
} // namespace

func::FuncOp attn::cpu::emitStreamScore(KernelBuilder &k,
                                        const KernelShape &shape, int64_t rows,
                                        int level) {
  std::string name =
      ("stream_score_" + Twine(rows) + "_d" + Twine(shape.headDim) + "_k" +
       Twine(shape.keyBlock) + (level == 1 ? "_l1" : ""))
          .str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function = k.begin(name,
                                  {k.ptrType, k.ptrType, k.i64Type, k.ptrType,
                                   k.ptrType, k.i64Type, k.f32Type, k.i64Type},
                                  {}, /*local=*/true);
  Value keys = k.argument(1), stride = k.argument(2), score = k.argument(3);
  Value maxima = k.argument(4), groups = k.argument(5);
  Value scale = k.broadcast(k.argument(6));
  ScoreStream stream = {k,      shape,        rows, level, k.argument(0),
                        stride, k.argument(7)};
  Value minusInfinity = k.splat(-std::numeric_limits<float>::infinity());
  SmallVector<Value> inits(rows, minusInfinity);
  auto body = [&](Value group, ValueRange carried) {
    SmallVector<Value> results(carried);
    Value first = k.mul(group, shape.lanes);
    SmallVector<Value> sums = stream.group(k.at(keys, k.mul(first, stride)));
    Value out = k.at(score, first);
    for (int64_t row = 0; row < rows; ++row) {
      Value scaled = k.mulf(sums[row], scale);
      k.store(scaled, k.at(out, row * shape.scoreStride()));
      results[row] = k.maxf(scaled, results[row]);
    }
    return results;
  };
  SmallVector<Value> results = k.loop(k.i64(0), groups, 1, inits, body);
  // The maxima so far count too: a block may come in two calls.
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
  int level;
  Value weights, values, stride, sum, alpha, keys, nextOffset;

  /// Columns [column, column + width) of all rows; the last vector may be
  /// incomplete.
  void chunk(Value column, int64_t width) const {
    int64_t vectors = KernelShape::roundUp(width, shape.lanes) / shape.lanes;
    Value out = k.at(sum, column);
    auto place = [&](int64_t row, int64_t v) {
      return k.at(out, row * shape.sumStride() + v * shape.lanes);
    };
    SmallVector<Value> inits;
    for (int64_t row = 0; row < rows; ++row) {
      Value factor = k.broadcast(k.loadF32(k.at(alpha, row)));
      for (int64_t v = 0; v < vectors; ++v)
        inits.push_back(k.mulf(k.load(place(row, v)), factor));
    }
    Value base = k.at(values, column);
    auto body = [&](Value key, ValueRange carried) {
      SmallVector<Value> sums(carried);
      step(k.at(base, k.mul(key, stride)), k.at(weights, key), width, sums);
      return sums;
    };
    SmallVector<Value> sums = k.loop(k.i64(0), keys, 1, inits, body);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t v = 0; v < vectors; ++v)
        k.store(sums[row * vectors + v], place(row, v));
  }

private:
  void step(Value from, Value weight, int64_t width,
            MutableArrayRef<Value> sums) const {
    SmallVector<Value> columns;
    for (int64_t c = 0; c < width; c += shape.lanes) {
      columns.push_back(
          k.loadFirst(k.at(from, c), std::min(shape.lanes, width - c)));
    }
    for (int64_t row = 0; row < rows; ++row) {
      Value factor =
          k.broadcast(k.loadF32(k.at(weight, row * shape.scoreStride())));
      for (auto [v, column] : llvm::enumerate(columns)) {
        // Between the products, not at once: see above.
        if (row == 0 && v * shape.lanes % lineElements == 0)
          k.prefetch(k.at(k.at(from, nextOffset), v * shape.lanes), level);
        Value &total = sums[row * columns.size() + v];
        total = k.fma(factor, column, total);
      }
    }
  }
};
} // namespace

func::FuncOp attn::cpu::emitStreamAccumulate(KernelBuilder &k,
                                             const KernelShape &shape,
                                             int64_t rows, int level) {
  std::string name =
      ("stream_accumulate_" + Twine(rows) + "_d" + Twine(shape.valueDim) +
       "_k" + Twine(shape.keyBlock) + (level == 1 ? "_l1" : ""))
          .str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function = k.begin(name,
                                  {k.ptrType, k.ptrType, k.i64Type, k.ptrType,
                                   k.ptrType, k.i64Type, k.i64Type},
                                  {}, /*local=*/true);
  SumStream stream = {k,
                      shape,
                      rows,
                      level,
                      k.argument(0),
                      k.argument(1),
                      k.argument(2),
                      k.argument(3),
                      k.argument(4),
                      k.argument(5),
                      k.argument(6)};
  // As many accumulators as a product of the packed form has, in passes of
  // equal width over the columns.
  int64_t accumulators = k.getTarget().rowBlock() * k.getTarget().panelVectors;
  int64_t widest = std::clamp<int64_t>(accumulators / rows, 1, 8);
  int64_t total =
      KernelShape::roundUp(shape.valueDim, shape.lanes) / shape.lanes;
  int64_t passes = (total + widest - 1) / widest;
  int64_t vectors = (total + passes - 1) / passes;
  int64_t width = vectors * shape.lanes;
  int64_t whole = shape.valueDim / width * width;
  k.loop(k.i64(0), k.i64(whole), width,
         [&](Value column) { stream.chunk(column, width); });
  if (int64_t rest = shape.valueDim - whole)
    stream.chunk(k.i64(whole), rest);
  k.end();
  return function;
}
