//===- GraphProducts.cpp - products with weights --------------------------===//
//
// A task multiplies a block of rows by a block of a weight's columns, in blocks
// of the inner dimension, ascending (Goto and van de Geijn). What is done to
// single elements of the result follows in the same task.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/GraphProgramBuilder.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

/// One product as blocks see it.
struct GraphProgramBuilder::Product {
  Value rows, weight;
  /// [out, in], as checkpoints store it.
  bool isTransposed = false;
  /// Where the result's rows stand, matrix by matrix.
  Value destination;
  /// Rows and columns of one matrix of the batch, and the inner size.
  GraphSize batch, height;
  int64_t inner = 0, columns = 0;
  int64_t rowBlock = 0, columnBlock = 0, innerBlock = 0;
  /// Each matrix of the batch has its own part of the weight.
  bool hasWeights = false;
  /// Valid rows of each sequence, whose other rows nobody reads; null: all.
  Value lengths;
};

/// The rows of [batch, rows, ...] stay what they are.
static bool keepsRows(Operation *op) {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case<UnflattenOp, SliceOp, ConcatOp>(
          [](auto shape) { return shape.getDim() >= 2; })
      .Default(false);
}

/// Whether all that becomes of `tensor` are keys and values of attention to so
/// many valid rows.
static bool isReadTo(Value lengths, Value tensor) {
  return llvm::all_of(tensor.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (auto flash = dyn_cast<FlashOp>(user))
      return flash.getLengths() == lengths &&
             (&use == &flash.getKeyMutable() ||
              &use == &flash.getValueMutable());
    return keepsRows(user) && isReadTo(lengths, user->getResult(0));
  });
}

/// The lengths that say which rows of a cache are worth a product.
static Value findLengths(Operation *product) {
  auto append = product->getOperand(0).getDefiningOp<CacheAppendOp>();
  bool isBounded = append && append.getType().getRank() == 3 &&
                   isReadTo(append.getLengths(), product->getResult(0));
  return isBounded ? append.getLengths() : Value();
}

/// `size` in about equal blocks of at most `most`, of whole cache lines where
/// there are several.
static int64_t blockOf(int64_t size, int64_t most) {
  constexpr int64_t line = 16;
  if (size <= most)
    return size;
  int64_t block = llvm::divideCeil(size, llvm::divideCeil(size, most));
  return static_cast<int64_t>(llvm::alignTo(block, line));
}

GraphProgramBuilder::Product
GraphProgramBuilder::describeProduct(Operation *op) {
  Product product;
  if (auto linear = dyn_cast<HeadLinearOp>(op))
    return describeHeads(linear);
  auto linear = dyn_cast<LinearOp>(op);
  Value weight = op->getOperand(1);
  // A matmul by a transposed weight is a linear layer.
  product.isTransposed = bool(linear);
  if (auto transpose = weight.getDefiningOp<TransposeOp>();
      !linear && transpose && transpose.getPermutation().size() == 2 &&
      transpose.getPermutation()[0] == 1) {
    weight = transpose.getInput();
    product.isTransposed = true;
  }
  product.rows = packedViewOf(op->getOperand(0), op);
  product.weight = packedViewOf(weight, op);
  Sizes rows = sizes.sizesOf(op->getOperand(0));
  Sizes weights = sizes.sizesOf(weight);
  product.inner = rows.back().factor;
  product.columns =
      weights[weights.size() - (product.isTransposed ? 2 : 1)].factor;
  // Without a batch all rows are those of one matrix.
  product.batch = product.height = GraphSize::of(1);
  size_t batched = weights.size() > 2 ? weights.size() - 2 : 0;
  product.hasWeights = batched > 0;
  if (Value lengths = findLengths(op)) {
    product.lengths = viewOf(lengths);
    batched = 1;
  }
  for (auto [dim, size] : llvm::enumerate(ArrayRef(rows).drop_back())) {
    GraphSize &whole = dim < batched ? product.batch : product.height;
    whole = whole.times(size);
  }
  return product;
}

/// A matrix for each head: [batch, queries, heads, in] is read head by head.
GraphProgramBuilder::Product
GraphProgramBuilder::describeHeads(HeadLinearOp linear) {
  constexpr int64_t headsFirst[] = {2, 0, 1, 3};
  Product product;
  product.isTransposed = !linear.getTransposed();
  product.rows = permute(packedViewOf(linear.getInput(), linear), headsFirst);
  product.weight = packedViewOf(linear.getWeight(), linear);
  product.destination = permute(destinationOf(linear.getResult()), headsFirst);
  Sizes rows = sizes.sizesOf(linear.getInput());
  product.inner = rows[3].factor;
  product.columns = sizes.sizesOf(linear.getResult())[3].factor;
  product.batch = rows[2];
  product.hasWeights = true;
  product.height = rows[0].times(rows[1]);
  return product;
}

/// Blocks that a task's caches hold.
void GraphProgramBuilder::chooseBlocks(Product &product) {
  int64_t keyBlock = schedule.getKeyBlock();
  product.rowBlock = schedule.getRowBlock();
  if (product.height.isStatic())
    product.rowBlock = std::min(product.rowBlock, product.height.factor);
  product.columnBlock = blockOf(product.columns, keyBlock);
  product.innerBlock = blockOf(product.inner, 2 * keyBlock);
}

/// The loop over blocks of the inner dimension.
Value GraphProgramBuilder::sumOfProduct(const Product &product,
                                        const RowBlock &block, Value batch) {
  Type f32 = b.getF32Type();
  auto tile = [&](int64_t rows, int64_t columns) {
    return tileType({rows, columns}, f32);
  };
  constexpr int64_t open = ShapedType::kDynamic;
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
  Value start = tile::FillOp::create(b, named("start"), tile(open, block.width),
                                     zero, block.count);
  // The first row of the batch's matrix among those of all.
  Value firstRow = make<arith::MulIOp>(
      "first_weight", product.hasWeights ? batch : constant(0),
      constant(product.isTransposed ? product.columns : product.inner));
  Value weightRow = make<arith::AddIOp>("weight_row", firstRow, block.column);
  Value columns = make<arith::MinSIOp>(
      "columns", constant(block.width),
      make<arith::SubIOp>("", constant(product.columns), block.column));
  auto body = [&](OpBuilder &, Location, Value inner, ValueRange carried) {
    inner.setLoc(named("inner"));
    Value rows = tile::LoadRowsOp::create(
        b, named("rows"), tile(open, product.innerBlock), product.rows,
        block.row, inner, block.count);
    Value weight;
    if (product.isTransposed) {
      weight = tile::LoadRowsOp::create(
          b, named("weight"), tile(block.width, product.innerBlock),
          product.weight, weightRow, inner, columns);
    } else {
      Value count = make<arith::MinSIOp>(
          "inner_count", constant(product.innerBlock),
          make<arith::SubIOp>("", constant(product.inner), inner));
      weight = tile::LoadRowsOp::create(
          b, named("weight"), tile(product.innerBlock, block.width),
          product.weight, make<arith::AddIOp>("", firstRow, inner),
          block.column, count);
    }
    Value sum = tile::MultiplyOp::create(b, named("sum"), carried[0].getType(),
                                         carried[0], rows, weight,
                                         product.isTransposed);
    scf::YieldOp::create(b, loc, sum);
  };
  auto loop = scf::ForOp::create(b, named("product"), constant(0),
                                 constant(product.inner),
                                 constant(product.innerBlock), start, body);
  return loop.getResult(0);
}

/// The phase of `product` and of what is done to its elements up to `result`.
void GraphProgramBuilder::buildProduct(Operation *op, Value result) {
  // What the elements need besides comes first.
  SmallVector<Value> pending = {result};
  while (!pending.empty()) {
    Operation *producer = pending.pop_back_val().getDefiningOp();
    for (Value operand : producer->getOperands()) {
      Operation *inner = operand.getDefiningOp();
      if (inner && deferred.contains(inner) && inner != op)
        pending.push_back(operand);
      else if (producer != op && inner != op)
        viewOf(operand);
    }
  }
  Product product = describeProduct(op);
  chooseBlocks(product);
  auto linear = dyn_cast<LinearOp>(op);
  Value bias;
  if (linear && linear.getBias())
    bias = viewOf(linear.getBias());
  Value destination = destinationOf(result);

  OpBuilder::InsertionGuard guard(b);
  enterPrologue();
  Value height = sizeValue(product.height), most = height;
  if (product.lengths)
    most = make<arith::MinSIOp>("most", height,
                                tile::MaxLengthOp::create(b, named("longest"),
                                                          product.rows,
                                                          product.lengths));
  Value blocks =
      make<arith::CeilDivUIOp>("row_blocks", most, constant(product.rowBlock));
  Value columnBlocks =
      constant(llvm::divideCeil(product.columns, product.columnBlock));
  SmallVector<Value> extents = {blocks, columnBlocks};
  SmallVector<StringRef> points = {"row_block", "column_block"};
  bool isBatched = !(product.batch == GraphSize::of(1));
  if (isBatched) {
    extents = {sizeValue(product.batch), columnBlocks, blocks};
    points = {"batch", "column_block", "row_block"};
  }
  Block *task = openPhase(op->getName().stripDialect(), extents, points);
  Value batch = isBatched ? task->getArgument(0) : constant(0);
  RowBlock block;
  block.shape = sizes.sizesOf(result);
  block.source = destination;
  block.width = product.columnBlock;
  Value first =
      make<arith::MulIOp>("first", task->getArgument(isBatched ? 2 : 0),
                          constant(product.rowBlock));
  Value end = height;
  if (product.lengths) {
    Value length = tile::LengthOp::create(b, named("length"), product.rows,
                                          batch, product.lengths);
    end = make<arith::MaxSIOp>("end", make<arith::MinSIOp>("", height, length),
                               first);
  }
  block.count = make<arith::MinSIOp>("count", constant(product.rowBlock),
                                     make<arith::SubIOp>("", end, first));
  block.row =
      make<arith::AddIOp>("row", first, make<arith::MulIOp>("", batch, height));
  block.column = make<arith::MulIOp>("column", task->getArgument(1),
                                     constant(product.columnBlock));
  Value sum = sumOfProduct(product, block, batch);
  if (bias)
    sum = mapRows({sum, load(bias, block)}, sum.getType(),
                  [&](OpBuilder &inner, ValueRange e) -> Value {
                    return arith::AddFOp::create(inner, loc, e[0], e[1]);
                  });
  block.tiles[op->getResult(0)] = sum;
  Operation *root = result.getDefiningOp();
  Value tile = root == op ? sum : computeTile(root, block);
  store(tile, product.destination ? product.destination : destination, block);
  views[result] = destination;
}
