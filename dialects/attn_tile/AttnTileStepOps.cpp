//===- AttnTileStepOps.cpp - steps on sizes, keys and scores --------------===//
//
// Verifiers, labelled with the constraints of the documentation.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn_tile/AttnTileOps.h"
#include "dialects/attn_tile/AttnTileSizesImpl.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace attn::tile;

LogicalResult ParameterOp::verify() {
  // parameter_c1
  if (getValues().empty())
    return emitOpError() << "has no values";
  // parameter_c2
  Builder builder(getContext());
  Type expected = getResult().getType().isIndex() ? Type(builder.getI64Type())
                                                  : builder.getF64Type();
  for (Attribute value : getValues())
    if (auto typed = dyn_cast<TypedAttr>(value);
        !typed || typed.getType() != expected)
      return emitOpError() << "has the value " << value << ", expected an "
                           << expected;
  return success();
}

ArrayRef<int64_t> attn::tile::shapeOf(Value value) {
  if (auto tile = dyn_cast<TileType>(value.getType()))
    return tile.getShape();
  return cast<ViewType>(value.getType()).getShape();
}

int64_t attn::tile::rankOf(Value value) {
  return static_cast<int64_t>(shapeOf(value).size());
}

int64_t attn::tile::sizeOf(Value value, unsigned dimension) {
  return shapeOf(value)[dimension];
}

std::string attn::tile::formatSize(int64_t size) {
  return ShapedType::isDynamic(size) ? "?" : std::to_string(size);
}

LogicalResult attn::tile::checkSizes(Operation *op, StringRef what,
                                     int64_t left, int64_t right) {
  if (left == right)
    return success();
  return op->emitOpError() << what << " differ: " << formatSize(left) << " and "
                           << formatSize(right);
}

LogicalResult attn::tile::checkElements(Operation *op, Value left,
                                        Value right) {
  auto elementOf = [](Value value) {
    if (auto tile = dyn_cast<TileType>(value.getType()))
      return tile.getElementType();
    return cast<ViewType>(value.getType()).getElementType();
  };
  if (elementOf(left) == elementOf(right))
    return success();
  return op->emitOpError() << "has elements of type " << elementOf(left)
                           << " and " << elementOf(right);
}

/// A running state: maximum, denominator and sum have the same rows.
template <typename OpT>
static LogicalResult checkState(OpT op) {
  int64_t rows = sizeOf(op.getSum(), 0);
  if (failed(checkSizes(op, "rows of maximum and sum",
                        sizeOf(op.getMaximum(), 0), rows)))
    return failure();
  return checkSizes(op, "rows of denominator and sum",
                    sizeOf(op.getDenominator(), 0), rows);
}

/// `op` names one place of the workspace that made `states`.
template <typename OpT>
static LogicalResult checkPlace(OpT op) {
  auto workspace = op.getStates().template getDefiningOp<WorkspaceOp>();
  if (!workspace)
    return success();
  if (op.getIndices().size() != workspace.getExtents().size())
    return op.emitOpError()
           << "has " << op.getIndices().size() << " indices for "
           << workspace.getExtents().size() << " extents of the workspace";
  return checkSizes(op, "columns of sum and workspace", sizeOf(op.getSum(), 1),
                    workspace.getColumns());
}

LogicalResult WorkspaceOp::verify() {
  // workspace_c1
  if (getExtents().empty() || getExtents().size() > 4)
    return emitOpError() << "has " << getExtents().size()
                         << " extents, expected 1 to 4";
  return success();
}

LogicalResult DimOp::verify() {
  // dim_c1
  int64_t rank = getView().getType().getShape().size();
  int64_t dimension = getDimension();
  if (dimension >= 0 && dimension < rank)
    return success();
  return emitOpError() << "asks for dimension " << dimension << " of a view of "
                       << rank;
}

LogicalResult EntryOp::verify() {
  // entry_c1
  Type type = getView().getType().getElementType();
  if (type.isInteger(32))
    return success();
  return emitOpError() << "reads elements of type " << type << ", expected i32";
}

LogicalResult DocumentsOp::verify() {
  // documents_c1
  for (Type type : {getView().getType().getElementType(),
                    getBegins().getType().getElementType()})
    if (!type.isInteger(32))
      return emitOpError() << "has elements of type " << type
                           << ", expected i32";
  return success();
}

/// key_ranges_c1, mask_c1
template <typename OpT>
static LogicalResult checkDocuments(OpT op) {
  if (!op.getBegins() == !op.getEnds())
    return success();
  return op.emitOpError() << "has " << (op.getBegins() ? "begins" : "ends")
                          << " of documents alone, expected both ends";
}

LogicalResult KeyRangesOp::verify() { return checkDocuments(*this); }

LogicalResult MaskOp::verify() { return checkDocuments(*this); }

LogicalResult LoadQueriesOp::verify() {
  // load_queries_c1
  return checkSizes(*this, "columns of tile and view", sizeOf(getTile(), 1),
                    sizeOf(getView(), 3));
}

LogicalResult LoadKeysOp::verify() {
  // load_keys_c2
  if (getViews().empty())
    return emitOpError() << "has no view, expected at least one";
  // load_keys_c1
  if (ShapedType::isDynamic(sizeOf(getTile(), 0)))
    return emitOpError() << "loads a tile of dynamic rows, expected the "
                            "schedule's key_block";
  int64_t columns = 0;
  for (Value view : getViews()) {
    int64_t size = cast<ViewType>(view.getType()).getShape().back();
    if (ShapedType::isDynamic(size))
      return checkSizes(*this, "columns of tile and view", sizeOf(getTile(), 1),
                        size);
    columns += size;
  }
  return checkSizes(*this, "columns of tile and view", sizeOf(getTile(), 1),
                    columns);
}

LogicalResult ProjectOp::verify() {
  // project_c1
  if (failed(checkSizes(*this, "columns of tile and weight",
                        sizeOf(getTile(), 1), sizeOf(getWeight(), 1))))
    return failure();
  // project_c2
  if (failed(checkSizes(*this, "rows of tile and product", sizeOf(getTile(), 0),
                        sizeOf(getProduct(), 0))))
    return failure();
  return checkSizes(*this, "rows of weight and columns of product",
                    sizeOf(getWeight(), 0), sizeOf(getProduct(), 1));
}

LogicalResult JoinOp::verify() {
  // join_c1
  if (getTiles().size() < 2)
    return emitOpError() << "joins " << getTiles().size()
                         << " tiles, expected two or more";
  int64_t columns = 0;
  for (Value tile : getTiles()) {
    if (failed(checkSizes(*this, "rows of tile and result", sizeOf(tile, 0),
                          sizeOf(getResult(), 0))))
      return failure();
    columns += sizeOf(tile, 1);
  }
  // join_c2
  return checkSizes(*this, "columns of the tiles and of the result", columns,
                    sizeOf(getResult(), 1));
}

LogicalResult StoreOp::verify() {
  // store_c1
  size_t tileRank = getTile().getType().getShape().size();
  size_t viewRank = getView().getType().getShape().size();
  if (viewRank != tileRank + 2)
    return emitOpError() << "stores a tile of " << tileRank
                         << " dimensions to a view of " << viewRank
                         << ", expected " << tileRank + 2;
  if (tileRank == 1)
    return success();
  return checkSizes(*this, "columns of tile and view", sizeOf(getTile(), 1),
                    sizeOf(getView(), 3));
}

LogicalResult SaveStateOp::verify() {
  // save_state_c1, save_state_c2
  if (failed(checkPlace(*this)))
    return failure();
  // save_state_c3
  return checkState(*this);
}

LogicalResult LoadStateOp::verify() {
  // load_state_c1, load_state_c2
  if (failed(checkPlace(*this)))
    return failure();
  // load_state_c3
  return checkState(*this);
}

LogicalResult StartOp::verify() {
  // start_c1
  return checkState(*this);
}

LogicalResult ContractOp::verify() {
  // contract_c1
  if (failed(checkSizes(*this, "columns of query and key",
                        sizeOf(getQuery(), 1), sizeOf(getKey(), 1))))
    return failure();
  // contract_c2
  if (failed(checkSizes(*this, "rows of query and score", sizeOf(getQuery(), 0),
                        sizeOf(getScore(), 0))))
    return failure();
  return checkSizes(*this, "rows of key and columns of score",
                    sizeOf(getKey(), 0), sizeOf(getScore(), 1));
}

LogicalResult MapOp::verify() {
  // map_c1
  if (getBody().front().empty() ||
      !isa<attn::tile::YieldOp>(getBody().front().back()))
    return emitOpError() << "region ends without 'attn_tile.yield'";
  Builder builder(getContext());
  SmallVector<Type> expected(getPosition() ? 5 : 4, builder.getIndexType());
  expected[0] = builder.getF32Type();
  if (!llvm::equal(getBody().getArgumentTypes(), expected))
    return emitOpError()
           << "region takes " << getBody().getArgumentTypes()
           << ", expected (f32 score, index row, index column, index head"
           << (getPosition() ? ", index position)" : ")");
  Type yielded = getBody().front().back().getOperand(0).getType();
  if (!yielded.isF32())
    return emitOpError() << "region yields " << yielded << ", expected f32";
  return success();
}

LogicalResult LookupOp::verify() {
  // lookup_c1
  auto map = cast<MapOp>((*this)->getParentOp());
  if (map.getTable())
    return success();
  InFlightDiagnostic error = emitOpError() << "reads a table";
  error.attachNote(map.getLoc()) << "this attn_tile.map has no operand 'table'";
  return error;
}

LogicalResult SoftmaxStepOp::verify() {
  // softmax_step_c1
  return checkSizes(*this, "rows of score and maximum", sizeOf(getScore(), 0),
                    sizeOf(getMaximum(), 0));
}

LogicalResult AccumulateOp::verify() {
  int64_t rows = sizeOf(getSum(), 0);
  // accumulate_c1
  if (failed(checkSizes(*this, "rows of alpha and sum", sizeOf(getAlpha(), 0),
                        rows)) ||
      failed(checkSizes(*this, "rows of weight and sum", sizeOf(getWeight(), 0),
                        rows)))
    return failure();
  // accumulate_c2
  if (failed(checkSizes(*this, "columns of weight and rows of value",
                        sizeOf(getWeight(), 1), sizeOf(getValue(), 0))))
    return failure();
  // accumulate_c3
  return checkSizes(*this, "columns of sum and value", sizeOf(getSum(), 1),
                    sizeOf(getValue(), 1));
}

LogicalResult MergeOp::verify() {
  // merge_c1
  return checkState(*this);
}

LogicalResult FinishOp::verify() {
  // finish_c1
  return checkState(*this);
}
