//===- EmitIndices.cpp - sizes and ranges of a task -----------------------===//
//
// Index arithmetic of a tile program, in i64.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/TaskEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "runtime/attn_rt.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

bool TaskEmitter::emitIndexOp(Operation &op) {
  if (isa<arith::ArithDialect>(op.getDialect())) {
    emitArith(op);
    return true;
  }
  return llvm::TypeSwitch<Operation *, bool>(&op)
      .Case([&](tile::ParameterOp parameter) {
        int64_t number = 0;
        for (Operation *before = op.getPrevNode(); before;
             before = before->getPrevNode())
          number += isa<tile::ParameterOp>(before);
        Value row = k.loadPtr(frame, offsetof(attn_rt_frame, constants));
        Value place = k.atByte(row, k.i64(8 * number));
        bool isFloat = parameter.getResult().getType().isF32();
        scalars.map(parameter.getResult(),
                    isFloat ? k.loadF32(place) : k.loadI64(place, 0));
        return true;
      })
      .Case([&](tile::DimOp dim) {
        scalars.map(dim.getSize(), extentOf(dim.getView(), dim.getDimension()));
        return true;
      })
      .Case([&](tile::LengthOp length) { return emitLength(length), true; })
      .Case([&](tile::EntryOp entry) {
        scalars.map(entry.getValue(),
                    entryOf(entry.getView(), scalar(entry.getBatch())));
        return true;
      })
      .Case([&](tile::FirstKeyOp key) {
        scalars.map(key.getNumber(),
                    k.loadI64(frame, offsetof(attn_rt_frame, first_key)));
        return true;
      })
      .Case(
          [&](tile::MaxLengthOp length) { return emitMaxLength(length), true; })
      .Case([&](tile::SplitSizeOp size) { return emitSplitSize(size), true; })
      .Case([&](tile::DocumentsOp documents) {
        return emitDocuments(documents), true;
      })
      .Case(
          [&](tile::KeyRangesOp ranges) { return emitKeyRanges(ranges), true; })
      .Default(false);
}

/// The same operation on i64 in place of index.
void TaskEmitter::emitArith(Operation &op) {
  SmallVector<Value> operands;
  for (Value operand : op.getOperands())
    operands.push_back(scalar(operand));
  Value result = op.getResult(0);
  Type type = result.getType().isIndex() ? k.i64Type : result.getType();
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (auto integer = dyn_cast<IntegerAttr>(constant.getValue());
        integer && result.getType().isIndex()) {
      scalars.map(result, k.i64(integer.getInt()));
      return;
    }
  }
  if (isa<arith::CeilDivUIOp, arith::CeilDivSIOp>(op)) {
    Value sum = k.add(operands[0], k.sub(operands[1], k.i64(1)));
    scalars.map(result, k.div(sum, operands[1]));
    return;
  }
  OperationState state(k.loc(), op.getName(), operands, {type}, op.getAttrs());
  scalars.map(result, k.builder().create(state)->getResult(0));
}

//===----------------------------------------------------------------------===//
// Lengths
//===----------------------------------------------------------------------===//

Value TaskEmitter::widenI32(Value place) { return k.widen(k.loadI32(place)); }

/// view[batch] as i64.
Value TaskEmitter::entryOf(Value view, Value batch) {
  return widenI32(elementOf(view, batch));
}

/// lengths[batch], or the extent of the keys where there are no lengths.
Value TaskEmitter::lengthOf(Value key, Value lengths, Value batch) {
  Value extent = extentOf(key, 1);
  if (!lengths)
    return extent;
  OpBuilder &b = k.builder();
  auto choice = scf::IfOp::create(
      b, k.loc(), isAbsent(lengths),
      [&](OpBuilder &, Location) { scf::YieldOp::create(b, k.loc(), extent); },
      [&](OpBuilder &, Location) {
        scf::YieldOp::create(b, k.loc(), entryOf(lengths, batch));
      });
  return choice.getResult(0);
}

void TaskEmitter::emitLength(tile::LengthOp op) {
  scalars.map(op.getLength(),
              lengthOf(op.getKey(), op.getLengths(), scalar(op.getBatch())));
}

/// Whether these are the lengths that the runtime looks at before a call.
static bool areCallLengths(tile::ProgramOp program, Value lengths) {
  auto argument = dyn_cast_or_null<BlockArgument>(lengths);
  return argument && program.getLengths() == argument.getArgNumber();
}

/// The loop is empty where the runtime knows the longest: a task of a large
/// batch would spend more time on it than on its keys.
void TaskEmitter::emitMaxLength(tile::MaxLengthOp op) {
  auto body = [&](Value batch, ValueRange carried) {
    Value length = lengthOf(op.getKey(), op.getLengths(), batch);
    return SmallVector<Value>{k.maximum(carried[0], length)};
  };
  Value batches = extentOf(op.getKey(), 0), from = k.i64(0), first = k.i64(0);
  if (areCallLengths(program, op.getLengths())) {
    Value known = k.loadI64(frame, offsetof(attn_rt_frame, longest));
    Value isUnknown = k.less(known, k.i64(0));
    from = k.select(isUnknown, from, batches);
    first = k.select(isUnknown, first, known);
  }
  scalars.map(op.getLength(), k.loop(from, batches, 1, first, body).front());
}

void TaskEmitter::emitSplitSize(tile::SplitSizeOp op) {
  Value length = scalar(op.getLength());
  // Lengths are int32: at_least * 2^31 covers any of them.
  auto body = [&](Value, ValueRange carried) {
    Value size = carried[0];
    Value tooSmall = k.less(k.mul(size, op.getAtMost()), length);
    return SmallVector<Value>{k.select(tooSmall, k.mul(size, 2), size)};
  };
  scalars.map(
      op.getSize(),
      k.loop(k.i64(0), k.i64(31), 1, k.i64(op.getAtLeast()), body).front());
}

//===----------------------------------------------------------------------===//
// Ranges
//===----------------------------------------------------------------------===//

/// Searched once, for all blocks of keys.
void TaskEmitter::emitDocuments(tile::DocumentsOp op) {
  int64_t queries = shape.maxRows / shape.group;
  for (Value ends : op.getResults())
    packed[ends] = allocate(queries);
  Value first = op.getFirstKey() ? scalar(op.getFirstKey()) : k.i64(0);
  k.call(emitDocumentRuns(k),
         {elementOf(op.getView(), scalar(op.getBatch())),
          k.add(scalar(op.getPosition()), first), scalar(op.getCount()),
          k.add(scalar(op.getLength()), first), first,
          packed.lookup(op.getBegins()), packed.lookup(op.getEnds())});
}

template <typename OpT>
std::pair<Value, Value> TaskEmitter::visibleKeys(OpT op, Value query) {
  Value position = k.add(scalar(op.getPosition()), query);
  // p - left < j < p + right
  Value begin = k.add(k.sub(position, scalar(op.getLeft())), 1);
  Value end =
      k.minimum(scalar(op.getLength()), k.add(position, scalar(op.getRight())));
  // p - p mod chunk <= j
  Value standing = k.maximum(position, k.i64(0));
  begin = k.maximum(
      begin, op.getChunk()
                 ? k.sub(standing, k.rem(standing, scalar(op.getChunk())))
                 : k.i64(0));
  // j <= p or j < prefix
  if (op.getPrefix())
    end = k.minimum(end, k.maximum(k.add(position, 1), scalar(op.getPrefix())));
  // begins[q] <= j < ends[q]
  if (op.getBegins()) {
    auto entry = [&](Value tile) {
      return widenI32(k.at(packed.lookup(tile), query));
    };
    begin = k.maximum(begin, entry(op.getBegins()));
    end = k.minimum(end, entry(op.getEnds()));
  }
  return {begin, k.maximum(end, k.i64(0))};
}

template std::pair<Value, Value> TaskEmitter::visibleKeys(tile::MaskOp, Value);

void TaskEmitter::emitKeyRanges(tile::KeyRangesOp op) {
  int64_t block = op.getBlock();
  Value zero = k.i64(0), first = zero;
  Value last = k.sub(scalar(op.getCount()), k.i64(1));
  auto roundDown = [&](Value x) { return k.mul(k.div(x, block), block); };
  // Any query sees [begin(first), end(last)), all see [begin(last),
  // end(first)).
  auto [anyLo, allHi] = visibleKeys(op, first);
  auto [allLo, anyHi] = visibleKeys(op, last);
  Value lo = roundDown(anyLo);
  Value fullLo = roundDown(k.add(allLo, block - 1));
  Value fullHi = k.maximum(fullLo, roundDown(allHi));
  Value some = k.less(anyLo, anyHi);
  auto ifSome = [&](Value x) { return k.select(some, x, zero); };
  scalars.map(op.getLo(), ifSome(lo));
  scalars.map(op.getFullLo(), ifSome(fullLo));
  scalars.map(op.getFullHi(), ifSome(fullHi));
  scalars.map(op.getHi(), ifSome(anyHi));
}
