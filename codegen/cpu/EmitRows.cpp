//===- EmitRows.cpp - the steps of a graph, row by row --------------------===//
//
// All steps on a row run before the next row comes, so that what lies between
// them stays in the first-level cache; the last one writes to the tensor.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/TaskEmitter.h"

#include "dialects/attn_tile/ViewLayout.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

static Type elementType(Value tile) {
  return cast<tile::TileType>(tile.getType()).getElementType();
}

static bool hasColumns(Value tile) {
  return cast<tile::TileType>(tile.getType()).getShape().size() == 2;
}

/// Steps on the same rows, and what is known of the current row.
struct TaskEmitter::RowGroup {
  SmallVector<Operation *> ops;
  Value count;
  /// Columns within the tensors; the row within the task.
  Value columns, row;
  llvm::DenseMap<Operation *, RowAddress> addresses;
  /// Scratch of one row, by tile.
  llvm::DenseMap<Value, Value> rooms;
  llvm::DenseMap<Value, RowValue> rows;
  /// Stores that the step before has done.
  llvm::DenseSet<Operation *> done;
  /// What is kept of a row at the end, and where; null if nothing is.
  Value kept, room;
};

static Value rowCountOf(Operation &op) {
  auto store = dyn_cast<tile::StoreRowsOp>(op);
  return store ? store.getCount() : countOf(op.getResult(0));
}

/// The others of a block: steps on queries are those of `emitQueryRows`.
void TaskEmitter::emitRowOps(Block &block) {
  llvm::MapVector<Value, RowGroup> groups;
  llvm::DenseSet<Value> queries;
  for (Operation &op : block) {
    if (!isRowOp(op))
      continue;
    groups[rowCountOf(op)].ops.push_back(&op);
    if (isQueryStep(op))
      queries.insert(rowCountOf(op));
  }
  for (auto &[count, group] : groups) {
    if (queries.contains(count))
      continue;
    group.count = scalar(count);
    emitRowGroup(group);
  }
}

/// Queries that steps were done to, gathered as attn_tile.load_queries does.
void TaskEmitter::emitQueryRows(Operation &last) {
  RowGroup group;
  group.kept = last.getResult(0);
  Value count = countOf(group.kept);
  for (Operation &op : *last.getBlock())
    if (isRowOp(op) && rowCountOf(op) == count)
      group.ops.push_back(&op);
  int64_t rows = KernelShape::roundUp(shape.maxRows, k.getTarget().rowBlock());
  group.room = allocate(rows * shape.kernel.queryStride());
  group.count = scalar(count);
  packed[group.kept] = group.room;
  emitRowGroup(group);
}

/// Everything that does not change from row to row comes before the loop.
void TaskEmitter::emitRowGroup(RowGroup &group) {
  group.columns = k.i64(1);
  for (Operation *op : group.ops) {
    auto load = dyn_cast<tile::LoadRowsOp>(op);
    auto store = dyn_cast<tile::StoreRowsOp>(op);
    if (!load && !store)
      continue;
    Value view = load ? load.getView() : store.getView();
    Value tile = load ? load.getTile() : store.getTile();
    group.addresses[op] = addressOf(view);
    if (!hasColumns(tile))
      continue;
    ArrayRef<int64_t> shape = cast<tile::ViewType>(view.getType()).getShape();
    Value left = k.sub(extentOf(view, static_cast<int64_t>(shape.size()) - 1),
                       scalar(load ? load.getColumn() : store.getColumn()));
    int64_t width = cast<tile::TileType>(tile.getType()).getShape()[1];
    group.columns = k.minimum(k.i64(width), left);
  }
  k.loop(k.i64(0), group.count, 1, [&](Value row) {
    group.row = row;
    group.rows.clear();
    for (Operation *op : group.ops)
      emitRowOp(*op, group);
    if (group.kept)
      keepRow(group);
  });
}

void TaskEmitter::keepRow(RowGroup &group) {
  int64_t stride = shape.kernel.queryStride();
  RowValue row = rowOf(group.kept, group);
  Value from = memoryOf(row, group.kept, group);
  k.call(emitCopyRow(k, shape.kernel.headDim, stride, row.element, k.f32Type),
         {from, k.at(group.room, k.mul(group.row, stride))});
}

void TaskEmitter::emitRowOp(Operation &op, RowGroup &group) {
  llvm::TypeSwitch<Operation *>(&op)
      .Case([&](tile::LoadRowsOp x) {
        group.rows[x.getTile()] = emitLoadRow(x, group);
      })
      .Case([&](tile::CoordinatesOp x) {
        group.rows[x.getTile()] = emitCoordinate(x, group);
      })
      .Case([&](tile::FillOp x) {
        group.rows[x.getTile()] = {RowValue::Kind::Scalar,
                                   elementType(x.getTile()),
                                   scalar(x.getValue())};
      })
      .Case([&](tile::MapRowsOp x) {
        group.rows[x.getResult()] = emitMapRows(x, group);
      })
      .Case([&](tile::SumRowsOp x) {
        RowValue row = rowOf(x.getTile(), group);
        Value memory = memoryOf(row, x.getTile(), group);
        Value sum = k.call(emitSumRow(k, row.element), {memory, group.columns});
        group.rows[x.getSum()] = {RowValue::Kind::Scalar, k.f32Type, sum};
      })
      .Case([&](tile::RotateOp x) {
        group.rows[x.getResult()] = emitRotate(x, group);
      })
      .Case([&](tile::StoreRowsOp x) { emitStoreRow(x, group); });
}

//===----------------------------------------------------------------------===//
// Places of a row
//===----------------------------------------------------------------------===//

/// Scratch for one row of a tile, the same for all rows.
Value TaskEmitter::rowRoom(Value tile, RowGroup &group) {
  Value &room = group.rooms[tile];
  int64_t width = cast<tile::TileType>(tile.getType()).getShape()[1];
  if (!room)
    room = allocate((width * bytesOf(elementType(tile)) + 3) / 4);
  return room;
}

RowValue TaskEmitter::rowOf(Value tile, RowGroup &group) {
  if (!isProductSum(tile))
    return group.rows.lookup(tile);
  const SumPlace &sum = sums[sumNumbers.lookup(tile)];
  return {RowValue::Kind::Memory, k.f32Type,
          k.at(sum.base, k.mul(group.row, sum.stride))};
}

/// The row as elements that follow each other.
Value TaskEmitter::memoryOf(const RowValue &row, Value tile, RowGroup &group) {
  if (row.kind == RowValue::Kind::Memory)
    return row.value;
  Value room = rowRoom(tile, group);
  k.call(emitFillRow(k, row.element), {row.value, room, group.columns});
  return room;
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

RowValue TaskEmitter::emitLoadRow(tile::LoadRowsOp op, RowGroup &group) {
  const RowAddress &address = group.addresses[op];
  Value row = k.add(scalar(op.getRow()), group.row);
  Value place = rowAt(address, row, scalar(op.getColumn()));
  Type element = elementType(op.getTile()), stored = storedType(op.getView());
  auto last =
      static_cast<int64_t>(op.getView().getType().getShape().size()) - 1;
  bool isRepeated = tile::asNumber(tile::strideExtent(op.getView(), last)) == 0;
  if (!hasColumns(op.getTile()) || isRepeated)
    return {RowValue::Kind::Scalar, element, loadElement(k, stored, place)};
  if (tile::hasPackedRows(op.getView()))
    return {RowValue::Kind::Memory, stored, place};
  Value room = rowRoom(op.getTile(), group);
  k.call(emitCopyStrided(k, stored, element),
         {place, address.columnStride, room, k.i64(1), group.columns});
  return {RowValue::Kind::Memory, element, room};
}

void TaskEmitter::emitStoreRow(tile::StoreRowsOp op, RowGroup &group) {
  if (group.done.contains(op))
    return;
  const RowAddress &address = group.addresses[op];
  Value number = k.add(scalar(op.getRow()), group.row);
  RowValue row = rowOf(op.getTile(), group);
  if (address.cache)
    return emitAppendRow(op, number, row, group);
  Value to = rowAt(address, number, scalar(op.getColumn()));
  if (!hasColumns(op.getTile()))
    return storeElement(k, storedType(op.getView()), row.value, to);
  Value from = memoryOf(row, op.getTile(), group);
  k.call(emitCopyStrided(k, row.element, storedType(op.getView())),
         {from, k.i64(1), to, address.columnStride, group.columns});
}

/// A row of a cache goes where the caller wants it, if anywhere.
void TaskEmitter::emitAppendRow(tile::StoreRowsOp op, Value number,
                                const RowValue &row, RowGroup &group) {
  const RowAddress &address = group.addresses[op];
  SmallVector<Value> indices = indicesOf(address, number);
  Value batch = indices.pop_back_val(), place = indices.pop_back_val();
  Value offset = slotOfRow(address.cache, batch, place);
  Value from = memoryOf(row, op.getTile(), group);
  k.when(
      k.equal(offset, k.i64(kNoCacheSlot)), [] {},
      [&] {
        Value to =
            moveBy(op.getView(),
                   columnAt(address, indices, scalar(op.getColumn())), offset);
        k.call(emitCopyStrided(k, row.element, storedType(op.getView())),
               {from, k.i64(1), to, address.columnStride, group.columns});
      });
}

/// The index of a row along a dimension: of its number, what the faster
/// dimensions leave.
RowValue TaskEmitter::emitCoordinate(tile::CoordinatesOp op, RowGroup &group) {
  Value view = op.getView();
  auto last =
      static_cast<int64_t>(op.getView().getType().getShape().size()) - 1;
  auto dimension = static_cast<int64_t>(op.getDimension());
  auto narrow = [&](Value value) -> Value {
    return arith::TruncIOp::create(k.builder(), k.loc(), k.i32Type, value);
  };
  if (dimension == last)
    return {hasColumns(op.getTile()) ? RowValue::Kind::Columns
                                     : RowValue::Kind::Scalar,
            k.i32Type, narrow(scalar(op.getColumn()))};
  Value index = k.add(scalar(op.getRow()), group.row);
  for (int64_t dim = last - 1; dim > dimension; --dim)
    index = k.div(index, extentOf(view, dim));
  if (dimension > 0)
    index = k.rem(index, extentOf(view, dimension));
  return {RowValue::Kind::Scalar, k.i32Type, narrow(index)};
}

/// The tensor's row that the only user of `tile` stores it to, if its elements
/// follow each other there.
static tile::StoreRowsOp packedStoreOf(Value tile) {
  if (!tile.hasOneUse())
    return nullptr;
  auto store = dyn_cast<tile::StoreRowsOp>(*tile.user_begin());
  return store && tile::hasPackedRows(store.getView()) &&
                 !tile::cacheOf(store.getView())
             ? store
             : nullptr;
}

RowValue TaskEmitter::emitMapRows(tile::MapRowsOp op, RowGroup &group) {
  SmallVector<RowValue> operands;
  for (Value tile : op.getTiles())
    operands.push_back(rowOf(tile, group));
  Value result = op.getResult();
  Block &body = op.getBody().front();
  if (!hasColumns(result))
    return {RowValue::Kind::Scalar, elementType(result),
            emitMapScalars(k, body, operands)};
  Value to;
  Type stored = elementType(result);
  if (tile::StoreRowsOp store = packedStoreOf(result)) {
    stored = storedType(store.getView());
    to = rowAt(group.addresses[store], k.add(scalar(store.getRow()), group.row),
               scalar(store.getColumn()));
    group.done.insert(store);
  } else {
    to = rowRoom(result, group);
  }
  std::string name = (program.getSymName() + "_map" + Twine(mapCount++)).str();
  SmallVector<Value> arguments;
  for (const RowValue &operand : operands)
    arguments.push_back(operand.value);
  arguments.append({to, group.columns});
  k.call(emitMapElements(k, name, body, operands, stored), arguments);
  return {RowValue::Kind::Memory, stored, to};
}

RowValue TaskEmitter::emitRotate(tile::RotateOp op, RowGroup &group) {
  RowValue row = rowOf(op.getTile(), group);
  Value from = memoryOf(row, op.getTile(), group);
  Value to = rowRoom(op.getResult(), group);
  k.call(emitRotateRow(k, op, row.element),
         {from, to, rowOf(op.getPosition(), group).value});
  return {RowValue::Kind::Memory, k.f32Type, to};
}
