//===- ProductKernels.cpp - few rows times weights where they are ---------===//
//
// A few rows read a weight once: packing would cost as much as the product.
// Every element keeps the ascending chain of MatrixKernels.cpp, so the bits are
// the same. Later elements of the rows are asked for on the way, at the end of
// the rows those of the next ones.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/StoredElements.h"
#include "codegen/cpu/Transpose.h"

using namespace mlir;
using namespace attn::cpu;

namespace {
/// The pieces of stream_product.
struct ProductStream {
  KernelBuilder &k;
  int64_t rows, inner;
  Type stored;
  Value input;

  /// bf16 is transposed in pairs, with half the shuffles; not for several rows,
  /// whose products take longer to run, and their code to compile.
  bool isInPairs() const {
    return stored.isBF16() && rows == 1 &&
           inner % (2 * k.getTarget().lanes) == 0;
  }
  /// Elements of a weight row that a chunk takes.
  int64_t step() const {
    return isInPairs() ? 2 * k.getTarget().lanes : k.getTarget().lanes;
  }

  /// sums[row] += input[row] * weight over `step` elements from `d` on, of
  /// `lanes` weight rows from `weights` on.
  SmallVector<Value> chunk(Value weights, Value d, ValueRange carried) const {
    Value from = elementAt(k, stored, weights, d);
    SmallVector<Value> columns = columnsFrom(from), sums(carried);
    Value later = elementAt(k, stored, weights, placeAhead(d));
    Value place = k.at(input, k.mul(d, rows));
    int64_t lanes = k.getTarget().lanes, columnsOfRow = step() / lanes;
    auto add = [&](int64_t i, Value column) {
      if (i % columnsOfRow == 0)
        k.prefetch(elementAt(k, stored, later, i / columnsOfRow * inner));
      for (int64_t row = 0; row < rows; ++row) {
        int64_t vector = i / lanes * rows + row;
        Value element = k.loadF32(k.at(place, vector * lanes + i % lanes));
        sums[row] = k.fma(k.broadcast(element), column, sums[row]);
      }
    };
    for (auto [i, column] : llvm::enumerate(columns)) {
      if (!isInPairs()) {
        add(i, widen(k, stored, column));
        continue;
      }
      auto [first, second] = widenPairs(k, column);
      add(2 * i, first);
      add(2 * i + 1, second);
    }
    return sums;
  }

private:
  /// Columns of `lanes` rows: pairs, or what `widen` takes. Of 16 bits a row
  /// has to fill a block of 128 to be transposed as it is stored.
  SmallVector<Value> columnsFrom(Value from) const {
    int64_t lanes = k.getTarget().lanes;
    bool isWide = lanes * bytesOf(stored) < 16;
    SmallVector<Value> weightRows;
    for (int64_t i = 0; i < lanes; ++i) {
      Value row = elementAt(k, stored, from, i * inner);
      weightRows.push_back(isInPairs() ? loadPairs(k, row)
                           : isWide    ? loadElements(k, stored, row)
                                       : loadStored(k, stored, row, lanes));
    }
    return emitTranspose(k, weightRows);
  }

  /// Behind the end of these rows stand the next ones. As many bytes ahead,
  /// whatever the elements.
  Value placeAhead(Value d) const {
    int64_t next = (k.getTarget().lanes - 1) * inner;
    int64_t times = bytesOf(k.f32Type) / bytesOf(stored);
    Value ahead = k.add(d, times * k.getTarget().productAhead);
    return k.select(k.less(ahead, k.i64(inner)), ahead, k.add(ahead, next));
  }
};
} // namespace

func::FuncOp attn::cpu::emitStreamProduct(KernelBuilder &k, int64_t rows,
                                          int64_t inner, Type stored) {
  std::string name = ("stream_product_" + Twine(rows) + "_d" + Twine(inner) +
                      storedSuffix(stored))
                         .str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.ptrType, k.ptrType, k.i64Type, k.i64Type}, {},
              /*local=*/true);
  Value weights = k.argument(1), sum = k.argument(2), stride = k.argument(3);
  ProductStream stream = {k, rows, inner, stored, k.argument(0)};
  int64_t lanes = k.getTarget().lanes;
  k.loop(k.i64(0), k.argument(4), lanes, [&](Value first) {
    SmallVector<Value> places, sums;
    for (int64_t row = 0; row < rows; ++row) {
      places.push_back(k.at(k.at(sum, first), k.mul(stride, row)));
      sums.push_back(k.load(places.back()));
    }
    Value from = elementAt(k, stored, weights, k.mul(first, inner));
    sums = k.loop(k.i64(0), k.i64(inner), stream.step(), sums,
                  [&](Value d, ValueRange carried) {
                    return stream.chunk(from, d, carried);
                  });
    for (auto [place, value] : llvm::zip_equal(places, sums))
      k.store(value, place);
  });
  k.end();
  return function;
}
