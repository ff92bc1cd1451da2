//===- GraphProgramBuilder.cpp - a graph as one tile program --------------===//
//
// Operations in their order: what has its place in memory, what is put off for
// its only user, and the phases of attention.
//
//===----------------------------------------------------------------------===//

#include "passes/GraphProgramBuilder.h"

#include "dialects/attn/AttnDialect.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/GraphElements.h"
#include "passes/RowParts.h"
#include "passes/TensorTypes.h"
#include "passes/TileProgramBuilder.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Program
//===----------------------------------------------------------------------===//

void GraphProgramBuilder::createProgram() {
  SmallVector<Attribute> axes;
  SmallVector<Type> types;
  auto add = [&](Value tensor) {
    Sizes shape = sizes.sizesOf(tensor);
    SmallVector<Attribute> names;
    for (const GraphSize &size : shape)
      names.push_back(b.getStringAttr(
          size.isStatic() ? "" : sizes.getAxis(size.axes[0]).name));
    axes.push_back(b.getArrayAttr(names));
    types.push_back(viewType(shape, elementOf(tensor)));
  };
  Operation *terminator = function.getBody().front().getTerminator();
  for (BlockArgument argument : function.getArguments())
    add(argument);
  SmallVector<Attribute> names = tensorNames(function);
  SmallVector<int64_t> updated;
  for (auto [number, result] : llvm::enumerate(terminator->getOperands())) {
    if (std::optional<unsigned> argument = updatedArgument(function, number)) {
      resultArguments.push_back(*argument);
      updated.push_back(*argument);
      continue;
    }
    resultArguments.push_back(types.size());
    add(result);
  }
  llvm::sort(updated);
  llvm::erase(names, Attribute());
  SmallVector<int64_t> layers;
  if (auto declared = function->getAttrOfType<LayersAttr>(kLayersAttr))
    llvm::append_range(layers, declared.getNumbers());
  program = tile::ProgramOp::create(
      b, loc, b.getStringAttr(kernelName(function) + "_" + schedule.getName()),
      b.getArrayAttr(names), schedule, b.getDenseI64ArrayAttr(layers),
      b.getDenseI64ArrayAttr(SmallVector<int64_t>(layers.size(), 0)),
      b.getStringAttr(kernelName(function)),
      function->getAttrOfType<KernelScopeAttr>(kScopeAttr),
      b.getArrayAttr(axes),
      b.getI64IntegerAttr(types.size() - function.getNumArguments()),
      updated.empty() ? DenseI64ArrayAttr() : b.getDenseI64ArrayAttr(updated),
      function->hasAttr(kScopeAttr) ? callLengths(function) : IntegerAttr());
  Block &body = program.getBody().emplaceBlock();
  for (Type type : types)
    body.addArgument(type, loc);
  for (BlockArgument argument : function.getArguments())
    views[argument] = body.getArgument(argument.getArgNumber());
  for (unsigned number = 0; number < sizes.countAxes(); ++number) {
    const GraphSizes::Axis &axis = sizes.getAxis(number);
    axisNumbers[{axis.argument, axis.dimension}] = number;
  }
}

void GraphProgramBuilder::enterPrologue() {
  if (firstPhase)
    b.setInsertionPoint(firstPhase);
  else
    b.setInsertionPointToEnd(&program.getBody().front());
}

Block *GraphProgramBuilder::openPhase(StringRef name, ValueRange extents,
                                      ArrayRef<StringRef> points) {
  b.setInsertionPointToEnd(&program.getBody().front());
  auto phase = tile::PhaseOp::create(b, loc, b.getStringAttr(name), extents);
  if (!firstPhase)
    firstPhase = phase;
  Block &body = phase.getBody().emplaceBlock();
  for (StringRef point : points)
    body.addArgument(b.getIndexType(), named(point));
  b.setInsertionPointToStart(&body);
  return &body;
}

void GraphProgramBuilder::build() {
  OpBuilder::InsertionGuard guard(b);
  createProgram();
  for (Operation &op : function.getBody().front())
    if (!isOpTriviallyDead(&op))
      buildOp(&op);
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

Operation *GraphProgramBuilder::heldProduct(Operation *op) const {
  if (isa<LinearOp, MatmulOp>(op))
    return op;
  return products.lookup(op);
}

/// Whether a task of attention can do `op`, and what was put off for it, to the
/// queries that it loads: not where a step looks at the order of dimensions.
/// `source` becomes a tensor of the query's shape that they read.
bool GraphProgramBuilder::findQuerySource(Operation *op, const Sizes &query,
                                          Value &source) const {
  auto rope = dyn_cast<RopeOp>(op);
  if (heldProduct(op) || isTriangle(op) || (rope && rope.getHeadsFirst()))
    return false;
  for (Value operand : op->getOperands()) {
    Operation *producer = operand.getDefiningOp();
    bool isPutOff = producer && deferred.contains(producer);
    if (isPutOff && !isa<FullOp>(producer) &&
        !findQuerySource(producer, query, source))
      return false;
    if (!isPutOff && !source && sizes.sizesOf(operand) == query)
      source = operand;
  }
  return true;
}

/// The step of attention's queries is done by its tasks.
bool GraphProgramBuilder::isQueryStep(Operation *op, FlashOp flash) {
  Value source;
  if (op->getResult(0) != flash.getQuery() ||
      !findQuerySource(op, sizes.sizesOf(flash.getQuery()), source) || !source)
    return false;
  querySources[flash] = source;
  return true;
}

/// Whether the phase of the only user computes the operation. A product may be
/// followed by elementwise operations, and there is one in a phase.
bool GraphProgramBuilder::isDeferred(Operation *op) {
  if (isa<FullOp>(op))
    return true;
  Operation *product = heldProduct(op);
  if (!(product || isElementwise(op) || takesRows(op)) || !op->hasOneUse())
    return false;
  Value result = op->getResult(0);
  Operation *user = *op->user_begin();
  if (auto flash = dyn_cast<FlashOp>(user))
    return isQueryStep(op, flash);
  if (user->getNumResults() != 1 ||
      sizes.sizesOf(result) != sizes.sizesOf(user->getResult(0)))
    return false;
  if (isElementwise(user) && !takesRows(op)) {
    if (product && products.contains(user))
      return false;
    if (product)
      products[user] = product;
    return true;
  }
  bool isInput = user->getOperand(0) == result;
  return takesRows(user) && isInput && !product;
}

void GraphProgramBuilder::buildOp(Operation *op) {
  if (isRowArrangement(op) || keyProjections.contains(op))
    return;
  if (isDeferred(op))
    deferred.insert(op);
  else
    compute(op);
}

void GraphProgramBuilder::compute(Operation *op) {
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](FlashOp flash) { buildFlash(flash); })
      .Case([&](CacheAppendOp append) { buildAppend(append); })
      .Case([&](ConcatOp concat) { buildConcat(concat); })
      .Case([&](func::ReturnOp) { buildReturn(op); })
      .Case([&](HeadLinearOp) { buildProduct(op, op->getResult(0)); })
      .Case<TransposeOp, FlattenOp, UnflattenOp, ExpandOp, SliceOp,
            RepeatInterleaveOp, TileOp, RepeatKvOp>(
          [&](auto) { buildShape(op); })
      .Default([&](Operation *) { buildRows(op); });
}

void GraphProgramBuilder::buildReturn(Operation *op) {
  for (auto [number, tensor] : llvm::enumerate(op->getOperands())) {
    Value view = viewOf(tensor), result = resultView(number);
    if (view != result)
      copy(view, result);
  }
}

/// A block of a cache's positions [first, last), `rows` rows each.
struct GraphProgramBuilder::AppendTask {
  Value batch, first, last, rows, capacity, result;
  int64_t width;
};

/// Moves what the block has of the positions [low, high) from a tensor of
/// `positions` that stand `shift` lower there.
void GraphProgramBuilder::moveRows(const AppendTask &task, Value from,
                                   Value positions, Value shift, Value low,
                                   Value high) {
  low = make<arith::MaxSIOp>("low", low, task.first);
  high = make<arith::MinSIOp>("high", high, task.last);
  Value count =
      make<arith::MaxSIOp>("", make<arith::SubIOp>("", high, low), constant(0));
  auto rowAt = [&](Value size, Value position) {
    Value before = make<arith::MulIOp>("", task.batch, size);
    return make<arith::MulIOp>("row", make<arith::AddIOp>("", before, position),
                               task.rows);
  };
  RowBlock block;
  block.shape = shapeOfView(from);
  block.width = task.width;
  block.column = constant(0);
  block.count = make<arith::MulIOp>("count", count, task.rows);
  block.row = rowAt(positions, make<arith::SubIOp>("", low, shift));
  Value tile = load(from, block);
  block.row = rowAt(task.capacity, low);
  store(tile, task.result, block);
}

/// Rows before the fresh ones, the fresh ones, rows behind: each from where it
/// is to where it belongs. In place only the fresh ones move.
void GraphProgramBuilder::buildAppend(CacheAppendOp append) {
  Value cache = viewOf(append.getCache()), fresh = viewOf(append.getFresh());
  Value lengths = viewOf(append.getLengths());
  Sizes shape = sizes.sizesOf(append.getCache());
  GraphSize perPosition = GraphSize::of(1);
  for (const GraphSize &size : ArrayRef(shape).drop_front(2).drop_back())
    perPosition = perPosition.times(size);
  AppendTask task;
  task.width = shape.back().factor;
  task.result = views[append.getResult()] = destinationOf(append.getResult());
  bool isInPlace = task.result == cache;
  OpBuilder::InsertionGuard guard(b);
  enterPrologue();
  task.capacity = sizeValue(shape[1]);
  task.rows = sizeValue(perPosition);
  Value added = sizeValue(sizes.sizesOf(append.getFresh())[1]);
  int64_t size = schedule.getKeyBlock();
  Value blocks = make<arith::CeilDivUIOp>(
      "blocks", isInPlace ? added : task.capacity, constant(size));
  Block *body =
      openPhase("append", {sizeValue(shape[0]), blocks}, {"batch", "block"});
  Value block = constant(size), zero = constant(0);
  task.batch = body->getArgument(0);
  Value length =
      tile::LengthOp::create(b, named("length"), cache, task.batch, lengths);
  // The last fresh row stands at the end, the first may stand before the cache.
  Value shift = make<arith::SubIOp>("shift", length, added);
  Value begin = make<arith::MaxSIOp>("begin", shift, zero);
  Value end = make<arith::MinSIOp>(
      "end", make<arith::MaxSIOp>("", length, zero), task.capacity);
  task.first = make<arith::MulIOp>("first", body->getArgument(1), block);
  if (isInPlace)
    task.first = make<arith::AddIOp>("first", begin, task.first);
  task.last = make<arith::MinSIOp>("last", task.capacity,
                                   make<arith::AddIOp>("", task.first, block));
  if (!isInPlace)
    moveRows(task, cache, task.capacity, zero, zero, begin);
  moveRows(task, fresh, added, shift, begin, end);
  if (!isInPlace)
    moveRows(task, cache, task.capacity, zero, end, task.capacity);
}
