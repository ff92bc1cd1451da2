//===- TileProgramBuilder.cpp - writes one tile program -------------------===//
//
// The program's prologue and its phases; TileTasks.cpp has what a task does.
//
//===----------------------------------------------------------------------===//

#include "passes/TileProgramBuilder.h"

#include "dialects/attn/AttnDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "passes/RowParts.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

tile::ViewType attn::viewTypeOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return tile::ViewType::get(type.getContext(), tensor.getShape(),
                             tensor.getElementType());
}

SmallVector<Attribute> attn::tensorNames(func::FuncOp function) {
  SmallVector<Attribute> names;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    names.push_back(function.getArgAttr(i, kNameAttr));
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    names.push_back(function.getResultAttr(i, kNameAttr));
  return names;
}

StringRef attn::kernelName(func::FuncOp function) {
  auto kernel = function->getAttrOfType<StringAttr>(kKernelAttr);
  return kernel ? kernel.getValue() : function.getSymName();
}

std::optional<unsigned> attn::updatedArgument(func::FuncOp function,
                                              unsigned result) {
  Attribute name = function.getResultAttr(result, kUpdatesAttr);
  for (unsigned i = 0; name && i < function.getNumArguments(); ++i)
    if (function.getArgAttr(i, kNameAttr) == name)
      return i;
  return std::nullopt;
}

IntegerAttr attn::callLengths(func::FuncOp function) {
  auto lengths = [](Operation &op) -> Value {
    if (auto append = dyn_cast<CacheAppendOp>(op))
      return append.getLengths();
    auto flash = dyn_cast<FlashOp>(op);
    return flash ? flash.getLengths() : Value();
  };
  for (Operation &op : function.getOps())
    if (auto argument = dyn_cast_or_null<BlockArgument>(lengths(op)))
      return Builder(function.getContext())
          .getI64IntegerAttr(argument.getArgNumber());
  return nullptr;
}

tile::ProgramOp TileProgramBuilder::createProgram() {
  // A function that no layer declared serves none.
  SmallVector<int64_t> layers;
  if (auto declared = function->getAttrOfType<LayersAttr>(kLayersAttr))
    llvm::append_range(layers, declared.getNumbers());
  SmallVector<int64_t> rows(layers.size(), 0);
  auto program = tile::ProgramOp::create(
      b, loc, b.getStringAttr(kernelName(function) + "_" + schedule.getName()),
      b.getArrayAttr(tensorNames(function)), schedule,
      b.getDenseI64ArrayAttr(layers), b.getDenseI64ArrayAttr(rows),
      b.getStringAttr(kernelName(function)),
      function->getAttrOfType<KernelScopeAttr>(kScopeAttr),
      /*argument_axes=*/nullptr, /*result_count=*/nullptr,
      /*updated=*/nullptr, callLengths(function));
  Block &body = program.getBody().emplaceBlock();
  for (BlockArgument tensor : function.getArguments())
    views.map(tensor,
              body.addArgument(viewTypeOf(tensor.getType()), tensor.getLoc()));
  output = body.addArgument(viewTypeOf(flash.getOutput().getType()), loc);
  lse = body.addArgument(viewTypeOf(flash.getLse().getType()), loc);
  b.setInsertionPointToStart(&body);
  return program;
}

SmallVector<Value> TileProgramBuilder::rowViews(Value heads) {
  if (Value whole = views.lookupOrNull(heads))
    return {whole};
  return llvm::map_to_vector(rowPartsOf(heads),
                             [&](Value part) { return argument(part); });
}

/// The f64 or i64 `value` of a parameter as a constant of its type.
static TypedAttr literalOf(TypedAttr value, Type type) {
  if (auto number = dyn_cast<FloatAttr>(value))
    return FloatAttr::get(type, number.getValueAsDouble());
  return IntegerAttr::get(type, cast<IntegerAttr>(value).getInt());
}

/// Layer constants and the sizes of the grids.
void TileProgramBuilder::buildPrologue() {
  KeyInterval interval = flash.getMask().getInterval();
  // Tile logits are base 2; a score_mod gets natural ones and converts itself.
  double factor = flash.getScale().convertToDouble();
  if (flash.getScoreMod().empty())
    factor *= llvm::numbers::log2e;
  auto parameter = [&](StringRef name, TypedAttr value, Type type) -> Value {
    // Layers of one geometry differ in these; other graphs have them once.
    if (isPartOfGraph && !function->hasAttr(kLayersAttr))
      return arith::ConstantOp::create(b, named(name), literalOf(value, type));
    return tile::ParameterOp::create(
        b, named(name), type, b.getStringAttr(name), b.getArrayAttr({value}));
  };
  scale = parameter("scale", b.getF64FloatAttr(factor), b.getF32Type());
  auto limit = [&](StringRef name, int64_t keys) {
    return parameter(name, b.getI64IntegerAttr(keys), b.getIndexType());
  };
  left = limit("left", interval.left);
  right = limit("right", interval.right);
  chunk = limit("chunk", interval.chunk);

  Value query = argument(flash.getQuery());
  batches = tile::DimOp::create(b, named("batches"), query, 0);
  queries = tile::DimOp::create(b, named("queries"), query, 1);
  kvHeads = constant(flash.getKey().getType().getDimSize(2));
  Value queryBlock = constant(schedule.getQueryBlock());
  blocks = make<arith::CeilDivUIOp>("blocks", queries, queryBlock);
}

void TileProgramBuilder::build() {
  OpBuilder::InsertionGuard guard(b);
  createProgram();
  buildPhases();
}

void TileProgramBuilder::buildInto(const IRMapping &operands, Value outputView,
                                   Value lseView,
                                   function_ref<Value(const Task &)> queries,
                                   const ProjectedParts &parts) {
  OpBuilder::InsertionGuard guard(b);
  isPartOfGraph = true;
  views = operands;
  output = outputView;
  lse = lseView;
  ownQueries = queries;
  projected = parts;
  buildPhases();
}

void TileProgramBuilder::buildPhases() {
  headDim = flash.getQuery().getType().getDimSize(3);
  valueDim = flash.getValue().getType().getDimSize(3);
  group = flash.getQuery().getType().getDimSize(2) /
          flash.getKey().getType().getDimSize(2);
  buildPrologue();
  b.setInsertionPointToEnd(b.getInsertionBlock());
  if (!schedule.getSplitTasks())
    return buildTaskPhase();
  buildSplitPhase();
  buildMergePhase();
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

tile::PhaseOp TileProgramBuilder::createPhase(StringRef name,
                                              ValueRange extents) {
  auto phase = tile::PhaseOp::create(b, loc, b.getStringAttr(name), extents);
  Block &body = phase.getBody().emplaceBlock();
  for (size_t i = 0; i < extents.size(); ++i)
    body.addArgument(b.getIndexType(), loc);
  b.setInsertionPointToStart(&body);
  return phase;
}

/// A task of queries walks all its keys, split by split.
void TileProgramBuilder::buildTaskPhase() {
  auto phase = createPhase("attend", {batches, kvHeads, blocks});
  Task task = openTask(phase.getBody().front());
  Value query = loadQueries(task);
  loadWeights(task);
  State state = forSplits(task, [&](Value split) {
    return attend(task, query, splitBegin(task, split), splitEnd(task, split));
  });
  finish(task, state);
}

/// A task of queries walks the keys of one split and saves its state.
void TileProgramBuilder::buildSplitPhase() {
  Value key = rowViews(flash.getKey()).front();
  Value longest = tile::MaxLengthOp::create(b, named("longest"), key,
                                            argument(flash.getLengths()));
  Value splits = make<arith::MinSIOp>(
      "splits",
      make<arith::CeilDivUIOp>("", longest, constant(schedule.getSplitKeys())),
      constant(schedule.getMaxSplits()));
  SmallVector<Value> extents = {batches, kvHeads, blocks, splits};
  states = tile::WorkspaceOp::create(
      b, named("states"), tile::StatesType::get(b.getContext()), extents,
      schedule.getQueryBlock() * group, valueDim);

  OpBuilder::InsertionGuard guard(b);
  auto phase = createPhase("attend", extents);
  Block &body = phase.getBody().front();
  Task task = openTask(body);
  Value split = body.getArgument(3);
  Value from = splitBegin(task, split), to = splitEnd(task, split);
  Value some = arith::CmpIOp::create(b, named("some"),
                                     arith::CmpIPredicate::slt, from, to);
  // Steps on queries stand beside the tiles that they make.
  Value query = ownQueries ? loadQueries(task) : Value();
  scf::IfOp::create(b, loc, some, [&](OpBuilder &, Location) {
    loadWeights(task);
    State state = attend(task, query ? query : loadQueries(task), from, to);
    tile::SaveStateOp::create(b, loc, state.maximum, state.denominator,
                              state.sum, states, body.getArguments());
    scf::YieldOp::create(b, loc);
  });
}

/// A task merges the states of its splits, ascending.
void TileProgramBuilder::buildMergePhase() {
  auto phase = createPhase("merge", {batches, kvHeads, blocks});
  Block &body = phase.getBody().front();
  Task task = openTask(body);
  State state = forSplits(task, [&](Value split) {
    SmallVector<Value> indices(body.getArguments());
    indices.push_back(split);
    auto saved = tile::LoadStateOp::create(
        b, loc, rowType(), rowType(),
        tileType({ShapedType::kDynamic, valueDim}), states, indices, task.rows);
    return State::from(saved.getResults());
  });
  finish(task, state);
}
