//===- RowKernels.cpp - what happens to one row at a time -----------------===//
//
// Masks on partial blocks, merges of splits, the end of a row: rare enough
// that one row per call is as fast as a row block.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/StoredElements.h"
#include "codegen/cpu/VectorMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace mlir;
using namespace attn::cpu;

static constexpr float infinity = std::numeric_limits<float>::infinity();

func::FuncOp attn::cpu::emitMaskRow(KernelBuilder &k) {
  if (func::FuncOp known = k.lookup("mask_row"))
    return known;
  func::FuncOp function = k.begin(
      "mask_row", {k.ptrType, k.ptrType, k.i64Type, k.i64Type, k.i64Type}, {},
      /*local=*/true);
  OpBuilder &b = k.builder();
  int64_t lanes = k.getTarget().lanes;
  Value lo = k.broadcast(k.narrow(k.argument(2)));
  Value hi = k.broadcast(k.narrow(k.argument(3)));
  Value minusInfinity = k.splat(-infinity);
  auto body = [&](Value vector, ValueRange carried) {
    Value column = k.mul(vector, lanes);
    Value place = k.at(k.argument(0), column);
    Value key = k.numbersFrom(column);
    using Predicate = arith::CmpIPredicate;
    Value above = arith::CmpIOp::create(b, k.loc(), Predicate::sge, key, lo);
    Value below = arith::CmpIOp::create(b, k.loc(), Predicate::slt, key, hi);
    Value score = k.select(k.both(above, below), k.load(place), minusInfinity);
    k.store(score, place);
    return SmallVector<Value>{k.maxf(score, carried[0])};
  };
  Value maximum =
      k.loop(k.i64(0), k.argument(4), 1, minusInfinity, body).front();
  k.store(maximum, k.argument(1));
  k.end();
  return function;
}

func::FuncOp attn::cpu::emitCopyRow(KernelBuilder &k, int64_t elements,
                                    int64_t paddedTo, Type fromType,
                                    Type toType) {
  std::string name = ("copy_row_" + Twine(elements) + "_" + Twine(paddedTo) +
                      storedSuffix(fromType))
                         .str();
  if (!toType.isF32())
    name += ("_to" + storedSuffix(toType)).str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.ptrType}, {}, /*local=*/true);
  Value from = k.argument(0), to = k.argument(1);
  int64_t lanes = k.getTarget().lanes;
  int64_t whole = elements / lanes * lanes;
  k.loop(k.i64(0), k.i64(whole), lanes, [&](Value i) {
    Value values = loadElements(k, fromType, elementAt(k, fromType, from, i));
    storeElement(k, toType, values, elementAt(k, toType, to, i));
  });
  if (int64_t rest = elements - whole) {
    Value values = loadFirstElements(k, fromType,
                                     elementAt(k, fromType, from, whole), rest);
    storeFirstElements(k, toType, values, elementAt(k, toType, to, whole),
                       std::min(lanes, paddedTo - whole));
  }
  k.end();
  return function;
}

/// sum[i] = f(i, sum[i]) for all vectors of a row of weighted sums.
static void forSum(KernelBuilder &k, const KernelShape &shape, Value sum,
                   function_ref<Value(Value, Value)> f) {
  k.loop(k.i64(0), k.i64(shape.sumStride()), shape.lanes, [&](Value i) {
    Value place = k.at(sum, i);
    k.store(f(i, k.load(place)), place);
  });
}

func::FuncOp attn::cpu::emitMergeRow(KernelBuilder &k,
                                     const KernelShape &shape) {
  std::string name = ("merge_row_d" + Twine(shape.valueDim)).str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  SmallVector<Type> types(6, k.ptrType);
  func::FuncOp function = k.begin(name, types, {}, /*local=*/true);
  auto scalar = [&](unsigned i) {
    return k.broadcast(k.loadF32(k.argument(i)));
  };
  // m' = max(m1, m2); a NaN maximum belongs to a row whose sum is NaN already.
  Value m1 = scalar(0), l1 = scalar(1), m2 = scalar(3), l2 = scalar(4);
  Value m = k.maxf(m2, m1);
  Value base = emitBase(k, m);
  Value a1 = emitExp2(k, k.subf(m1, base));
  Value a2 = emitExp2(k, k.subf(m2, base));
  // l' = l1 a1 + l2 a2, o' = o1 a1 + o2 a2
  Value l = k.addf(k.mulf(l1, a1), k.mulf(l2, a2));
  k.store(k.first(m), k.argument(0));
  k.store(k.first(l), k.argument(1));
  Value other = k.argument(5);
  forSum(k, shape, k.argument(2), [&](Value i, Value sum) {
    return k.addf(k.mulf(sum, a1), k.mulf(k.load(k.at(other, i)), a2));
  });
  k.end();
  return function;
}

func::FuncOp attn::cpu::emitFinishRow(KernelBuilder &k,
                                      const KernelShape &shape) {
  std::string name = ("finish_row_d" + Twine(shape.valueDim)).str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.ptrType, k.ptrType, k.f32Type}, {},
              /*local=*/true);
  Value m1 = k.broadcast(k.loadF32(k.argument(0)));
  Value l1 = k.broadcast(k.loadF32(k.argument(1)));
  // The sink in base 2, z; m' = max(m, z), l' = l 2^(m - m') + 2^(z - m').
  constexpr float log2e = 1.44269504f, ln2 = 0.693147181f;
  Value sink = k.broadcast(k.argument(3));
  Value z = k.mulf(sink, k.splat(log2e));
  Value m = k.maxf(z, m1);
  Value base = emitBase(k, m);
  Value a = emitExp2(k, k.subf(m1, base));
  Value l = k.addf(k.mulf(l1, a), emitExp2(k, k.subf(z, base)));
  // A row that saw nothing has l = 0 and sum 0: output 0, lse -inf.
  auto isZero = arith::CmpFOp::create(
      k.builder(), k.loc(), arith::CmpFPredicate::OEQ, l, k.splat(0.0f));
  Value factor = k.divf(a, k.select(isZero, k.splat(1.0f), l));
  forSum(k, shape, k.argument(2), [&](Value, Value sum) {
    // Adding 0 makes a -0 of underflow the +0 of any other schedule.
    return k.addf(k.mulf(sum, factor), k.splat(0.0f));
  });
  // lse = m ln 2 + ln l, or the sink itself where it is all there is.
  Value lse = k.fma(m, k.splat(ln2), emitLog(k, l));
  auto onlySink = arith::CmpFOp::create(
      k.builder(), k.loc(), arith::CmpFPredicate::OEQ, l1, k.splat(0.0f));
  lse = k.select(onlySink, sink, lse);
  k.store(k.first(lse), k.argument(0));
  k.end();
  return function;
}
