//===- GraphProgramBuilder.cpp - a graph as one tile program --------------===//
//
// Operations in their order: what has its place in memory, what is put off for
// its only user, and the phases of attention.
//
//===----------------------------------------------------------------------===//

#include "passes/GraphProgramBuilder.h"

#include "dialects/attn/AttnDialect.h"
#include "dialects/attn_tile/ViewLayout.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/GraphElements.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"
#include "passes/RowParts.h"
#include "passes/TileProgramBuilder.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

static Type elementOf(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getElementType();
}

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
  for (Value result : terminator->getOperands())
    add(result);
  program = tile::ProgramOp::create(
      b, loc, b.getStringAttr(function.getSymName() + "_" + schedule.getName()),
      b.getArrayAttr(tensorNames(function)), schedule,
      b.getDenseI64ArrayAttr({}), b.getDenseI64ArrayAttr({}),
      function.getSymNameAttr(), /*scope=*/nullptr, b.getArrayAttr(axes),
      b.getI64IntegerAttr(terminator->getNumOperands()));
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

/// Norms and rotations: they read rows that nothing else has.
static bool takesRows(Operation *op) {
  return isa<RmsNormOp, LayerNormOp, RopeOp>(op);
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
  if (isRowArrangement(op))
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

/// "'attn.rms_norm', 'attn.rope'": the steps that were put off for `last`, in
/// order, and `last` itself.
std::string GraphProgramBuilder::describeSteps(Operation *last) const {
  std::string text;
  for (Value operand : last->getOperands())
    if (Operation *step = operand.getDefiningOp();
        step && deferred.contains(step))
      text += describeSteps(step) + ", ";
  return text + describeProducer(last->getResult(0));
}

/// The queries of a task of attention, and what is done to them first.
Value GraphProgramBuilder::queryTile(FlashOp flash, Value source,
                                     const Task &task) {
  if (!firstPhase)
    firstPhase = cast<tile::PhaseOp>(
        cast<BlockArgument>(task.batch).getOwner()->getParentOp());
  Sizes query = sizes.sizesOf(flash.getQuery());
  RowBlock block;
  block.shape = query;
  block.width = query[3].factor;
  block.groups = flash.getKey().getType().getDimSize(2);
  block.source = source;
  block.column = constant(0);
  block.count = task.rows;
  Value head = make<arith::AddIOp>(
      "", make<arith::MulIOp>("", task.batch, constant(block.groups)),
      task.kvHead);
  Value first = make<arith::AddIOp>(
      "", make<arith::MulIOp>("", head, sizeValue(query[1])), task.first);
  block.row = make<arith::MulIOp>("row", first,
                                  constant(query[2].factor / block.groups));
  return tileOf(flash.getQuery(), block);
}

void GraphProgramBuilder::buildFlash(FlashOp flash) {
  IRMapping operands;
  auto map = [&](Value tensor) {
    if (tensor)
      operands.map(tensor, packedViewOf(tensor, flash));
  };
  Value source = querySources.lookup(flash);
  if (source) {
    Operation *last = flash.getQuery().getDefiningOp();
    computeOperands(last);
    operands.map(flash.getQuery(), viewOf(source));
    remarkPassed(flash, kTilePass,
                 "does " + describeSteps(last) +
                     " to queries where a task loads them");
  } else {
    map(flash.getQuery());
  }
  if (Operation *step = flash.getKey().getDefiningOp(); step && takesRows(step))
    remarkMissed(flash, kTilePass,
                 "left " + describeProducer(flash.getKey()) +
                     " before the keys are stored: every block of queries "
                     "would repeat it");
  // Keys are read from where their rows stand, and so are values of one part.
  for (Value part : rowPartsOf(flash.getKey()))
    map(part);
  SmallVector<Value> parts = rowPartsOf(flash.getValue());
  map(parts.size() > 1 ? Value(flash.getValue()) : parts.front());
  map(flash.getLengths());
  map(flash.getPrefix());
  map(flash.getSinks());
  if (Value mask = flash.getTensorMask()) {
    Sizes query = sizes.sizesOf(flash.getQuery());
    Sizes shape = {query[0], query[2], query[1],
                   sizes.sizesOf(flash.getKey())[1]};
    operands.map(mask, broadcastTo(packedViewOf(mask, flash), shape));
  }
  // The rows of a result follow each other, or are copied there afterwards.
  auto place = [&](Value result) {
    Value view = destinationOf(result);
    if (!tile::hasPackedRows(view))
      view = createBuffer(sizes.sizesOf(result), elementOf(result));
    return views[result] = view;
  };
  Value output = place(flash.getOutput());
  Value lse = flash.getLse().use_empty() ? Value() : place(flash.getLse());
  OpBuilder::InsertionGuard guard(b);
  enterPrologue();
  auto load = [&](const Task &task) {
    return queryTile(flash, operands.lookup(flash.getQuery()), task);
  };
  using Queries = function_ref<Value(const Task &)>;
  TileProgramBuilder(b, flash, schedule)
      .buildInto(operands, output, lse, source ? Queries(load) : Queries());
  if (!firstPhase)
    firstPhase = *program.getBody().getOps<tile::PhaseOp>().begin();
  for (Value result : flash.getResults())
    if (Value view = views.lookup(result); view && !result.use_empty())
      if (Value wanted = destinationOf(result); wanted != view) {
        copy(view, wanted);
        views[result] = wanted;
      }
}

void GraphProgramBuilder::buildReturn(Operation *op) {
  for (auto [number, tensor] : llvm::enumerate(op->getOperands())) {
    Value view = viewOf(tensor), result = resultView(number);
    if (view != result)
      copy(view, result);
  }
}

/// Rows before the fresh ones, the fresh ones, rows behind: each from where it
/// is to where it belongs.
void GraphProgramBuilder::buildAppend(CacheAppendOp append) {
  Value cache = viewOf(append.getCache()), fresh = viewOf(append.getFresh());
  Value lengths = viewOf(append.getLengths());
  Value result = destinationOf(append.getResult());
  Sizes shape = sizes.sizesOf(append.getCache());
  GraphSize perPosition = GraphSize::of(1);
  for (const GraphSize &size : ArrayRef(shape).drop_front(2).drop_back())
    perPosition = perPosition.times(size);
  int64_t block = schedule.getKeyBlock();
  OpBuilder::InsertionGuard guard(b);
  enterPrologue();
  Value capacity = sizeValue(shape[1]), rows = sizeValue(perPosition);
  Value added = sizeValue(sizes.sizesOf(append.getFresh())[1]);
  Value blocks = make<arith::CeilDivUIOp>("blocks", capacity, constant(block));
  Block *task =
      openPhase("append", {sizeValue(shape[0]), blocks}, {"batch", "block"});
  Value batch = task->getArgument(0), zero = constant(0);
  Value first =
      make<arith::MulIOp>("first", task->getArgument(1), constant(block));
  Value last = make<arith::MinSIOp>(
      "last", capacity, make<arith::AddIOp>("", first, constant(block)));
  Value length =
      tile::LengthOp::create(b, named("length"), cache, batch, lengths);
  Value end = make<arith::MinSIOp>(
      "end", make<arith::MaxSIOp>("", length, zero), capacity);
  Value begin =
      make<arith::MaxSIOp>("begin", make<arith::SubIOp>("", end, added), zero);
  auto move = [&](Value from, Value positions, Value shift, Value low,
                  Value high) {
    low = make<arith::MaxSIOp>("low", low, first);
    high = make<arith::MinSIOp>("high", high, last);
    Value count =
        make<arith::MaxSIOp>("", make<arith::SubIOp>("", high, low), zero);
    auto rowAt = [&](Value size, Value position) {
      Value whole = make<arith::AddIOp>(
          "", make<arith::MulIOp>("", batch, size), position);
      return make<arith::MulIOp>("row", whole, rows);
    };
    RowBlock rowBlock;
    rowBlock.shape = shapeOfView(from);
    rowBlock.width = shape.back().factor;
    rowBlock.column = zero;
    rowBlock.count = make<arith::MulIOp>("count", count, rows);
    rowBlock.row = rowAt(positions, make<arith::SubIOp>("", low, shift));
    Value tile = load(from, rowBlock);
    rowBlock.row = rowAt(capacity, low);
    store(tile, result, rowBlock);
  };
  move(cache, capacity, zero, zero, begin);
  move(fresh, added, begin, begin, end);
  move(cache, capacity, zero, end, capacity);
  views[append.getResult()] = result;
}
