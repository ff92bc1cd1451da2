//===- MapKernel.cpp - elementwise functions of scores --------------------===//
//
// Turns the scalar region of attn_tile.map into vector code over one row. What
// depends on neither score nor column is computed once per row.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/MapOps.h"
#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/StoredElements.h"
#include "codegen/cpu/VectorMath.h"

#include "dialects/attn_tile/AttnTileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/SetVector.h"

#include <limits>

using namespace mlir;
using namespace attn::cpu;

namespace {
/// Emits the operations of one region, every scalar as one vector.
class MapEmitter {
public:
  MapEmitter(KernelBuilder &k, Region &body)
      : k(k), block(body.front()), ranges(body) {}

  void bindTable(Value place) { table = place; }

  void bind(unsigned argument, Value vector) {
    vectors[block.getArgument(argument)] = vector;
  }
  /// What is the same for all columns of a row.
  void emitUniform();
  /// The rest; returns the new scores.
  Value emitVarying();

private:
  Type laneOf(Value scalar) const;
  Value lookup(Value scalar);
  Value asLanes(Value vector, Type lane);
  Value create(Operation &op, ValueRange operands, Type lane);
  Value emit(Operation &op);
  Value emitConstant(Operation &op);
  Value emitInteger(Operation &op);
  Value indexOf(Value scalar, int64_t size);
  Value emitLookup(attn::tile::LookupOp op);
  Value emitRoundedDivision(ValueRange operands, bool up);

  KernelBuilder &k;
  Block &block;
  MapRanges ranges;
  Value table;
  llvm::DenseMap<Value, Value> vectors;
};
} // namespace

static bool isNumber(Type type) {
  return type.isIntOrIndex() && !type.isInteger(1);
}

/// Integers take 32 bits where they fit, so that a vector of them is as long
/// as one of scores and converts in one instruction.
Type MapEmitter::laneOf(Value scalar) const {
  Type type = scalar.getType();
  if (!isNumber(type))
    return type;
  return ranges.isNarrow(scalar) ? k.i32Type : k.i64Type;
}

Value MapEmitter::lookup(Value scalar) {
  Value &vector = vectors[scalar];
  // A constant may stand outside the region.
  if (!vector)
    vector = emitConstant(*constantBehind(scalar));
  return vector;
}

Value MapEmitter::asLanes(Value vector, Type lane) {
  OpBuilder &b = k.builder();
  Type from = cast<VectorType>(vector.getType()).getElementType();
  if (from == lane || !isNumber(from))
    return vector;
  auto type = VectorType::get(k.getTarget().lanes, lane);
  if (lane == k.i64Type)
    return arith::ExtSIOp::create(b, k.loc(), type, vector);
  return arith::TruncIOp::create(b, k.loc(), type, vector);
}

/// `op` on vectors.
Value MapEmitter::create(Operation &op, ValueRange operands, Type lane) {
  auto type = VectorType::get(k.getTarget().lanes, lane);
  OperationState state(k.loc(), op.getName(), operands, {type}, op.getAttrs());
  return k.builder().create(state)->getResult(0);
}

Value MapEmitter::emitConstant(Operation &op) {
  Attribute value = cast<arith::ConstantOp>(op).getValue();
  Type lane = laneOf(op.getResult(0));
  auto type = VectorType::get(k.getTarget().lanes, lane);
  if (auto number = dyn_cast<IntegerAttr>(value))
    value = IntegerAttr::get(
        lane, number.getValue().sextOrTrunc(lane.getIntOrFloatBitWidth()));
  return arith::ConstantOp::create(k.builder(), k.loc(),
                                   DenseElementsAttr::get(type, value));
}

/// The quotient of a positive divisor, rounded up or down.
Value MapEmitter::emitRoundedDivision(ValueRange operands, bool up) {
  OpBuilder &b = k.builder();
  Value zero = arith::ConstantOp::create(b, k.loc(),
                                         b.getZeroAttr(operands[0].getType()));
  Value quotient = arith::DivSIOp::create(b, k.loc(), operands[0], operands[1]);
  Value rest = arith::RemSIOp::create(b, k.loc(), operands[0], operands[1]);
  using Predicate = arith::CmpIPredicate;
  Value isOff = arith::CmpIOp::create(
      b, k.loc(), up ? Predicate::sgt : Predicate::slt, rest, zero);
  // true is -1
  Value one = arith::ExtSIOp::create(b, k.loc(), zero.getType(), isOff);
  if (up)
    return arith::SubIOp::create(b, k.loc(), quotient, one);
  return arith::AddIOp::create(b, k.loc(), quotient, one);
}

/// An operation with integers among its operands or results: all of them in
/// lanes that hold the largest.
Value MapEmitter::emitInteger(Operation &op) {
  Value result = op.getResult(0);
  Type lane = k.i32Type;
  for (Value value : llvm::concat<Value>(op.getOperands(), op.getResults()))
    if (laneOf(value) == k.i64Type)
      lane = k.i64Type;
  SmallVector<Value> operands;
  for (Value operand : op.getOperands())
    operands.push_back(asLanes(lookup(operand), lane));
  if (isa<arith::IndexCastOp>(op))
    return asLanes(operands[0], laneOf(result));
  if (result.getType().isBF16())
    return narrow(k, result.getType(), create(op, operands, k.f32Type));
  if (!isNumber(result.getType()))
    return create(op, operands, laneOf(result));
  if (isa<arith::FloorDivSIOp>(op))
    return asLanes(emitRoundedDivision(operands, /*up=*/false), laneOf(result));
  if (isa<arith::CeilDivSIOp, arith::CeilDivUIOp>(op))
    return asLanes(emitRoundedDivision(operands, /*up=*/true), laneOf(result));
  return asLanes(create(op, operands, lane), laneOf(result));
}

/// `scalar` within [0, size), in 32 bits.
Value MapEmitter::indexOf(Value scalar, int64_t size) {
  Value index = lookup(scalar);
  if (!ranges.isIndexOf(scalar, size)) {
    Type lane = cast<VectorType>(index.getType()).getElementType();
    auto number = [&](int64_t value) {
      return k.broadcast(lane == k.i64Type
                             ? k.i64(value)
                             : k.i32(static_cast<int32_t>(value)));
    };
    index = k.minimum(k.maximum(index, number(0)), number(size - 1));
  }
  return asLanes(index, k.i32Type);
}

Value MapEmitter::emitLookup(attn::tile::LookupOp op) {
  auto map = cast<attn::tile::MapOp>(op->getParentOp());
  ArrayRef<int64_t> sizes = map.getTable().getType().getShape();
  Value columns = k.splatInt(static_cast<int32_t>(sizes[1]));
  Value place = k.add(k.mul(indexOf(op.getRow(), sizes[0]), columns),
                      indexOf(op.getColumn(), sizes[1]));
  // Distances beyond the last bucket are the most: all lanes look up one place.
  Value first = k.first(place);
  return k.choose(
      k.all(k.equal(place, k.broadcast(first))),
      [&] {
        Value offset =
            arith::ExtSIOp::create(k.builder(), k.loc(), k.i64Type, first);
        return k.broadcast(k.loadF32(k.at(table, offset)));
      },
      [&] { return k.gather(table, place); });
}

Value MapEmitter::emit(Operation &op) {
  if (isa<arith::ConstantOp>(op))
    return emitConstant(op);
  if (auto element = dyn_cast<attn::tile::LookupOp>(op))
    return emitLookup(element);
  auto types =
      llvm::concat<const Type>(op.getOperandTypes(), op.getResultTypes());
  if (llvm::any_of(types, isNumber))
    return emitInteger(op);
  SmallVector<Value> operands;
  for (Value operand : op.getOperands())
    operands.push_back(lookup(operand));
  // 16 bits stand in lanes as they do in memory.
  if (isa<arith::TruncFOp>(op))
    return narrow(k, op.getResult(0).getType(), operands[0]);
  if (isa<arith::ExtFOp>(op))
    return widen(k, op.getOperand(0).getType(), operands[0]);
  if (Value result = emitFunction(k, op, operands))
    return result;
  return create(op, operands, laneOf(op.getResult(0)));
}

void MapEmitter::emitUniform() {
  llvm::SmallDenseSet<Value> varying = {block.getArgument(0),
                                        block.getArgument(2)};
  for (Operation &op : block.without_terminator()) {
    auto isVarying = [&](Value operand) { return varying.contains(operand); };
    if (llvm::any_of(op.getOperands(), isVarying))
      varying.insert(op.getResult(0));
    else
      vectors[op.getResult(0)] = emit(op);
  }
}

Value MapEmitter::emitVarying() {
  for (Operation &op : block.without_terminator())
    if (!vectors.contains(op.getResult(0)))
      vectors[op.getResult(0)] = emit(op);
  return lookup(block.getTerminator()->getOperand(0));
}

func::FuncOp attn::cpu::emitMapRow(KernelBuilder &k, StringRef name,
                                   Region &body) {
  constexpr unsigned scoreArgument = 0, rowArgument = 1, columnArgument = 2,
                     headArgument = 3, positionArgument = 4;
  bool hasPosition = body.getNumArguments() > positionArgument;
  bool hasTable = readsTable(body);
  SmallVector<Type> types = {k.ptrType, k.ptrType, k.i64Type,
                             k.i64Type, k.i64Type, k.i64Type};
  if (hasPosition)
    types.push_back(k.i64Type);
  if (hasTable)
    types.push_back(k.ptrType);
  func::FuncOp function = k.begin(name, types, {}, /*local=*/true);
  int64_t lanes = k.getTarget().lanes;
  MapEmitter emitter(k, body);
  emitter.bind(rowArgument, k.broadcast(k.narrow(k.argument(3))));
  emitter.bind(headArgument, k.broadcast(k.narrow(k.argument(5))));
  if (hasPosition)
    emitter.bind(positionArgument, k.broadcast(k.narrow(k.argument(6))));
  if (hasTable)
    emitter.bindTable(k.argument(types.size() - 1));
  emitter.emitUniform();
  Value minusInfinity = k.splat(-std::numeric_limits<float>::infinity());
  auto step = [&](Value vector, ValueRange carried) {
    Value offset = k.mul(vector, lanes);
    Value place = k.at(k.argument(0), offset);
    emitter.bind(scoreArgument, k.load(place));
    emitter.bind(columnArgument, k.numbersFrom(k.add(k.argument(4), offset)));
    Value score = emitter.emitVarying();
    k.store(score, place);
    return SmallVector<Value>{k.maxf(score, carried[0])};
  };
  Value maximum =
      k.loop(k.i64(0), k.argument(2), 1, minusInfinity, step).front();
  k.store(maximum, k.argument(1));
  k.end();
  return function;
}
