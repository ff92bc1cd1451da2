//===- AttnTileRowOps.cpp - steps on rows of tensors ----------------------===//
//
// Verifiers, labelled with the constraints of the documentation.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn_tile/AttnTileOps.h"
#include "dialects/attn_tile/AttnTileSizesImpl.h"
#include "dialects/attn_tile/ViewLayout.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace attn::tile;

static Type elementOf(Value tile) {
  return cast<TileType>(tile.getType()).getElementType();
}

static LogicalResult checkElement(Operation *op, StringRef what, Value tile,
                                  Type expected) {
  if (elementOf(tile) == expected)
    return success();
  return op->emitOpError() << what << " has elements of type "
                           << elementOf(tile) << ", expected " << expected;
}

/// The tile holds the view's elements; floats of 16 bits as f32.
static LogicalResult checkStored(Operation *op, Value view, Value tile) {
  Type stored = cast<ViewType>(view.getType()).getElementType();
  bool isWidened = stored.isF16() || stored.isBF16();
  if (isWidened && elementOf(tile).isF32())
    return success();
  return checkElements(op, view, tile);
}

/// A tile of rows and a static number of columns; or of one value per row,
/// where the rows of the view have no more.
static LogicalResult checkBlock(Operation *op, Value tile, Value view) {
  if (rankOf(tile) == 2) {
    if (!ShapedType::isDynamic(sizeOf(tile, 1)))
      return success();
    return op->emitOpError("has a tile with a dynamic number of columns");
  }
  int64_t last = sizeOf(view, rankOf(view) - 1);
  if (last == 1)
    return success();
  return op->emitOpError() << "has a tile of one value per row for rows of "
                           << formatSize(last);
}

LogicalResult LoadRowsOp::verify() {
  // load_rows_c1
  if (failed(checkStored(*this, getView(), getTile())))
    return failure();
  // load_rows_c2
  return checkBlock(*this, getTile(), getView());
}

LogicalResult StoreRowsOp::verify() {
  // store_rows_c1
  if (failed(checkStored(*this, getView(), getTile())))
    return failure();
  // store_rows_c2
  if (failed(checkBlock(*this, getTile(), getView())))
    return failure();
  // store_rows_c3
  for (int64_t dim = 0; dim < rankOf(getView()); ++dim)
    if (sizeOf(getView(), dim) != 1 &&
        asNumber(strideExtent(getView(), dim)) == 0)
      return emitOpError() << "stores to a view that repeats its elements "
                              "along dimension "
                           << dim;
  return success();
}

LogicalResult CoordinatesOp::verify() {
  // coordinates_c1
  int64_t dimension = getDimension(), rank = rankOf(getView());
  if (dimension < 0 || dimension >= rank)
    return emitOpError() << "asks for dimension " << dimension
                         << " of a view of " << rank;
  if (failed(checkElement(*this, "tile", getTile(),
                          IntegerType::get(getContext(), 32))))
    return failure();
  // coordinates_c2
  if (rankOf(getTile()) == 1 || dimension == rank - 1)
    return success();
  return emitOpError() << "has a tile of columns for dimension " << dimension
                       << " of a view of " << rank;
}

LogicalResult FillOp::verify() {
  // fill_c1
  return checkElement(*this, "tile", getTile(), getValue().getType());
}

LogicalResult MapRowsOp::verify() {
  // map_rows_c1
  Block &block = getBody().front();
  auto yield = block.empty() ? YieldOp() : dyn_cast<YieldOp>(block.back());
  if (!yield)
    return emitOpError() << "region ends without 'attn_tile.yield'";
  if (!llvm::equal(block.getArgumentTypes(),
                   llvm::map_range(getTiles(), elementOf)))
    return emitOpError() << "region takes " << block.getArgumentTypes()
                         << ", expected the elements of the tiles";
  if (yield.getValue().getType() != elementOf(getResult()))
    return emitOpError() << "region yields " << yield.getValue().getType()
                         << ", expected " << elementOf(getResult());
  // map_rows_c2
  for (Value tile : getTiles()) {
    if (failed(checkSizes(*this, "rows of tile and result", sizeOf(tile, 0),
                          sizeOf(getResult(), 0))))
      return failure();
    if (rankOf(tile) == 1)
      continue;
    if (rankOf(getResult()) == 1)
      return emitOpError("has a tile with columns and a result without");
    if (failed(checkSizes(*this, "columns of tile and result", sizeOf(tile, 1),
                          sizeOf(getResult(), 1))))
      return failure();
  }
  return success();
}

LogicalResult SumRowsOp::verify() {
  // sum_rows_c1
  Type f32 = Float32Type::get(getContext());
  if (failed(checkElement(*this, "tile", getTile(), f32)) ||
      failed(checkElement(*this, "sum", getSum(), f32)))
    return failure();
  return checkSizes(*this, "rows of tile and sum", sizeOf(getTile(), 0),
                    sizeOf(getSum(), 0));
}

LogicalResult RotateOp::verify() {
  // rotate_c1
  if (failed(checkElement(*this, "position", getPosition(),
                          IntegerType::get(getContext(), 32))) ||
      failed(checkSizes(*this, "rows of tile and position",
                        sizeOf(getTile(), 0), sizeOf(getPosition(), 0))))
    return failure();
  // rotate_c2
  int64_t columns = sizeOf(getTile(), 1);
  auto frequencies = static_cast<int64_t>(getFrequencies().size());
  if (frequencies > 0 && 2 * frequencies <= columns)
    return success();
  return emitOpError() << "has " << frequencies << " frequencies for "
                       << formatSize(columns) << " columns";
}

LogicalResult MultiplyOp::verify() {
  // multiply_c1
  if (failed(checkSizes(*this, "rows of sum and rows", sizeOf(getSum(), 0),
                        sizeOf(getRows(), 0))))
    return failure();
  unsigned inner = getTransposed() ? 1 : 0;
  // multiply_c2
  if (failed(checkSizes(*this, "columns of rows and inner size of weight",
                        sizeOf(getRows(), 1), sizeOf(getWeight(), inner))))
    return failure();
  // multiply_c3
  return checkSizes(*this, "columns of sum and outer size of weight",
                    sizeOf(getSum(), 1), sizeOf(getWeight(), 1 - inner));
}

LogicalResult TensorMaskOp::verify() {
  // tensor_mask_c1
  Type element = getMask().getType().getElementType();
  if (element.isF32() || element.isF16() || element.isBF16() ||
      element.isInteger(1))
    return success();
  return emitOpError() << "mask has elements of type " << element
                       << ", expected i1, f32, f16 or bf16";
}
