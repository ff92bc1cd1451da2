//===- ExactKernels.cpp - weighted sums around infinite values ------------===//
//
// A score of -inf is a weight of 0, which an infinite value must not turn into
// NaN. Rare enough that one row per call, without unrolling, is fast enough.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/StoredElements.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

using namespace mlir;
using namespace attn::cpu;

static constexpr float infinity = std::numeric_limits<float>::infinity();

static Value isEqual(KernelBuilder &k, Value x, float number) {
  return arith::CmpFOp::create(k.builder(), k.loc(), arith::CmpFPredicate::OEQ,
                               x, k.splat(number));
}

static Value isNotFinite(KernelBuilder &k, Value magnitude) {
  return arith::CmpFOp::create(k.builder(), k.loc(), arith::CmpFPredicate::UGE,
                               magnitude, k.splat(infinity));
}

namespace {
/// Emits the pieces of exact_accumulate.
struct ExactSum {
  KernelBuilder &k;
  const KernelShape &shape;
  Value weights, scores, keyStride, alpha, keys;
  /// A mask hides keys: what they hold is no number of the formulas.
  bool hidesKeys;
  Type stored;

  /// `width` columns; the last vector may be incomplete.
  void chunk(Value values, Value out, int64_t width) const {
    SmallVector<Value> inits;
    for (int64_t c = 0; c < width; c += shape.lanes)
      inits.push_back(k.mulf(k.load(k.at(out, c)), alpha));
    auto body = [&](Value key, ValueRange carried) {
      SmallVector<Value> sums(carried);
      step(key, elementAt(k, stored, values, k.mul(key, keyStride)), width,
           sums);
      return sums;
    };
    SmallVector<Value> sums = k.loop(k.i64(0), keys, 1, inits, body);
    for (auto [v, sum] : llvm::enumerate(sums))
      k.store(sum, k.at(out, v * shape.lanes));
  }

private:
  /// sum += weight * v, where an infinite v counts as 0 under a score of -inf,
  /// and so does a NaN of a hidden key.
  void step(Value key, Value from, int64_t width,
            MutableArrayRef<Value> sums) const {
    Value weight = k.broadcast(k.loadF32(k.at(weights, key)));
    Value score = k.broadcast(k.loadF32(k.at(scores, key)));
    Value isWeightless = isEqual(k, score, -infinity);
    for (auto [v, sum] : llvm::enumerate(sums)) {
      int64_t c = v * shape.lanes;
      Value value = loadFirstElements(k, stored, elementAt(k, stored, from, c),
                                      width - c);
      Value magnitude = math::AbsFOp::create(k.builder(), k.loc(), value);
      Value isOdd = hidesKeys ? isNotFinite(k, magnitude)
                              : isEqual(k, magnitude, infinity);
      Value isLeftOut = k.both(isWeightless, isOdd);
      sum = k.fma(weight, k.select(isLeftOut, k.splat(0.0f), value), sum);
    }
  }
};
} // namespace

func::FuncOp attn::cpu::emitExactAccumulate(KernelBuilder &k,
                                            const KernelShape &shape,
                                            bool hidesKeys, Type stored) {
  std::string name =
      ("exact_accumulate_d" + Twine(shape.valueDim) + storedSuffix(stored))
          .str();
  if (hidesKeys)
    name += "_hiding";
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function = k.begin(name,
                                  {k.ptrType, k.ptrType, k.ptrType, k.i64Type,
                                   k.i64Type, k.ptrType, k.ptrType, k.i64Type},
                                  {}, /*local=*/true);
  Value values = k.argument(2), panelStride = k.argument(4);
  Value sum = k.argument(5);
  ExactSum exact = {k,
                    shape,
                    k.argument(0),
                    k.argument(1),
                    k.argument(3),
                    k.broadcast(k.loadF32(k.argument(6))),
                    k.argument(7),
                    hidesKeys,
                    stored};
  int64_t panels = shape.valueDim / shape.panel;
  k.loop(k.i64(0), k.i64(panels), 1, [&](Value panel) {
    exact.chunk(elementAt(k, stored, values, k.mul(panel, panelStride)),
                k.at(sum, k.mul(panel, shape.panel)), shape.panel);
  });
  if (int64_t rest = shape.valueDim - panels * shape.panel)
    exact.chunk(elementAt(k, stored, values, k.mul(panelStride, panels)),
                k.at(sum, panels * shape.panel), rest);
  k.end();
  return function;
}

func::FuncOp attn::cpu::emitLeastScore(KernelBuilder &k,
                                       const KernelShape &shape, int64_t rows) {
  std::string name =
      ("least_score_" + Twine(rows) + "_k" + Twine(shape.keyBlock)).str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function = k.begin(name, {k.ptrType, k.i64Type, k.i64Type},
                                  {k.f32Type}, /*local=*/true);
  Value score = k.argument(0), lo = k.argument(1), hi = k.argument(2);
  auto least = [&](Value from, Value to, int64_t step, Value init,
                   function_ref<Value(Value)> load) {
    auto body = [&](Value column, ValueRange carried) {
      Value minimum = carried[0];
      for (int64_t row = 0; row < rows; ++row)
        minimum =
            k.minf(load(k.at(k.at(score, column), row * shape.scoreStride())),
                   minimum);
      return SmallVector<Value>{minimum};
    };
    return k.loop(from, to, step, init, body).front();
  };
  auto loadOne = [&](Value place) { return k.loadF32(place); };
  auto loadVector = [&](Value place) { return k.load(place); };
  // Whole vectors in the midst, what is left of them key by key.
  Value begin = k.mul(k.ceilDiv(lo, shape.lanes), shape.lanes);
  Value end = k.maximum(begin, k.mul(k.div(hi, shape.lanes), shape.lanes));
  Value vectors = least(begin, end, shape.lanes, k.splat(infinity), loadVector);
  Value minimum = k.reduceMin(vectors);
  minimum = least(lo, k.minimum(begin, hi), 1, minimum, loadOne);
  minimum = least(end, hi, 1, minimum, loadOne);
  k.end(minimum);
  return function;
}
