//===- SoftmaxKernel.cpp - online softmax of several rows -----------------===//
//
// The update of Milakov and Gimelshein, "Online normalizer calculation for
// softmax", on all rows of a row block at once: their chains of exp2 overlap.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/VectorMath.h"

using namespace mlir;
using namespace attn::cpu;

namespace {
/// The pointers that the kernel takes.
struct SoftmaxBuffers {
  Value score, maxima, maximum, sum, alpha;
};
} // namespace

/// m' = max(m, blockwise maximum); alpha is m - b for now. The base b takes the
/// place of the row's maxima: 12 rows of bases would not fit into registers.
static void emitMaximum(KernelBuilder &k, const SoftmaxBuffers &buffers,
                        int64_t rows) {
  for (int64_t row = 0; row < rows; ++row) {
    Value bases = k.at(buffers.maxima, row * k.getTarget().lanes);
    Value block = k.reduceMax(k.load(bases));
    Value slot = k.at(buffers.maximum, row);
    Value old = k.loadF32(slot);
    Value maximum = k.maxf(block, old);
    Value base = emitBase(k, maximum);
    k.store(maximum, slot);
    k.store(k.subf(old, base), k.at(buffers.alpha, row));
    k.store(k.broadcast(base), bases);
  }
}

/// Scores of rows [from, to) become weights in place; returns one vector of
/// sums per row.
static SmallVector<Value> emitWeights(KernelBuilder &k,
                                      const KernelShape &shape,
                                      const SoftmaxBuffers &buffers,
                                      Value vectors, int64_t from, int64_t to) {
  SmallVector<Value> zeros(to - from, k.splat(0.0f));
  auto body = [&](Value vector, ValueRange carried) {
    SmallVector<Value> sums(carried);
    Value column = k.at(buffers.score, k.mul(vector, shape.lanes));
    for (int64_t row = from; row < to; ++row) {
      Value base = k.load(k.at(buffers.maxima, row * shape.lanes));
      Value place = k.at(column, row * shape.scoreStride());
      Value weight = emitExp2(k, k.subf(k.load(place), base));
      k.store(weight, place);
      sums[row - from] = k.addf(sums[row - from], weight);
    }
    return sums;
  };
  return k.loop(k.i64(0), vectors, 1, zeros, body);
}

func::FuncOp attn::cpu::emitSoftmax(KernelBuilder &k, const KernelShape &shape,
                                    int64_t rows) {
  std::string name =
      ("softmax_" + Twine(rows) + "_k" + Twine(shape.keyBlock)).str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function = k.begin(
      name, {k.ptrType, k.ptrType, k.ptrType, k.ptrType, k.ptrType, k.i64Type},
      {}, /*local=*/true);
  SoftmaxBuffers buffers = {k.argument(0), k.argument(1), k.argument(2),
                            k.argument(3), k.argument(4)};
  emitMaximum(k, buffers, rows);
  // As many rows at once as leave registers for the polynomial.
  SmallVector<Value> sums;
  int64_t group = k.getTarget().softmaxRows;
  for (int64_t row = 0; row < rows; row += group)
    sums.append(emitWeights(k, shape, buffers, k.argument(5), row,
                            std::min(rows, row + group)));

  // alpha = 2^(m - b) of all rows at once. It was stored row by row long
  // enough ago to have left the store buffer.
  for (int64_t row = 0; row < rows; row += shape.lanes) {
    Value slot = k.at(buffers.alpha, row);
    k.store(emitExp2(k, k.load(slot)), slot);
  }
  // l' = l * alpha + rowsum(weights)
  for (int64_t row = 0; row < rows; ++row) {
    Value slot = k.at(buffers.sum, row);
    Value scaled = k.mulf(k.loadF32(slot), k.loadF32(k.at(buffers.alpha, row)));
    k.store(k.addf(scaled, k.reduceAdd(sums[row])), slot);
  }
  k.end();
  return function;
}
