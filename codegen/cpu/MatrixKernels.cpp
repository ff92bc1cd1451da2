//===- MatrixKernels.cpp - scores and weighted sums -----------------------===//
//
// Outer products with accumulators in registers (Goto and van de Geijn): each
// accumulator is a vector of its own, a scalar of the left matrix is broadcast,
// and the panel of the right matrix is read once, front to back.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/StoredElements.h"

#include "llvm/ADT/Twine.h"

#include <limits>

using namespace mlir;
using namespace attn::cpu;

namespace {
/// One product: `rows` x `vectors` accumulators += left[row][i] * right[i].
struct OuterProduct {
  int64_t rows;
  int64_t vectors;
  int64_t leftStride;
  int64_t panel;
  int64_t unroll;
  /// What the right matrix is stored in, and how many of its elements ahead it
  /// is asked for; 0: it is in a cache.
  Type stored;
  int64_t ahead = 0;

  /// The accumulators, row by row, after `steps` steps, ascending.
  SmallVector<Value> emit(KernelBuilder &k, Value left, Value right,
                          Value steps, ValueRange inits) const {
    auto body = [&](Value step, ValueRange carried) {
      SmallVector<Value> sums(carried);
      Value a = k.at(left, step);
      Value b = elementAt(k, stored, right, k.mul(step, panel));
      for (int64_t u = 0; u < unroll; ++u)
        emitStep(k, k.at(a, u), elementAt(k, stored, b, u * panel), sums);
      return sums;
    };
    return k.loop(k.i64(0), steps, unroll, inits, body);
  }

private:
  void emitStep(KernelBuilder &k, Value a, Value b,
                MutableArrayRef<Value> sums) const {
    SmallVector<Value> columns;
    for (int64_t v = 0; v < vectors; ++v)
      columns.push_back(loadElements(
          k, stored, elementAt(k, stored, b, v * k.getTarget().lanes)));
    if (ahead)
      for (int64_t i = 0; i < panel; i += elementsOfLine(stored))
        k.prefetch(elementAt(k, stored, b, ahead + i));
    for (int64_t row = 0; row < rows; ++row) {
      Value factor = k.broadcast(k.loadF32(k.at(a, row * leftStride)));
      for (int64_t v = 0; v < vectors; ++v) {
        Value &sum = sums[row * vectors + v];
        sum = k.fma(factor, columns[v], sum);
      }
    }
  }
};
} // namespace

static std::string nameOf(StringRef kernel, int64_t rows, int64_t columns,
                          int64_t size, const KernelShape &shape) {
  return (kernel + "_" + Twine(rows) + "x" + Twine(columns) + "_d" +
          Twine(size) + "_k" + Twine(shape.keyBlock))
      .str();
}

/// Of rows `leftStride` apart and a panel that a task has packed.
static OuterProduct packedProduct(KernelBuilder &k, const KernelShape &shape,
                                  int64_t rows, int64_t leftStride) {
  return {rows,         k.getTarget().panelVectors,
          leftStride,   shape.panel,
          shape.unroll, k.f32Type};
}

func::FuncOp attn::cpu::emitScore(KernelBuilder &k, const KernelShape &shape,
                                  int64_t rows) {
  std::string name = nameOf("score", rows, shape.panel, shape.headDim, shape);
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function = k.begin(
      name, {k.ptrType, k.ptrType, k.ptrType, k.ptrType, k.i64Type, k.f32Type},
      {}, /*local=*/true);
  Value query = k.argument(0), keys = k.argument(1), score = k.argument(2);
  Value maxima = k.argument(3), panels = k.argument(4);
  Value scale = k.broadcast(k.argument(5));
  OuterProduct product = packedProduct(k, shape, rows, shape.queryStride());
  Value minusInfinity = k.splat(-std::numeric_limits<float>::infinity());
  for (int64_t row = 0; row < rows; ++row)
    k.store(minusInfinity, k.at(maxima, row * shape.lanes));

  k.loop(k.i64(0), panels, 1, [&](Value panel) {
    SmallVector<Value> zeros(rows * product.vectors, k.splat(0.0f));
    SmallVector<Value> sums =
        product.emit(k, query, k.at(keys, k.mul(panel, shape.keyPanel())),
                     k.i64(shape.depth()), zeros);
    Value out = k.at(score, k.mul(panel, shape.panel));
    for (int64_t row = 0; row < rows; ++row) {
      Value slot = k.at(maxima, row * shape.lanes);
      Value maximum = k.load(slot);
      for (int64_t v = 0; v < product.vectors; ++v) {
        Value scaled = k.mulf(sums[row * product.vectors + v], scale);
        k.store(scaled, k.at(out, row * shape.scoreStride() + v * shape.lanes));
        maximum = k.maxf(scaled, maximum);
      }
      k.store(maximum, slot);
    }
  });
  k.end();
  return function;
}

func::FuncOp attn::cpu::emitAccumulate(KernelBuilder &k,
                                       const KernelShape &shape, int64_t rows) {
  std::string name =
      nameOf("accumulate", rows, shape.panel, shape.valueDim, shape);
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.ptrType, k.ptrType, k.ptrType, k.i64Type}, {},
              /*local=*/true);
  Value weights = k.argument(0), values = k.argument(1), sum = k.argument(2);
  Value alpha = k.argument(3), keys = k.argument(4);
  OuterProduct product = packedProduct(k, shape, rows, shape.scoreStride());
  k.loop(k.i64(0), k.i64(shape.sumStride() / shape.panel), 1, [&](Value panel) {
    Value out = k.at(sum, k.mul(panel, shape.panel));
    auto place = [&](int64_t row, int64_t v) {
      return k.at(out, row * shape.sumStride() + v * shape.lanes);
    };
    SmallVector<Value> inits;
    for (int64_t row = 0; row < rows; ++row) {
      Value factor = k.broadcast(k.loadF32(k.at(alpha, row)));
      for (int64_t v = 0; v < product.vectors; ++v)
        inits.push_back(k.mulf(k.load(place(row, v)), factor));
    }
    SmallVector<Value> sums =
        product.emit(k, weights, k.at(values, k.mul(panel, shape.valuePanel())),
                     keys, inits);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t v = 0; v < product.vectors; ++v)
        k.store(sums[row * product.vectors + v], place(row, v));
  });
  k.end();
  return function;
}

func::FuncOp attn::cpu::emitPanelProduct(KernelBuilder &k,
                                         const KernelShape &shape, int64_t rows,
                                         Type stored) {
  std::string name =
      nameOf("panel_product", rows, shape.panel, shape.valueDim, shape) +
      storedSuffix(stored).str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.ptrType, k.i64Type, k.ptrType, k.i64Type}, {},
              /*local=*/true);
  Value input = k.argument(0), panels = k.argument(1), stride = k.argument(2);
  const CpuTarget &target = k.getTarget();
  // What is widened waits in registers: NEON has none left for a second step.
  int64_t unroll = stored.isF32() ? shape.unroll : 1;
  int64_t ahead = rows == 1 ? target.panelAhead / 2 : target.panelAhead;
  OuterProduct product = {rows,
                          target.panelVectors,
                          shape.keyBlock,
                          shape.panel,
                          unroll,
                          stored,
                          ahead * bytesOf(k.f32Type) / bytesOf(stored)};
  k.loop(k.i64(0), k.argument(4), 1, [&](Value panel) {
    Value out = k.at(k.argument(3), k.mul(panel, shape.panel));
    SmallVector<Value> places, inits;
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t v = 0; v < product.vectors; ++v) {
        places.push_back(k.at(out, row * shape.sumStride() + v * shape.lanes));
        inits.push_back(k.load(places.back()));
      }
    SmallVector<Value> sums = product.emit(
        k, input, elementAt(k, stored, panels, k.mul(panel, stride)),
        k.i64(shape.keyBlock), inits);
    for (auto [place, value] : llvm::zip_equal(places, sums))
      k.store(value, place);
  });
  k.end();
  return function;
}
