//===- EmitProjections.cpp - keys and values made of stored rows ----------===//
//
// A task packs its head's weights once. The rows of a block are gathered, then
// multiplied as a product's are, and what comes out is packed as keys and
// values that a cache holds.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/TaskEmitter.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {
/// Steps of the inner dimension that the microkernels take at once: from
/// `first` on, and with the zeros that fill the last one up.
struct InnerBlock {
  int64_t first, size, steps;
};
} // namespace

static int64_t widthOf(Value tile) {
  return cast<tile::TileType>(tile.getType()).getShape()[1];
}

/// As many as a panel of weights has room for in the first-level cache. All but
/// the last are whole, so a block's part of a buffer begins at `first`.
static SmallVector<InnerBlock> innerBlocks(int64_t inner,
                                           const CpuTarget &target) {
  int64_t most = 2 * target.sizes.keyBlock;
  SmallVector<InnerBlock> blocks;
  for (int64_t first = 0; first < inner; first += most) {
    int64_t size = std::min(most, inner - first);
    blocks.push_back({first, size, KernelShape::roundUp(size, target.unroll)});
  }
  return blocks;
}

/// The weights of one head in panels, for all blocks of keys; products of
/// graphs load their own.
void TaskEmitter::emitLoadWeight(tile::LoadRowsOp op) {
  if (!llvm::any_of(op->getUsers(), llvm::IsaPred<tile::ProjectOp>))
    return;
  const CpuTarget &target = k.getTarget();
  ArrayRef<int64_t> size = op.getTile().getType().getShape();
  int64_t stride = KernelShape::roundUp(size[0], target.panel());
  Value buffer = packed[op.getTile()] =
      allocate(stride * KernelShape::roundUp(size[1], target.unroll));
  auto rank = static_cast<int64_t>(op.getView().getType().getShape().size());
  Value rowStride = strideOf(op.getView(), rank - 2);
  Type stored = storedType(op.getView());
  RowAddress address = addressOf(op.getView());
  for (const InnerBlock &block : innerBlocks(size[1], target)) {
    KernelShape kernel(target, block.size, size[0], block.steps);
    Value from = rowAt(address, scalar(op.getRow()), k.i64(block.first));
    k.call(emitPackKeys(k, kernel, 0, block.size, stored),
           {from, rowStride, k.at(buffer, stride * block.first),
            scalar(op.getCount())});
  }
}

/// The valid rows of a block as f32, inner block by inner block.
void TaskEmitter::gatherRows(tile::LoadKeysOp op, const KeyPlace &place) {
  const CpuTarget &target = k.getTarget();
  int64_t inner = widthOf(op.getTile()), rows = blockRows();
  Value buffer = projectedRows[op.getTile()] =
      allocate(rows * KernelShape::roundUp(inner, target.unroll));
  Type stored = storedType(op.getViews().front());
  Value count = keyCount(op);
  for (const InnerBlock &block : innerBlocks(inner, target)) {
    auto gather = emitGatherRow(k, block.size, block.steps, stored);
    Value room = k.at(buffer, rows * block.first);
    k.loop(k.i64(0), count, 1, [&](Value row) {
      Value column = k.add(k.mul(row, place.stride), block.first);
      k.call(gather, {elementAt(k, stored, place.first, column),
                      k.at(room, k.mul(row, block.steps))});
    });
  }
}

/// Rows of a block of keys, whole row blocks.
int64_t TaskEmitter::blockRows() const {
  return KernelShape::roundUp(shape.kernel.keyBlock, k.getTarget().rowBlock());
}

/// The product of a block's rows, in scratch, and packed for what reads it.
void TaskEmitter::emitProject(tile::ProjectOp op) {
  const CpuTarget &target = k.getTarget();
  int64_t columns = widthOf(op.getProduct()), most = blockRows();
  int64_t stride = KernelShape::roundUp(columns, target.panel());
  Value sum = allocate(most * stride), ones = allocate(target.slot());
  blockPlaces[op.getProduct()] = {sum, k.i64(stride)};
  for (int64_t i = 0; i < target.slot(); i += target.lanes)
    k.store(k.splat(1.0f), k.at(ones, i));
  k.loop(k.i64(0), k.i64(most * stride), target.lanes,
         [&](Value i) { k.store(k.splat(0.0f), k.at(sum, i)); });
  Value rows = projectedRows.lookup(op.getTile());
  Value weight = packed.lookup(op.getWeight());
  Value count = keyCount(op.getTile().getDefiningOp<tile::LoadKeysOp>());
  for (const InnerBlock &block : innerBlocks(widthOf(op.getTile()), target)) {
    KernelShape kernel(target, block.size, columns, block.steps);
    Value left = k.at(rows, most * block.first);
    Value right = k.at(weight, stride * block.first);
    k.loop(k.i64(0), count, target.rowBlock(), [&](Value row) {
      callVariant(emitAccumulate, kernel, most,
                  k.minimum(k.i64(target.rowBlock()), k.sub(count, row)),
                  {k.at(left, k.mul(row, block.steps)), right,
                   k.at(sum, k.mul(row, stride)), ones, k.i64(block.steps)});
    });
  }
  packProduct(op);
}

/// A part of keys waits for the others.
void TaskEmitter::packProduct(tile::ProjectOp op) {
  const KernelShape &kernel = shape.kernel;
  Value product = op.getProduct();
  auto isReadBy = [&](auto isUser) {
    return llvm::any_of(op->getUsers(), isUser);
  };
  if (isReadBy(llvm::IsaPred<tile::ContractOp>)) {
    packed[product] = allocate(kernel.packedKeys());
    packColumns(product, packed[product], 0);
  }
  if (!isReadBy(llvm::IsaPred<tile::AccumulateOp>))
    return;
  auto [first, stride] = blockPlaces.lookup(product);
  Value buffer = packedValues[product] = allocate(kernel.packedValues());
  Value count = keyCount(op.getTile().getDefiningOp<tile::LoadKeysOp>());
  finite[product] = k.call(emitPackValues(k, kernel, k.f32Type),
                           {first, stride, buffer, count});
}

/// The columns of the block `tile` among those of packed keys, from `column`
/// on.
void TaskEmitter::packColumns(Value tile, Value buffer, int64_t column) {
  auto [first, stride] = blockPlaces.lookup(tile);
  auto project = tile.getDefiningOp<tile::ProjectOp>();
  auto load =
      (project ? project.getTile() : tile).getDefiningOp<tile::LoadKeysOp>();
  Type stored = project ? k.f32Type : storedType(load.getViews().front());
  int64_t end = column + widthOf(tile);
  k.call(emitPackKeys(k, shape.kernel, column, end, stored),
         {first, stride, k.at(buffer, column * shape.kernel.panel),
          keyCount(load)});
}

void TaskEmitter::emitJoin(tile::JoinOp op) {
  Value buffer = packed[op.getResult()] = allocate(shape.kernel.packedKeys());
  int64_t column = 0;
  for (Value tile : op.getTiles()) {
    packColumns(tile, buffer, column);
    column += widthOf(tile);
  }
}
