//===- RotateRow.cpp - a row rotated by its position ----------------------===//
//
// Pairs are whole vectors of halves, or the even and odd lanes of neighbours.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/RowTiles.h"
#include "codegen/cpu/VectorMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {
/// Emits the pieces of rotate_row.
struct RowRotation {
  KernelBuilder &k;
  ArrayRef<float> frequencies;
  float amplitude;
  Value from, to, position;
  Type stored;

  /// sin and cos, times the amplitude, of the angles of `lanes` pairs from
  /// `first` on.
  std::pair<Value, Value> sinCos(int64_t first) const {
    int64_t lanes = k.getTarget().lanes;
    SmallVector<float> part(lanes, 0.0f);
    for (int64_t i = 0; i < lanes; ++i)
      if (first + i < static_cast<int64_t>(frequencies.size()))
        part[i] = frequencies[first + i];
    Value frequency = arith::ConstantOp::create(
        k.builder(), k.loc(),
        DenseElementsAttr::get(k.vecType, ArrayRef<float>(part)));
    auto [sin, cos] = emitSinCos(k, k.mulf(position, frequency));
    if (amplitude == 1)
      return {sin, cos};
    Value factor = k.splat(amplitude);
    return {k.mulf(sin, factor), k.mulf(cos, factor)};
  }

  /// The first `count` lanes of the row from `column` on.
  Value loadFrom(int64_t column, int64_t count) const {
    return loadFirstElements(k, stored, elementAt(k, stored, from, column),
                             count);
  }

  /// (x cos - y sin, x sin + y cos)
  std::pair<Value, Value> rotate(Value x, Value y, int64_t first) const {
    auto [sin, cos] = sinCos(first);
    return {k.subf(k.mulf(x, cos), k.mulf(y, sin)),
            k.addf(k.mulf(x, sin), k.mulf(y, cos))};
  }

  void halves(int64_t first, int64_t count) const {
    auto pairs = static_cast<int64_t>(frequencies.size());
    Value x = loadFrom(first, count), y = loadFrom(pairs + first, count);
    auto [left, right] = rotate(x, y, first);
    k.storeFirst(left, k.at(to, first), count);
    k.storeFirst(right, k.at(to, pairs + first), count);
  }

  /// Neighbours: the even lanes of two vectors, and the odd ones.
  void neighbours(int64_t first, int64_t count) const {
    int64_t lanes = k.getTarget().lanes, low = std::min(lanes, 2 * count);
    int64_t high = 2 * count - low;
    Value a = loadFrom(2 * first, low);
    Value b = high ? loadFrom(2 * first + lanes, high) : k.splat(0.0f);
    SmallVector<int64_t> even, odd, back;
    for (int64_t i = 0; i < lanes; ++i) {
      even.push_back(2 * i);
      odd.push_back(2 * i + 1);
      back.append({i, lanes + i});
    }
    auto [x, y] = rotate(k.shuffle(a, b, even), k.shuffle(a, b, odd), first);
    k.storeFirst(k.shuffle(x, y, ArrayRef(back).take_front(lanes)),
                 k.at(to, 2 * first), low);
    if (high)
      k.storeFirst(k.shuffle(x, y, ArrayRef(back).drop_front(lanes)),
                   k.at(to, 2 * first + lanes), high);
  }
};
} // namespace

/// rotate_row_64_0123456789abcdef: two of one name do the same.
static std::string nameOf(tile::RotateOp op, Type stored) {
  SmallVector<float> numbers(op.getFrequencies());
  numbers.push_back(op.getAmplitude().convertToFloat());
  numbers.push_back(op.getInterleaved());
  uint64_t hash = llvm::xxh3_64bits(
      llvm::ArrayRef(reinterpret_cast<const uint8_t *>(numbers.data()),
                     numbers.size() * sizeof(float)));
  return ("rotate_row_" + Twine(op.getTile().getType().getShape()[1]) + "_" +
          llvm::utohexstr(hash, /*LowerCase=*/true) + storedSuffix(stored))
      .str();
}

func::FuncOp attn::cpu::emitRotateRow(KernelBuilder &k, tile::RotateOp op,
                                      Type stored) {
  std::string name = nameOf(op, stored);
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.ptrType, k.i32Type}, {}, /*local=*/true);
  Value position =
      arith::SIToFPOp::create(k.builder(), k.loc(), k.f32Type, k.argument(2));
  RowRotation rotation = {k,
                          op.getFrequencies(),
                          op.getAmplitude().convertToFloat(),
                          k.argument(0),
                          k.argument(1),
                          k.broadcast(position),
                          stored};
  auto pairs = static_cast<int64_t>(op.getFrequencies().size());
  int64_t lanes = k.getTarget().lanes;
  for (int64_t first = 0; first < pairs; first += lanes) {
    int64_t count = std::min(lanes, pairs - first);
    if (op.getInterleaved())
      rotation.neighbours(first, count);
    else
      rotation.halves(first, count);
  }
  int64_t columns = op.getTile().getType().getShape()[1];
  k.loop(k.i64(2 * pairs), k.i64(columns), 1, [&](Value column) {
    Value place = elementAt(k, stored, rotation.from, column);
    k.store(loadElement(k, stored, place), k.at(rotation.to, column));
  });
  k.end();
  return function;
}
