//===- GraphAttention.cpp - attention in a graph --------------------------===//
//
// Its operands as views, the steps on its queries that its own tasks do, and
// where its results go.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn_tile/ViewLayout.h"
#include "passes/GraphElements.h"
#include "passes/GraphProgramBuilder.h"
#include "passes/Rewriting.h"
#include "passes/RowParts.h"
#include "passes/TensorTypes.h"

using namespace mlir;
using namespace attn;

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

/// What attention's queries are read from, and whether something is done to
/// them first.
void GraphProgramBuilder::mapQuery(FlashOp flash, IRMapping &operands) {
  Value source = querySources.lookup(flash);
  if (!source)
    return operands.map(flash.getQuery(),
                        packedViewOf(flash.getQuery(), flash));
  Operation *last = flash.getQuery().getDefiningOp();
  computeOperands(last);
  operands.map(flash.getQuery(), viewOf(source));
  remarkPassed(flash, kTilePass,
               "does " + describeSteps(last) +
                   " to queries where a task loads them");
}

/// Keys are read by many tasks: what is done to them is done before.
static void remarkKey(FlashOp flash) {
  Operation *step = flash.getKey().getDefiningOp();
  if (step && takesRows(step))
    remarkMissed(flash, kTilePass,
                 "left " + describeProducer(flash.getKey()) +
                     " before the keys are stored: every block of queries "
                     "would repeat it");
}

/// The weights of a projection's heads: [heads, size, rank].
Value GraphProgramBuilder::weightOf(const HeadProjection &projection,
                                    FlashOp flash) {
  auto linear = cast<LinearOp>(projection.product);
  Value weight = packedViewOf(linear.getWeight(), flash);
  int64_t outputs = projection.heads * projection.stride;
  if (outputs != linear.getWeight().getType().getDimSize(0))
    weight = slice(weight, 0, projection.first, outputs);
  weight = splitDim(weight, 0, GraphSize::of(projection.heads),
                    GraphSize::of(projection.stride));
  if (projection.size != projection.stride)
    weight = slice(weight, 1, projection.offset, projection.size);
  return weight;
}

/// The parts of keys and values that tasks make of stored rows.
ProjectedParts GraphProgramBuilder::mapProjected(FlashOp flash,
                                                 IRMapping &operands) {
  ProjectedParts parts;
  for (Value heads : {Value(flash.getKey()), Value(flash.getValue())})
    for (Value part : rowPartsOf(heads)) {
      std::optional<HeadProjection> projection = keyProjections.find(part);
      if (!projection || parts.contains(part))
        continue;
      operands.map(part, packedViewOf(projection->rows, flash));
      parts[part] = {weightOf(*projection, flash), projection->size,
                     projection->rank()};
    }
  if (!parts.empty())
    remarkPassed(flash, kTilePass,
                 "multiplies keys and values where a task reads their rows");
  return parts;
}

/// Views of the operands. Keys are read from where their rows stand, and so are
/// values of one part.
IRMapping GraphProgramBuilder::mapOperands(FlashOp flash) {
  IRMapping operands;
  mapQuery(flash, operands);
  remarkKey(flash);
  SmallVector<Value> tensors = rowPartsOf(flash.getKey());
  SmallVector<Value> values = rowPartsOf(flash.getValue());
  tensors.append({values.size() > 1 ? Value(flash.getValue()) : values.front(),
                  flash.getLengths(), flash.getPrefix(), flash.getDocuments(),
                  flash.getSinks(), flash.getTable()});
  for (Value tensor : tensors)
    if (tensor && !keyProjections.find(tensor))
      operands.map(tensor, packedViewOf(tensor, flash));
  if (Value mask = flash.getTensorMask()) {
    Sizes query = sizes.sizesOf(flash.getQuery());
    Sizes shape = {query[0], query[2], query[1],
                   sizes.sizesOf(flash.getKey())[1]};
    operands.map(mask, broadcastTo(packedViewOf(mask, flash), shape));
  }
  return operands;
}

/// Where a phase writes a result: its rows follow each other there.
Value GraphProgramBuilder::placePacked(Value result) {
  Value view = destinationOf(result);
  if (!tile::hasPackedRows(view))
    view = createBuffer(sizes.sizesOf(result), heldAs(elementOf(result)));
  return views[result] = view;
}

void GraphProgramBuilder::buildFlash(FlashOp flash) {
  IRMapping operands = mapOperands(flash);
  ProjectedParts projected = mapProjected(flash, operands);
  Value output = placePacked(flash.getOutput());
  Value lse =
      flash.getLse().use_empty() ? Value() : placePacked(flash.getLse());
  OpBuilder::InsertionGuard guard(b);
  enterPrologue();
  auto load = [&](const Task &task) {
    return queryTile(flash, operands.lookup(flash.getQuery()), task);
  };
  using Queries = function_ref<Value(const Task &)>;
  bool hasSteps = querySources.contains(flash);
  TileProgramBuilder(b, flash, schedule)
      .buildInto(operands, output, lse, hasSteps ? Queries(load) : Queries(),
                 projected);
  if (!firstPhase)
    firstPhase = *program.getBody().getOps<tile::PhaseOp>().begin();
  for (Value result : flash.getResults())
    if (Value view = views.lookup(result); view && !result.use_empty())
      if (Value wanted = destinationOf(result); wanted != view) {
        copy(view, wanted);
        views[result] = wanted;
      }
}
