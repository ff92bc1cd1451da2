//===- EmitCaches.cpp - blocks of keys, and appended rows -----------------===//
//
// A block of keys or values is read where the caller keeps it, if its rows
// follow each other there, or page by page; else from a copy.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/TaskEmitter.h"

#include "dialects/attn_tile/ViewLayout.h"
#include "runtime/attn_rt.h"

#include <cstddef>

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

static int64_t widthOf(Value view) {
  return cast<tile::ViewType>(view.getType()).getShape().back();
}

/// Where key `row` begins in a view of the load; one of three dimensions has no
/// heads.
Value TaskEmitter::rowOf(tile::LoadKeysOp op, unsigned part, Value row) {
  Value view = op.getViews()[part], batch = scalar(op.getBatch());
  bool hasHeads = cast<tile::ViewType>(view.getType()).getShape().size() == 4;
  BlockArgument cache = tile::cacheOf(view);
  if (!cache) {
    SmallVector<Value> indices = {batch, row};
    if (hasHeads)
      indices.push_back(scalar(op.getKvHead()));
    return elementOf(view, indices);
  }
  Value offset = k.call(emitCacheRow(k), {viewField(cache, 0), batch, row});
  if (hasHeads)
    offset = k.add(offset, k.mul(scalar(op.getKvHead()), strideOf(view, 2)));
  return moveBy(view, dataOf(view), offset);
}

/// Valid keys of the block.
Value TaskEmitter::keyCount(tile::LoadKeysOp op) {
  Value left = k.sub(scalar(op.getLength()), scalar(op.getFirst()));
  return k.minimum(k.i64(shape.kernel.keyBlock), k.maximum(left, k.i64(0)));
}

/// Rows of a cache's page.
Value TaskEmitter::pageRows(BlockArgument cache) {
  return k.loadI64(viewField(cache, offsetof(attn_rt_view, page_rows)), 0);
}

/// Scratch for a copy of the block's rows.
Value TaskEmitter::allocateCopy(tile::LoadKeysOp op, unsigned part) {
  Value view = op.getViews()[part];
  int64_t bytes =
      shape.kernel.keyBlock * widthOf(view) * bytesOf(storedType(view));
  return allocate((bytes + 3) / 4);
}

/// Copies the block's rows of a cache to `room`, page by page.
KeyPlace TaskEmitter::copyKeys(tile::LoadKeysOp op, unsigned part, Value room) {
  Value view = op.getViews()[part], first = scalar(op.getFirst());
  int64_t width = widthOf(view);
  Type stored = storedType(view);
  auto copy = emitCopyRows(k, width * bytesOf(stored));
  Value stride = k.mul(strideOf(view, 1), bytesOf(stored));
  Value end = k.add(first, keyCount(op)), rows = pageRows(tile::cacheOf(view));
  Value lastPage = k.div(k.sub(end, k.i64(1)), rows);
  // The same part of the next block, but no page behind the last key's.
  Value lastKey = k.sub(scalar(op.getLength()), k.i64(1));
  k.loop(k.div(first, rows), k.add(lastPage, 1), 1, [&](Value page) {
    Value from = k.maximum(first, k.mul(page, rows));
    Value to = k.minimum(end, k.mul(k.add(page, 1), rows));
    Value place = k.mul(k.sub(from, first), width);
    Value next = k.minimum(k.add(from, shape.kernel.keyBlock), lastKey);
    k.call(copy,
           {rowOf(op, part, from), stride, elementAt(k, stored, room, place),
            k.sub(to, from), rowOf(op, part, next)});
  });
  return {room, k.i64(width)};
}

/// The block's rows of a view: a copy in `room` if `isCopied`, an i1, else
/// where they are.
KeyPlace TaskEmitter::placeOfKeys(tile::LoadKeysOp op, unsigned part,
                                  Value room, Value isCopied) {
  auto copied = [&]() -> SmallVector<Value> {
    KeyPlace copy = copyKeys(op, part, room);
    return {copy.first, copy.stride};
  };
  auto inPlace = [&]() -> SmallVector<Value> {
    return {rowOf(op, part, scalar(op.getFirst())),
            strideOf(op.getViews()[part], 1)};
  };
  SmallVector<Value> place =
      k.choose(isCopied, {k.ptrType, k.i64Type}, copied, inPlace);
  return {place[0], place[1]};
}

/// Whether the block's rows of a cache stand on several pages.
Value TaskEmitter::crossesPages(tile::LoadKeysOp op, BlockArgument cache) {
  Value first = scalar(op.getFirst());
  Value run = k.call(emitCacheRun(k), {viewField(cache, 0), first});
  return k.less(run, keyCount(op));
}

/// Where the block's rows of a view begin, and the stride between them.
KeyPlace TaskEmitter::keysOf(tile::LoadKeysOp op, unsigned part) {
  Value view = op.getViews()[part];
  if (BlockArgument cache = tile::cacheOf(view)) {
    Value room = allocateCopy(op, part);
    return placeOfKeys(op, part, room, crossesPages(op, cache));
  }
  return {rowOf(op, part, scalar(op.getFirst())), strideOf(view, 1)};
}

/// Asks for the rows [begin, end) of the next block, as far as there are such.
void TaskEmitter::prefetchKeys(tile::LoadKeysOp op, Value begin, Value end) {
  Value next = k.add(scalar(op.getFirst()), shape.kernel.keyBlock);
  Value last = k.minimum(k.add(next, end), scalar(op.getLength()));
  for (auto [part, view] : llvm::enumerate(op.getViews())) {
    Type stored = storedType(view);
    k.loop(k.add(next, begin), last, 1, [&](Value key) {
      Value row = rowOf(op, part, key);
      for (int64_t i = 0; i < widthOf(view); i += elementsOfLine(stored))
        k.prefetch(elementAt(k, stored, row, i));
    });
  }
}

/// A block that is keys and values at once is packed in both forms; one that
/// others are made of is gathered once for all of them.
void TaskEmitter::emitLoadKeys(tile::LoadKeysOp op) {
  if (isStreamed()) {
    streamed[op.getTile()] = streamedBlock(op);
    return;
  }
  SmallVector<KeyPlace> places;
  for (unsigned part = 0; part < op.getViews().size(); ++part)
    places.push_back(keysOf(op, part));
  for (Operation *user : op.getTile().getUsers()) {
    if (isa<tile::ContractOp, tile::AccumulateOp>(user))
      packBlock(op, places, isa<tile::ContractOp>(user));
    else if (!isa<tile::ProjectOp>(user))
      blockPlaces[op.getTile()] = places.front();
    else if (!projectedRows.contains(op.getTile()))
      gatherRows(op, places.front());
  }
}

/// Packs a block of keys or values.
void TaskEmitter::packBlock(tile::LoadKeysOp op, ArrayRef<KeyPlace> places,
                            bool isKey) {
  const KernelShape &kernel = shape.kernel;
  Value buffer = allocate(isKey ? kernel.packedKeys() : kernel.packedValues());
  (isKey ? packed : packedValues)[op.getTile()] = buffer;
  Value count = keyCount(op);
  int64_t column = 0;
  for (auto [part, view] : llvm::enumerate(op.getViews())) {
    SmallVector<Value> arguments = {places[part].first, places[part].stride,
                                    k.at(buffer, column * kernel.panel), count};
    int64_t end = column + widthOf(view);
    Type stored = storedType(view);
    if (isKey)
      k.call(emitPackKeys(k, kernel, column, end, stored), arguments);
    else
      finite[op.getTile()] =
          k.call(emitPackValues(k, kernel, stored), arguments);
    column = end;
  }
}

//===----------------------------------------------------------------------===//
// Appended rows
//===----------------------------------------------------------------------===//

/// The number of a cache's row among the rows that the call appends to the
/// sequence.
Value TaskEmitter::appendedRow(BlockArgument cache, Value batch, Value row) {
  auto arguments = program.getBody().getArguments();
  std::optional<int64_t> index = program.getLengths();
  Value lengths = index ? Value(arguments[*index]) : Value(), rows;
  if (auto found = program.findAxis(tile::Axis::QueryLength))
    rows = extentOf(arguments[found->first], found->second);
  assert(rows && "a call that appends has rows");
  return k.add(k.sub(row, lengthOf(cache, lengths, batch)), rows);
}

/// Elements from the cache's first to those of an appended row, or
/// kNoCacheSlot.
Value TaskEmitter::slotOfRow(BlockArgument cache, Value batch, Value row) {
  return k.call(emitCacheSlot(k), {viewField(cache, 0), batch, row,
                                   appendedRow(cache, batch, row)});
}
