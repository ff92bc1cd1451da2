//===- GraphRowPhases.cpp - what a graph does row by row ------------------===//
//
// Elementwise operations, norms and rotations as phases over blocks of rows. An
// operation that only one other reads is computed in the other's phase.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn_tile/ViewLayout.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/GraphElements.h"
#include "passes/GraphProgramBuilder.h"
#include "passes/TensorTypes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

/// Columns of a tile where a row need not be whole.
static constexpr int64_t kMostColumns = 1024, kDynamicColumns = 256;

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

/// A grid over blocks of rows and, where a row is long, of columns.
void GraphProgramBuilder::buildRowPhase(StringRef name,
                                        ArrayRef<GraphSize> shape,
                                        bool wholeRows,
                                        function_ref<void(RowBlock &)> body) {
  const GraphSize &last = shape.back();
  RowBlock block;
  block.shape.assign(shape.begin(), shape.end());
  block.width = !last.isStatic() ? kDynamicColumns
                : wholeRows      ? last.factor
                                 : std::min(last.factor, kMostColumns);
  // About as many elements as a block of keys has scores.
  int64_t keyBlock = schedule.getKeyBlock();
  int64_t most = std::max<int64_t>(1, keyBlock * keyBlock / block.width);
  OpBuilder::InsertionGuard guard(b);
  enterPrologue();
  Value rows = rowsOf(shape), columns = sizeValue(last);
  SmallVector<Value> extents = {
      make<arith::CeilDivUIOp>("row_blocks", rows, constant(most)),
      make<arith::CeilDivUIOp>("column_blocks", columns,
                               constant(block.width))};
  SmallVector<StringRef> points = {"row_block", "column_block"};
  if (last.isStatic() && last.factor <= block.width) {
    extents.pop_back();
    points.pop_back();
  }
  Block *task = openPhase(name, extents, points);
  block.row = make<arith::MulIOp>("row", task->getArgument(0), constant(most));
  block.count = make<arith::MinSIOp>("count", constant(most),
                                     make<arith::SubIOp>("", rows, block.row));
  block.column = task->getNumArguments() == 1
                     ? constant(0)
                     : make<arith::MulIOp>("column", task->getArgument(1),
                                           constant(block.width));
  body(block);
}

void GraphProgramBuilder::copy(Value from, Value to) {
  buildRowPhase("copy", shapeOfView(to), /*wholeRows=*/false,
                [&](RowBlock &block) { store(load(from, block), to, block); });
}

/// They come first: a phase is written in one go.
void GraphProgramBuilder::computeOperands(Operation *op) {
  SmallVector<Value> pending(op->getOperands());
  while (!pending.empty()) {
    Value operand = pending.pop_back_val();
    Operation *producer = operand.getDefiningOp();
    if (producer && deferred.contains(producer))
      pending.append(producer->operand_begin(), producer->operand_end());
    else
      viewOf(operand);
  }
}

/// The phase of an operation and those that were put off for it.
void GraphProgramBuilder::buildRows(Operation *op) {
  Value result = op->getResult(0);
  if (Operation *product = heldProduct(op))
    return buildProduct(product, result);
  if (auto sum = dyn_cast<SumOp>(op))
    return buildSum(sum);
  computeOperands(op);
  Value destination = destinationOf(result);
  buildRowPhase(op->getName().stripDialect(), sizes.sizesOf(result),
                takesRows(op), [&](RowBlock &block) {
                  block.source = destination;
                  store(computeTile(op, block), destination, block);
                });
  views[result] = destination;
}

/// The sum of a row, which is the dimension that the sum is along.
void GraphProgramBuilder::buildSum(SumOp sum) {
  auto permutation = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(sum)));
  std::swap(permutation[sum.getDim()], permutation.back());
  Value input = permute(viewOf(sum.getInput()), permutation);
  Value destination = destinationOf(sum.getResult());
  Value column = permute(destination, permutation);
  buildRowPhase(
      "sum", shapeOfView(input), /*wholeRows=*/true, [&](RowBlock &block) {
        Value total = tile::SumRowsOp::create(
            b, named("total"), tileType({ShapedType::kDynamic}, b.getF32Type()),
            load(input, block));
        store(total, column, block);
      });
  views[sum.getResult()] = destination;
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// The view repeated to the shape of the block, its rows in the block's order.
Value GraphProgramBuilder::rowsOfBlock(Value view, const RowBlock &block,
                                       const GraphSize &columns) {
  Sizes shape = block.shape;
  shape.back() = columns;
  Value rows = broadcastTo(view, shape);
  return block.groups ? groupHeads(rows, block.groups) : rows;
}

Value GraphProgramBuilder::load(Value view, const RowBlock &block) {
  auto type = cast<tile::ViewType>(view.getType());
  return tile::LoadRowsOp::create(
      b, named("tile"),
      tileType({ShapedType::kDynamic, block.width}, type.getElementType()),
      rowsOfBlock(view, block, block.shape.back()), block.row, block.column,
      block.count);
}

/// One value per row, of a view whose rows have one element.
Value GraphProgramBuilder::loadColumn(Value view, const RowBlock &block) {
  auto type = cast<tile::ViewType>(view.getType());
  return tile::LoadRowsOp::create(
      b, named("values"),
      tileType({ShapedType::kDynamic}, type.getElementType()),
      rowsOfBlock(view, block, GraphSize::of(1)), block.row, constant(0),
      block.count);
}

void GraphProgramBuilder::store(Value tile, Value view, const RowBlock &block) {
  tile::StoreRowsOp::create(b, loc, tile, view, block.row, block.column,
                            block.count);
}

Value GraphProgramBuilder::mapRows(ValueRange tiles, Type result,
                                   Element element) {
  auto map = tile::MapRowsOp::create(b, named("mapped"), result, tiles);
  Block &body = map.getBody().emplaceBlock();
  for (Value tile : tiles)
    body.addArgument(cast<tile::TileType>(tile.getType()).getElementType(),
                     loc);
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  Value value = element(inner, body.getArguments());
  tile::YieldOp::create(inner, loc, value);
  return map.getResult();
}

Value GraphProgramBuilder::tileOf(Value tensor, RowBlock &block) {
  if (Value known = block.tiles.lookup(tensor))
    return known;
  Operation *op = tensor.getDefiningOp();
  Value tile = op && deferred.contains(op) ? computeTile(op, block)
                                           : load(viewOf(tensor), block);
  return block.tiles[tensor] = tile;
}

Value GraphProgramBuilder::computeTile(Operation *op, RowBlock &block) {
  Type type = tileType({ShapedType::kDynamic, block.width},
                       elementOf(op->getResult(0)));
  if (auto full = dyn_cast<FullOp>(op)) {
    TypedAttr value = cast<TypedAttr>(full.getValue());
    if (auto number = dyn_cast<FloatAttr>(value))
      value = b.getF32FloatAttr(number.getValueAsDouble());
    Value element = arith::ConstantOp::create(b, loc, value);
    return tile::FillOp::create(b, named("full"), type, element, block.count);
  }
  if (auto norm = dyn_cast<RmsNormOp>(op))
    return normTile(norm, block);
  if (auto norm = dyn_cast<LayerNormOp>(op))
    return normTile(norm, block);
  if (auto rope = dyn_cast<RopeOp>(op))
    return ropeTile(rope, block);
  SmallVector<Value> tiles;
  for (Value operand : op->getOperands())
    tiles.push_back(tileOf(operand, block));
  if (isTriangle(op)) {
    Type i32 = b.getI32Type();
    int64_t last = static_cast<int64_t>(block.shape.size()) - 1;
    for (int64_t dim : {last - 1, last})
      tiles.push_back(tile::CoordinatesOp::create(
          b, named("place"),
          dim == last ? tileType({ShapedType::kDynamic, block.width}, i32)
                      : tileType({ShapedType::kDynamic}, i32),
          block.source, dim, block.row, block.column, block.count));
  }
  return mapRows(tiles, type, [&](OpBuilder &inner, ValueRange elements) {
    return emitElement(inner, op, elements);
  });
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

/// 1 / sqrt(sum(squares) / width + eps), for each row.
Value GraphProgramBuilder::rowFactor(Value squares, int64_t width, double eps) {
  Type rows = tileType({ShapedType::kDynamic}, b.getF32Type());
  Value total = tile::SumRowsOp::create(b, named("total"), rows, squares);
  return mapRows(total, rows, [&](OpBuilder &inner, ValueRange x) -> Value {
    auto f32 = [&](double value) -> Value {
      return arith::ConstantOp::create(inner, loc,
                                       inner.getF32FloatAttr(value));
    };
    Value mean = arith::DivFOp::create(inner, loc, x[0], f32(width));
    Value shifted = arith::AddFOp::create(inner, loc, mean, f32(eps));
    Value root = math::SqrtOp::create(inner, loc, shifted);
    return arith::DivFOp::create(inner, loc, f32(1), root);
  });
}

static Value multiply(OpBuilder &b, Location loc, Value x, Value y) {
  return arith::MulFOp::create(b, loc, x, y);
}

Value GraphProgramBuilder::normTile(RmsNormOp norm, RowBlock &block) {
  Value x = tileOf(norm.getInput(), block);
  Value squares = mapRows(x, x.getType(), [&](OpBuilder &inner, ValueRange e) {
    return multiply(inner, loc, e[0], e[0]);
  });
  SmallVector<Value> tiles = {
      x, rowFactor(squares, block.width, norm.getEps().convertToDouble())};
  if (norm.getWeight())
    tiles.push_back(load(viewOf(norm.getWeight()), block));
  double offset = norm.getOffset() ? norm.getOffset()->convertToDouble() : 0;
  return mapRows(tiles, x.getType(), [&](OpBuilder &inner, ValueRange e) {
    Value scaled = multiply(inner, loc, e[0], e[1]);
    if (e.size() < 3)
      return scaled;
    Value weight = e[2];
    if (offset != 0) {
      Value added =
          arith::ConstantOp::create(inner, loc, inner.getF32FloatAttr(offset));
      weight = arith::AddFOp::create(inner, loc, added, weight);
    }
    return multiply(inner, loc, scaled, weight);
  });
}

Value GraphProgramBuilder::normTile(LayerNormOp norm, RowBlock &block) {
  Type rows = tileType({ShapedType::kDynamic}, b.getF32Type());
  Value x = tileOf(norm.getInput(), block);
  Value total = tile::SumRowsOp::create(b, named("total"), rows, x);
  auto centre = [&](OpBuilder &inner, ValueRange e) -> Value {
    Value width = arith::ConstantOp::create(inner, loc,
                                            inner.getF32FloatAttr(block.width));
    Value mean = arith::DivFOp::create(inner, loc, e[1], width);
    return arith::SubFOp::create(inner, loc, e[0], mean);
  };
  Value centred = mapRows({x, total}, x.getType(), centre);
  Value squares =
      mapRows(centred, x.getType(), [&](OpBuilder &inner, ValueRange e) {
        return multiply(inner, loc, e[0], e[0]);
      });
  SmallVector<Value> tiles = {
      centred,
      rowFactor(squares, block.width, norm.getEps().convertToDouble())};
  for (Value part : {norm.getWeight(), norm.getBias()})
    if (part)
      tiles.push_back(load(viewOf(part), block));
  return mapRows(tiles, x.getType(),
                 [&](OpBuilder &inner, ValueRange e) -> Value {
                   Value value = multiply(inner, loc, e[0], e[1]);
                   if (norm.getWeight())
                     value = multiply(inner, loc, value, e[2]);
                   if (norm.getBias())
                     value = arith::AddFOp::create(inner, loc, value, e.back());
                   return value;
                 });
}

//===----------------------------------------------------------------------===//
// Rotation
//===----------------------------------------------------------------------===//

/// The position of every row: given, or its place in the sequence.
Value GraphProgramBuilder::positionsOf(RopeOp rope, RowBlock &block) {
  bool headsFirst = rope.getHeadsFirst();
  if (!rope.getPositions()) {
    Value rows =
        block.groups ? groupHeads(block.source, block.groups) : block.source;
    return tile::CoordinatesOp::create(
        b, named("position"), tileType({ShapedType::kDynamic}, b.getI32Type()),
        rows, headsFirst || block.groups ? 2 : 1, block.row, block.column,
        block.count);
  }
  // [batch, sequence] -> [batch, sequence, 1, 1] or [batch, 1, sequence, 1]
  Value view = viewOf(rope.getPositions());
  GraphSize one = GraphSize::of(1);
  view = splitDim(view, 1, shapeOfView(view)[1], one);
  view = headsFirst ? splitDim(view, 0, shapeOfView(view)[0], one)
                    : splitDim(view, 2, one, one);
  return loadColumn(view, block);
}

Value GraphProgramBuilder::ropeTile(RopeOp rope, RowBlock &block) {
  Value x = tileOf(rope.getInput(), block);
  RopeAttr rotation = rope.getPosition();
  return tile::RotateOp::create(
      b, named("rotated"), x.getType(), x, positionsOf(rope, block),
      rotation.getFrequencies(block.width),
      APFloat(static_cast<float>(rotation.getAmplitude())),
      rotation.getPairing() == Pairing::Interleaved);
}
