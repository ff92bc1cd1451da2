//===- PackKernels.cpp - keys and values in panels ------------------------===//
//
// A matrix loop reads a panel front to back. Rows of a cache lie far apart, so
// they are gathered here, once per task.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/StoredElements.h"
#include "codegen/cpu/Transpose.h"

using namespace mlir;
using namespace attn::cpu;

namespace {
/// Emits the pieces of pack_keys.
struct KeyPacker {
  KernelBuilder &k;
  const KernelShape &shape;
  /// Elements of a row, and the depth that they and the zeros behind fill.
  int64_t elements, depth;
  Value keys, stride, packed;
  Type stored;

  /// Where the key with this number stands in its panel.
  Value placeOf(Value key) const {
    Value panel = k.div(key, shape.panel);
    Value column = k.sub(key, k.mul(panel, shape.panel));
    return k.at(packed, k.add(k.mul(panel, shape.keyPanel()), column));
  }

  /// `lanes` keys, `count` of their elements from `from` on; `place` is where
  /// the first element goes. `kept` of them are, from zero lanes beyond.
  void transposeChunk(Value from, Value place, int64_t count,
                      int64_t kept) const {
    SmallVector<Value> rows;
    for (int64_t i = 0; i < shape.lanes; ++i) {
      rows.push_back(loadFirstElements(k, stored, from, count));
      from = elementAt(k, stored, from, stride);
    }
    SmallVector<Value> columns = emitTranspose(k, rows);
    for (int64_t i = 0; i < kept; ++i)
      k.store(columns[i], k.at(place, i * shape.panel));
  }

  void packGroup(Value key) const {
    Value from = elementAt(k, stored, keys, k.mul(key, stride));
    Value place = placeOf(key);
    int64_t whole = elements / shape.lanes * shape.lanes;
    k.loop(k.i64(0), k.i64(whole), shape.lanes, [&](Value d) {
      transposeChunk(elementAt(k, stored, from, d),
                     k.at(place, k.mul(d, shape.panel)), shape.lanes,
                     shape.lanes);
    });
    int64_t filled = whole;
    if (int64_t rest = elements - whole) {
      filled = std::min(whole + shape.lanes, depth);
      transposeChunk(elementAt(k, stored, from, whole),
                     k.at(place, whole * shape.panel), rest, filled - whole);
    }
    for (int64_t d = filled; d < depth; ++d)
      k.store(k.splat(0.0f), k.at(place, d * shape.panel));
  }

  /// One key of a last, incomplete group.
  void packKey(Value key) const {
    Value from = elementAt(k, stored, keys, k.mul(key, stride));
    Value place = placeOf(key);
    k.loop(k.i64(0), k.i64(elements), 1, [&](Value d) {
      k.store(loadElement(k, stored, elementAt(k, stored, from, d)),
              k.at(place, k.mul(d, shape.panel)));
    });
    for (int64_t d = elements; d < depth; ++d)
      k.store(k.f32(0.0f), k.at(place, d * shape.panel));
  }
};
} // namespace

/// pack_keys_d576_k128, or pack_keys_d576_0_512_k128 for a part of the row.
static std::string nameOfPackKeys(const KernelShape &shape, int64_t begin,
                                  int64_t end, Type stored) {
  std::string part;
  if (begin != 0 || end != shape.headDim)
    part = ("_" + Twine(begin) + "_" + Twine(end)).str();
  return ("pack_keys_d" + Twine(shape.headDim) + part + "_k" +
          Twine(shape.keyBlock) + storedSuffix(stored))
      .str();
}

func::FuncOp attn::cpu::emitPackKeys(KernelBuilder &k, const KernelShape &shape,
                                     int64_t begin, int64_t end, Type stored) {
  std::string name = nameOfPackKeys(shape, begin, end, stored);
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function = k.begin(
      name, {k.ptrType, k.i64Type, k.ptrType, k.i64Type}, {}, /*local=*/true);
  // The last part fills the panel up.
  int64_t depth = (end == shape.headDim ? shape.depth() : end) - begin;
  KeyPacker packer = {k,
                      shape,
                      end - begin,
                      depth,
                      k.argument(0),
                      k.argument(1),
                      k.argument(2),
                      stored};
  Value count = k.argument(3);
  Value whole = k.mul(k.div(count, shape.lanes), shape.lanes);
  k.loop(k.i64(0), whole, shape.lanes,
         [&](Value key) { packer.packGroup(key); });
  k.loop(whole, count, 1, [&](Value key) { packer.packKey(key); });
  k.end();
  return function;
}

/// One row of values into its panels; returns the running finiteness sum.
static Value emitPackRow(KernelBuilder &k, const KernelShape &shape,
                         Type stored, Value from, Value place, Value finite) {
  Value zero = k.splat(0.0f);
  auto move = [&](Value column, Value to, int64_t count, Value sum) {
    Value values =
        loadFirstElements(k, stored, elementAt(k, stored, from, column), count);
    k.store(values, to);
    // 0 * v is NaN exactly where v is not finite.
    return k.fma(values, zero, sum);
  };
  int64_t panels = shape.valueDim / shape.panel;
  auto body = [&](Value panel, ValueRange carried) {
    Value sum = carried[0];
    Value to = k.at(place, k.mul(panel, shape.valuePanel()));
    Value column = k.mul(panel, shape.panel);
    for (int64_t v = 0; v < shape.panel; v += shape.lanes)
      sum = move(k.add(column, v), k.at(to, v), shape.lanes, sum);
    return SmallVector<Value>{sum};
  };
  finite = k.loop(k.i64(0), k.i64(panels), 1, finite, body).front();
  Value last = k.at(place, panels * shape.valuePanel());
  for (int64_t c = panels * shape.panel; c < shape.sumStride();
       c += shape.lanes) {
    Value to = k.at(last, c - panels * shape.panel);
    if (c < shape.valueDim)
      finite =
          move(k.i64(c), to, std::min(shape.lanes, shape.valueDim - c), finite);
    else
      k.store(zero, to);
  }
  return finite;
}

func::FuncOp attn::cpu::emitPackValues(KernelBuilder &k,
                                       const KernelShape &shape, Type stored) {
  std::string name = ("pack_values_d" + Twine(shape.valueDim) + "_k" +
                      Twine(shape.keyBlock) + storedSuffix(stored))
                         .str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.i64Type, k.ptrType, k.i64Type}, {k.f32Type},
              /*local=*/true);
  Value values = k.argument(0), stride = k.argument(1), packed = k.argument(2);
  Value count = k.argument(3);
  auto body = [&](Value key, ValueRange carried) {
    Value place = k.at(packed, k.mul(key, shape.panel));
    Value from = elementAt(k, stored, values, k.mul(key, stride));
    return SmallVector<Value>{
        emitPackRow(k, shape, stored, from, place, carried[0])};
  };
  Value finite = k.loop(k.i64(0), count, 1, k.splat(0.0f), body).front();
  // Zeros up to the end of the panel of keys: their weights are 0 as well.
  Value end = k.mul(k.ceilDiv(count, shape.panel), shape.panel);
  k.loop(count, end, 1, [&](Value key) {
    Value place = k.at(packed, k.mul(key, shape.panel));
    k.loop(k.i64(0), k.i64(shape.sumStride() / shape.panel), 1,
           [&](Value panel) {
             Value to = k.at(place, k.mul(panel, shape.valuePanel()));
             for (int64_t v = 0; v < shape.panel; v += shape.lanes)
               k.store(k.splat(0.0f), k.at(to, v));
           });
  });
  k.end(k.reduceAdd(finite));
  return function;
}
