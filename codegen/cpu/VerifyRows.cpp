//===- VerifyRows.cpp - steps on rows, and products -----------------------===//
//
// All steps of a block that work on the same rows run in one loop; a product
// packs its operands where they are loaded.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/ElementOps.h"
#include "codegen/cpu/GraphSteps.h"
#include "codegen/cpu/VerifyProgramsImpl.h"
#include "dialects/attn_tile/ViewLayout.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

static ArrayRef<int64_t> shapeOf(Value value) {
  if (auto tile = dyn_cast<tile::TileType>(value.getType()))
    return tile.getShape();
  return cast<tile::ViewType>(value.getType()).getShape();
}

static bool hasColumns(Value tile) { return shapeOf(tile).size() == 2; }

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

static std::optional<int64_t> constantOf(Value index) {
  APInt number;
  return matchPattern(index, m_ConstantInt(&number))
             ? std::optional(number.getSExtValue())
             : std::nullopt;
}

/// 8, or ? where it is known in the call alone.
static std::string spell(std::optional<int64_t> number) {
  return number ? std::to_string(*number) : "?";
}

static std::string spellSize(int64_t size) {
  return spell(ShapedType::isDynamic(size) ? std::nullopt
                                           : std::optional(size));
}

/// `got` and `expected` count rows and are not one value.
static LogicalResult refuseCount(Operation *op, StringRef what, Value got,
                                 Value expected) {
  InFlightDiagnostic error = op->emitOpError() << what;
  if (got && expected && constantOf(got) && constantOf(expected))
    return error << " of " << spell(constantOf(got)) << " rows, expected "
                 << spell(constantOf(expected));
  error << " whose number of rows is another value than that of the step";
  if (expected)
    error.attachNote(expected.getLoc()) << "the step's rows are counted here";
  return error;
}

/// "3 uses, expected 1"
static std::string spellUses(Value value) {
  return std::to_string(llvm::range_size(value.getUses())) +
         " uses, expected 1";
}

//===----------------------------------------------------------------------===//
// Row steps
//===----------------------------------------------------------------------===//

/// The tile comes from a row step beside `op`, or from a product before it, and
/// has the same rows.
static LogicalResult verifyRowOperand(Operation *op, Value tile, Value count) {
  if (!isProductSum(tile)) {
    Operation *producer = tile.getDefiningOp();
    if (!producer || !isRowOp(*producer))
      return op->emitOpError()
             << "takes a tile that comes from "
             << (producer ? "'" + producer->getName().getStringRef() + "'"
                          : Twine("an argument"))
             << ", expected a step on rows";
    if (producer->getBlock() != op->getBlock())
      return op->emitOpError() << "takes a tile that '" << producer->getName()
                               << "' makes in another block";
  }
  if (countOf(tile) == count)
    return success();
  return refuseCount(op, "takes a tile", countOf(tile), count);
}

/// A tile of a static number of rows holds all that are counted.
static LogicalResult verifyRoom(Operation *op, Value tile, Value count) {
  int64_t rows = shapeOf(tile)[0];
  std::optional<int64_t> counted = constantOf(count);
  if (ShapedType::isDynamic(rows) || !counted || *counted <= rows)
    return success();
  return op->emitOpError() << "counts " << *counted
                           << " rows, the tile has room for " << rows;
}

static LogicalResult verifyMapRows(tile::MapRowsOp op) {
  if (op.getTiles().empty())
    return op.emitOpError("has no tile, the CPU takes one or more");
  Value count = countOf(op.getResult());
  for (Value tile : op.getTiles())
    if (failed(verifyRowOperand(op, tile, count)))
      return failure();
  if (std::optional<std::string> why = whyNotElements(op.getBody().front()))
    return op.emitOpError() << "cannot be lowered for the CPU: " << *why;
  return success();
}

/// Rows that are read as a whole lie in their tensors as a whole.
static LogicalResult verifyWholeRows(Operation *op, Value tile) {
  for (Operation &other : *op->getBlock()) {
    auto load = dyn_cast<tile::LoadRowsOp>(other);
    if (!load || !isRowOp(other) || load.getCount() != countOf(tile) ||
        !hasColumns(load.getTile()))
      continue;
    if (shapeOf(load.getView()).back() != shapeOf(tile)[1] ||
        !matchPattern(load.getColumn(), m_Zero()))
      return op->emitOpError()
             << "takes rows of " << shapeOf(tile)[1] << " columns from column "
             << spell(constantOf(load.getColumn()))
             << " on, expected the whole rows of "
             << spellSize(shapeOf(load.getView()).back());
  }
  if (!isProductSum(tile))
    return success();
  return op->emitOpError("takes the sum of a product, which is a part of rows");
}

/// Where a program says which of its arguments are written, others are not.
static LogicalResult verifyRoot(tile::StoreRowsOp op) {
  auto argument = dyn_cast<BlockArgument>(tile::rootOf(op.getView()));
  auto program = op->getParentOfType<tile::ProgramOp>();
  std::optional<uint64_t> results = program.getResultCount();
  if (!argument || !results)
    return success();
  uint64_t inputs = program.getBody().getNumArguments() - *results;
  if (tile::isCache(argument) && !program.findAxis(tile::Axis::QueryLength))
    return op.emitOpError()
           << "appends to "
           << program.getArgumentNames()[argument.getArgNumber()]
           << ", but no argument's axis is query_length: the rows of the call";
  if (argument.getArgNumber() >= inputs ||
      program.isUpdated(argument.getArgNumber()))
    return success();
  return op.emitOpError()
         << "stores to " << program.getArgumentNames()[argument.getArgNumber()]
         << ", argument " << argument.getArgNumber()
         << ", expected a buffer, an updated argument or one from " << inputs
         << " on";
}

static LogicalResult verifyStore(tile::StoreRowsOp op) {
  if (failed(verifyRoot(op)) ||
      failed(verifyRoom(op, op.getTile(), op.getCount())))
    return failure();
  if (op.getTile().getDefiningOp<tile::CoordinatesOp>())
    return op.emitOpError("stores coordinates, which the CPU keeps nowhere");
  return verifyRowOperand(op, op.getTile(), op.getCount());
}

static LogicalResult verifyRowStep(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](tile::MapRowsOp x) { return verifyMapRows(x); })
      .Case([&](tile::SumRowsOp x) {
        if (failed(verifyRowOperand(x, x.getTile(), countOf(x.getTile()))))
          return failure();
        return verifyWholeRows(x, x.getTile());
      })
      .Case([&](tile::RotateOp x) {
        Value count = countOf(x.getTile());
        if (failed(verifyRowOperand(x, x.getTile(), count)) ||
            failed(verifyRowOperand(x, x.getPosition(), count)))
          return failure();
        return verifyWholeRows(x, x.getTile());
      })
      .Case([&](tile::StoreRowsOp x) { return verifyStore(x); })
      .Case<tile::LoadRowsOp, tile::CoordinatesOp, tile::FillOp>(
          [&](auto x) { return verifyRoom(x, x.getTile(), x.getCount()); })
      .Default(success());
}

/// Where the columns of a block's steps on the same rows are.
static LogicalResult verifySameColumns(Block &block) {
  llvm::DenseMap<Value, Operation *> first;
  auto placeOf = [](Operation *op) {
    auto load = dyn_cast<tile::LoadRowsOp>(op);
    auto store = dyn_cast<tile::StoreRowsOp>(op);
    Value view = load ? load.getView() : store.getView();
    auto last = static_cast<int64_t>(shapeOf(view).size()) - 1;
    return std::pair(load ? load.getColumn() : store.getColumn(),
                     tile::sizeExtent(view, last));
  };
  for (Operation &op : block) {
    auto load = dyn_cast<tile::LoadRowsOp>(op);
    auto store = dyn_cast<tile::StoreRowsOp>(op);
    if ((!load && !store) || !isRowOp(op) ||
        !hasColumns(load ? load.getTile() : store.getTile()))
      continue;
    Operation *&known = first[load ? load.getCount() : store.getCount()];
    if (!known)
      known = &op;
    auto [column, size] = placeOf(&op);
    auto [knownColumn, knownSize] = placeOf(known);
    if (column == knownColumn && areEqual(size, knownSize))
      continue;
    InFlightDiagnostic error =
        op.emitOpError() << "begins at column " << spell(constantOf(column))
                         << " of " << spell(tile::asNumber(size))
                         << ", other than the first step on the same "
                            "rows";
    error.attachNote(known->getLoc())
        << "which begins at column " << spell(constantOf(knownColumn)) << " of "
        << spell(tile::asNumber(knownSize));
    return error;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// An operand is loaded for the product alone, from rows that are packed.
static LogicalResult verifyFactor(tile::MultiplyOp op, Value tile,
                                  StringRef what) {
  auto load = tile.getDefiningOp<tile::LoadRowsOp>();
  if (!load || !load->hasOneUse())
    return op.emitOpError() << "has " << what
                            << " that no attn_tile.load_rows loads for it "
                               "alone";
  if (failed(verifyRoom(load, load.getTile(), load.getCount())))
    return failure();
  auto type = load.getView().getType();
  if (!tile::hasPackedRows(load.getView()))
    return op.emitOpError() << "has " << what << " in " << type
                            << " whose elements do not follow each other";
  if (!ShapedType::isDynamic(type.getShape().back()))
    return success();
  return op.emitOpError() << "has " << what << " in " << type
                          << ", expected a static number of columns";
}

static LogicalResult verifyMultiply(tile::MultiplyOp op) {
  if (!isProductSum(op.getSum()))
    return op.emitOpError("has a sum that does not begin with attn_tile.fill");
  if (failed(verifyFactor(op, op.getRows(), "rows")) ||
      failed(verifyFactor(op, op.getWeight(), "a weight")))
    return failure();
  auto rows = op.getRows().getDefiningOp<tile::LoadRowsOp>();
  auto weight = op.getWeight().getDefiningOp<tile::LoadRowsOp>();
  if (rows.getCount() != countOf(op.getSum()))
    return refuseCount(op, "has a sum", countOf(op.getSum()), rows.getCount());
  if (shapeOf(weight.getView()).size() < 2)
    return op.emitOpError() << "has a weight in " << weight.getView().getType()
                            << ", expected two dimensions or more";
  if (op.getSum().hasOneUse())
    return success();
  return op.emitOpError() << "updates a sum of " << spellUses(op.getSum());
}

/// Sums begin with zeros, and each has one place.
static LogicalResult verifyStart(tile::FillOp op) {
  if (isRowOp(*op))
    return success();
  if (failed(verifyRoom(op, op.getTile(), op.getCount())))
    return failure();
  FloatAttr value;
  if (!matchPattern(op.getValue(), m_Constant(&value)) ||
      !value.getValue().isZero())
    return op.emitOpError()
           << "begins a sum with "
           << (value ? std::to_string(value.getValueAsDouble()) : "?")
           << ", expected 0";
  if (op->hasOneUse())
    return success();
  return op.emitOpError() << "begins a sum and has " << spellUses(op.getTile());
}

static LogicalResult verifyProductLoop(scf::ForOp loop) {
  if (!isProductLoop(loop))
    return success();
  if (loop.getInitArgs().size() != 1 ||
      !loop.getInitArgs()[0].getDefiningOp<tile::FillOp>())
    return loop.emitOpError()
           << "carries " << loop.getInitArgs().size()
           << " values, expected the sum of one product that begins with "
              "attn_tile.fill";
  Value sum = loop.getYieldedValues()[0];
  while (auto multiply = sum.getDefiningOp<tile::MultiplyOp>())
    sum = multiply.getSum();
  if (sum == loop.getRegionIterArgs()[0])
    return success();
  return loop.emitOpError("yields another sum than the one that it carries");
}

LogicalResult attn::cpu::verifyRows(tile::PhaseOp phase) {
  auto verify = [&](Operation *op) {
    if (auto multiply = dyn_cast<tile::MultiplyOp>(op))
      return verifyMultiply(multiply);
    if (auto fill = dyn_cast<tile::FillOp>(op))
      return verifyStart(fill);
    if (auto loop = dyn_cast<scf::ForOp>(op))
      return verifyProductLoop(loop);
    return isRowOp(*op) ? verifyRowStep(op) : success();
  };
  WalkResult result = phase.walk([&](Operation *op) {
    for (Region &region : op->getRegions())
      for (Block &block : region)
        if (!isa<tile::MapRowsOp>(op) && failed(verifySameColumns(block)))
          return WalkResult::interrupt();
    return succeeded(verify(op)) ? WalkResult::advance()
                                 : WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}
