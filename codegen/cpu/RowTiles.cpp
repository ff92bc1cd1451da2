//===- RowTiles.cpp - rows of a graph's tensors, one at a time ------------===//
//
// Whole vectors of a row, then what is left element by element: a row ends
// where its tensor ends, and nothing beyond may be touched.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/RowTiles.h"
#include "codegen/cpu/ElementOps.h"
#include "codegen/cpu/VectorMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

static Value lane0(KernelBuilder &k, Value vector) { return k.first(vector); }

/// `vector` counting up from 0 in i32.
static Value laneNumbers(KernelBuilder &k) {
  auto numbers = llvm::to_vector(llvm::seq<int32_t>(0, k.getTarget().lanes));
  return arith::ConstantOp::create(
      k.builder(), k.loc(),
      DenseElementsAttr::get(k.intVecType, ArrayRef(numbers)));
}

//===----------------------------------------------------------------------===//
// Maps
//===----------------------------------------------------------------------===//

/// The operands' vectors from `column` on: whole ones, or one element in every
/// lane.
static SmallVector<Value> loadOperands(KernelBuilder &k,
                                       ArrayRef<RowValue> operands,
                                       Value column, bool isWhole) {
  OpBuilder &b = k.builder();
  SmallVector<Value> vectors;
  for (const RowValue &operand : operands) {
    switch (operand.kind) {
    case RowValue::Kind::Memory: {
      Value place = elementAt(k, operand.element, operand.value, column);
      vectors.push_back(
          isWhole ? loadElements(k, operand.element, place)
                  : k.broadcast(loadElement(k, operand.element, place)));
      break;
    }
    case RowValue::Kind::Scalar:
      vectors.push_back(k.broadcast(operand.value));
      break;
    case RowValue::Kind::Columns: {
      Value offset = arith::TruncIOp::create(b, k.loc(), k.i32Type, column);
      Value first = arith::AddIOp::create(b, k.loc(), operand.value, offset);
      vectors.push_back(arith::AddIOp::create(b, k.loc(), k.broadcast(first),
                                              laneNumbers(k)));
      break;
    }
    }
  }
  return vectors;
}

func::FuncOp attn::cpu::emitMapElements(KernelBuilder &k, StringRef name,
                                        Block &body,
                                        ArrayRef<RowValue> operands,
                                        Type result) {
  SmallVector<Type> types;
  for (const RowValue &operand : operands)
    types.push_back(operand.kind == RowValue::Kind::Memory ? k.ptrType
                                                           : operand.element);
  types.append({k.ptrType, k.i64Type});
  func::FuncOp function = k.begin(name, types, {}, /*local=*/true);
  SmallVector<RowValue> own(operands);
  for (auto [number, operand] : llvm::enumerate(own))
    operand.value = k.argument(number);
  Value to = k.argument(own.size()), count = k.argument(own.size() + 1);
  int64_t lanes = k.getTarget().lanes;
  Value whole = k.mul(k.div(count, lanes), lanes);
  k.loop(k.i64(0), whole, lanes, [&](Value column) {
    Value vector =
        emitElements(k, body, loadOperands(k, own, column, /*isWhole=*/true));
    storeElement(k, result, vector, elementAt(k, result, to, column));
  });
  k.loop(whole, count, 1, [&](Value column) {
    Value vector =
        emitElements(k, body, loadOperands(k, own, column, /*isWhole=*/false));
    storeElement(k, result, lane0(k, vector), elementAt(k, result, to, column));
  });
  k.end();
  return function;
}

Value attn::cpu::emitMapScalars(KernelBuilder &k, Block &body,
                                ArrayRef<RowValue> operands) {
  return lane0(
      k, emitElements(k, body, loadOperands(k, operands, k.i64(0), false)));
}

//===----------------------------------------------------------------------===//
// Sums, fills, copies
//===----------------------------------------------------------------------===//

func::FuncOp attn::cpu::emitSumRow(KernelBuilder &k, Type stored) {
  std::string name = ("sum_row" + storedSuffix(stored)).str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.i64Type}, {k.f32Type}, /*local=*/true);
  Value row = k.argument(0), count = k.argument(1);
  int64_t lanes = k.getTarget().lanes;
  Value whole = k.mul(k.div(count, lanes), lanes);
  auto add = [&](Value column, ValueRange carried) {
    Value place = elementAt(k, stored, row, column);
    return SmallVector<Value>{
        k.addf(carried[0], loadElements(k, stored, place))};
  };
  Value sums = k.loop(k.i64(0), whole, lanes, k.splat(0.0f), add).front();
  auto addOne = [&](Value column, ValueRange carried) {
    Value place = elementAt(k, stored, row, column);
    return SmallVector<Value>{
        k.addf(carried[0], loadElement(k, stored, place))};
  };
  k.end(k.loop(whole, count, 1, k.reduceAdd(sums), addOne).front());
  return function;
}

/// copy_strided_4, or copy_strided_f16_to_f32.
static std::string nameOfCopyStrided(Type from, Type to) {
  if (from == to)
    return "copy_strided_" + std::to_string(bytesOf(from));
  auto spell = [](Type type) {
    return type.isF32() ? StringRef("_f32") : storedSuffix(type);
  };
  return ("copy_strided" + spell(from) + "_to" + spell(to)).str();
}

/// One element from a place to another, or a vector of them.
static void moveElements(KernelBuilder &k, Type fromType, Value from,
                         Type toType, Value to, bool isWhole) {
  if (fromType != toType)
    return storeElement(k, toType,
                        isWhole ? loadElements(k, fromType, from)
                                : loadElement(k, fromType, from),
                        to);
  auto bytes = static_cast<unsigned>(bytesOf(fromType));
  Type type = k.builder().getIntegerType(8 * bytes);
  if (isWhole)
    type = VectorType::get(k.getTarget().lanes, type);
  Value value = LLVM::LoadOp::create(k.builder(), k.loc(), type, from, bytes);
  LLVM::StoreOp::create(k.builder(), k.loc(), value, to, bytes);
}

func::FuncOp attn::cpu::emitCopyStrided(KernelBuilder &k, Type fromType,
                                        Type toType) {
  std::string name = nameOfCopyStrided(fromType, toType);
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.i64Type, k.ptrType, k.i64Type, k.i64Type}, {},
              /*local=*/true);
  Value from = k.argument(0), to = k.argument(2), count = k.argument(4);
  int64_t lanes = k.getTarget().lanes;
  auto move = [&](Value fromStride, Value toStride, Value begin, bool isWhole) {
    int64_t step = isWhole ? lanes : 1;
    k.loop(begin, isWhole ? k.mul(k.div(count, step), step) : count, step,
           [&](Value i) {
             moveElements(k, fromType,
                          elementAt(k, fromType, from, k.mul(i, fromStride)),
                          toType, elementAt(k, toType, to, k.mul(i, toStride)),
                          isWhole);
           });
  };
  Value one = k.i64(1);
  Value isPacked =
      k.both(k.equal(k.argument(1), one), k.equal(k.argument(3), one));
  k.when(
      isPacked,
      [&] {
        move(one, one, k.i64(0), /*isWhole=*/true);
        move(one, one, k.mul(k.div(count, lanes), lanes), /*isWhole=*/false);
      },
      [&] { move(k.argument(1), k.argument(3), k.i64(0), /*isWhole=*/false); });
  k.end();
  return function;
}

func::FuncOp attn::cpu::emitFillRow(KernelBuilder &k, Type element) {
  std::string name = element.isF32()         ? "fill_row_f32"
                     : element.isInteger(32) ? "fill_row_i32"
                                             : "fill_row_i1";
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function = k.begin(name, {element, k.ptrType, k.i64Type}, {},
                                  /*local=*/true);
  k.loop(k.i64(0), k.argument(2), 1, [&](Value column) {
    storeElement(k, element, k.argument(0),
                 elementAt(k, element, k.argument(1), column));
  });
  k.end();
  return function;
}

func::FuncOp attn::cpu::emitGatherRow(KernelBuilder &k, int64_t elements,
                                      int64_t paddedTo, Type stored) {
  std::string name = ("gather_row_" + Twine(elements) + "_" + Twine(paddedTo) +
                      storedSuffix(stored))
                         .str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.ptrType}, {}, /*local=*/true);
  Value from = k.argument(0), to = k.argument(1);
  int64_t lanes = k.getTarget().lanes, whole = elements / lanes * lanes;
  k.loop(k.i64(0), k.i64(whole), lanes, [&](Value i) {
    k.store(loadElements(k, stored, elementAt(k, stored, from, i)),
            k.at(to, i));
  });
  for (int64_t i = whole; i < paddedTo; i += lanes) {
    Value values = k.splat(0.0f);
    if (i < elements)
      values = loadFirstElements(k, stored, elementAt(k, stored, from, i),
                                 elements - i);
    k.storeFirst(values, k.at(to, i), paddedTo - i);
  }
  k.end();
  return function;
}

func::FuncOp attn::cpu::emitSpreadRow(KernelBuilder &k, int64_t elements,
                                      int64_t rows, Type stored) {
  std::string name = ("spread_row_" + Twine(elements) + "_" + Twine(rows) +
                      storedSuffix(stored))
                         .str();
  if (func::FuncOp known = k.lookup(name))
    return known;
  func::FuncOp function =
      k.begin(name, {k.ptrType, k.ptrType}, {}, /*local=*/true);
  k.loop(k.i64(0), k.i64(elements), k.getTarget().lanes, [&](Value i) {
    Value from = elementAt(k, stored, k.argument(0), i);
    k.store(loadElements(k, stored, from), k.at(k.argument(1), k.mul(i, rows)));
  });
  k.end();
  return function;
}
