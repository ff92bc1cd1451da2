//===- ProductKernels.cpp - few rows times weights where they are ---------===//
//
// A few rows read a weight once: packing would cost as much as the product.
// Every element keeps the ascending chain of MatrixKernels.cpp, so the bits are
// the same. Later elements of the rows are asked for on the way, at the end of
// the rows those of the next ones.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/Transpose.h"

using namespace mlir;
using namespace attn::cpu;

namespace {
/// The pieces of stream_product.
struct ProductStream {
  KernelBuilder &k;
  int64_t rows, inner;
  Value input;

  /// sums[row] += input[row] * weight over `lanes` elements from `d` on, of as
  /// many weight rows from `weights` on.
  SmallVector<Value> chunk(Value weights, Value d, ValueRange carried) const {
    int64_t lanes = k.getTarget().lanes;
    Value from = k.at(weights, d);
    SmallVector<Value> weightRows, sums(carried);
    for (int64_t i = 0; i < lanes; ++i)
      weightRows.push_back(k.load(k.at(from, i * inner)));
    SmallVector<Value> columns = emitTranspose(k, weightRows);
    Value later = k.at(weights, placeAhead(d));
    Value place = k.at(input, d);
    for (int64_t i = 0; i < lanes; ++i) {
      k.prefetch(k.at(later, i * inner));
      for (int64_t row = 0; row < rows; ++row) {
        Value element = k.loadF32(k.at(place, row * inner + i));
        sums[row] = k.fma(k.broadcast(element), columns[i], sums[row]);
      }
    }
    return sums;
  }

private:
  /// Behind the end of these rows stand the next ones.
  Value placeAhead(Value d) const {
    int64_t next = (k.getTarget().lanes - 1) * inner;
    Value ahead = k.add(d, k.getTarget().productAhead);
    return k.select(k.less(ahead, k.i64(inner)), ahead, k.add(ahead, next));
  }
};
} // namespace

func::FuncOp attn::cpu::emitStreamProduct(KernelBuilder &k, int64_t rows,
                                          int64_t inner) {
  std::string name =
      ("stream_product_" + Twine(rows) + "_d" + Twine(inner)).str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.ptrType, k.ptrType, k.i64Type, k.i64Type}, {},
              /*local=*/true);
  Value weights = k.argument(1), sum = k.argument(2), stride = k.argument(3);
  ProductStream stream = {k, rows, inner, k.argument(0)};
  int64_t lanes = k.getTarget().lanes;
  k.loop(k.i64(0), k.argument(4), lanes, [&](Value first) {
    SmallVector<Value> places, sums;
    for (int64_t row = 0; row < rows; ++row) {
      places.push_back(k.at(k.at(sum, first), k.mul(stride, row)));
      sums.push_back(k.load(places.back()));
    }
    Value from = k.at(weights, k.mul(first, inner));
    sums = k.loop(k.i64(0), k.i64(inner), lanes, sums,
                  [&](Value d, ValueRange carried) {
                    return stream.chunk(from, d, carried);
                  });
    for (auto [place, value] : llvm::zip_equal(places, sums))
      k.store(value, place);
  });
  k.end();
  return function;
}
