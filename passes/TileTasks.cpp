//===- TileTasks.cpp - what a task of attention does ----------------------===//
//
// The pieces that phases are made of: the online softmax over key blocks
// (Milakov and Gimelshein 2018; Dao et al. 2022), with the keys in splits (Dao
// et al. 2023).
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

Task TileProgramBuilder::openTask(Block &body) {
  Task task;
  task.batch = body.getArgument(0);
  task.kvHead = body.getArgument(1);
  Value queryBlock = constant(schedule.getQueryBlock());
  task.first = make<arith::MulIOp>("first", body.getArgument(2), queryBlock);
  task.count = make<arith::MinSIOp>(
      "count", queryBlock, make<arith::SubIOp>("", queries, task.first));
  task.rows = make<arith::MulIOp>("rows", task.count, constant(group));
  task.length = tile::LengthOp::create(
      b, named("length"), rowViews(flash.getKey()).front(), task.batch,
      argument(flash.getLengths()));
  task.end = task.length;
  // A caller's lengths are checked, a graph's own are not. A caller whose keys
  // are a part of a sequence says where its rows end, beyond these keys.
  if (flash.getLengths())
    task.length = isPartOfGraph
                      ? clampLength(task.length)
                      : make<arith::MinSIOp>("valid", task.length, countKeys());
  if (isPartOfGraph)
    task.end = task.length;
  if (countsFirstKey())
    task.firstKey = tile::FirstKeyOp::create(b, named("first_key"), task.batch);
  task.position =
      flash.getMask().getInterval().alignment == Alignment::BottomRight
          ? positionOf(task)
          : fromFirstKey("position", task, task.first);
  if (Value lengths = argument(flash.getPrefix()))
    task.prefix = fromFirstKey(
        "prefix", task,
        tile::EntryOp::create(b, named("prefix"), lengths, task.batch));
  openDocuments(task);
  auto ranges = tile::KeyRangesOp::create(
      b, loc, task.position, task.count, task.length, left, right, chunk,
      task.prefix, task.begins, task.ends,
      b.getI64IntegerAttr(schedule.getKeyBlock()));
  task.lo = ranges.getLo();
  task.fullLo = ranges.getFullLo();
  task.fullHi = ranges.getFullHi();
  task.hi = ranges.getHi();
  task.splitSize = tile::SplitSizeOp::create(
      b, named("split_size"), task.length, schedule.getSplitKeys(),
      schedule.getMaxSplits());
  return task;
}

static bool asksForPosition(FlashOp flash) {
  constexpr unsigned withPosition = 5;
  return flash.getScoreMod().getNumArguments() == withPosition;
}

/// Whether a column counts for what it is, and not for its distance to a row.
bool TileProgramBuilder::countsColumns() {
  constexpr unsigned column = 2;
  Region &body = flash.getScoreMod();
  return !body.empty() && !asksForPosition(flash) &&
         !body.getArgument(column).use_empty();
}

/// Whether more counts than the distances between rows, which stand at the end
/// of a sequence, and its keys. A graph has all of them.
bool TileProgramBuilder::countsFirstKey() {
  bool isTopLeft =
      flash.getMask().getInterval().alignment == Alignment::TopLeft;
  return !isPartOfGraph && flash.getLengths() &&
         (isTopLeft || flash.getPrefix() || flash.getDocuments() ||
          flash.getTensorMask() || countsColumns());
}

/// A number that counts from the sequence's first key, from the call's.
Value TileProgramBuilder::fromFirstKey(StringRef name, const Task &task,
                                       Value number) {
  return task.firstKey ? make<arith::SubIOp>(name, number, task.firstKey)
                       : number;
}

/// Bottom-right: the last query stands at the last key of the sequence.
Value TileProgramBuilder::positionOf(const Task &task) {
  return make<arith::AddIOp>("position", task.first,
                             make<arith::SubIOp>("", task.end, queries));
}

void TileProgramBuilder::openDocuments(Task &task) {
  Value ids = argument(flash.getDocuments());
  if (!ids)
    return;
  Type rows = tile::TileType::get(b.getContext(), {ShapedType::kDynamic},
                                  b.getI32Type());
  // Those of rows that stand behind the call's keys too.
  auto documents = tile::DocumentsOp::create(
      b, loc, rows, rows, ids, task.batch, task.position, task.count,
      task.firstKey ? task.end : task.length, task.firstKey);
  task.begins = documents.getBegins();
  task.ends = documents.getEnds();
}

Value TileProgramBuilder::countKeys() {
  return tile::DimOp::create(b, named("keys"), rowViews(flash.getKey()).front(),
                             1);
}

/// `length` within the keys that there are.
Value TileProgramBuilder::clampLength(Value length) {
  Value keys = countKeys();
  Value atLeastNone = make<arith::MaxSIOp>("", length, constant(0));
  return make<arith::MinSIOp>("valid", atLeastNone, keys);
}

Value TileProgramBuilder::loadQueries(const Task &task) {
  if (ownQueries)
    return ownQueries(task);
  return tile::LoadQueriesOp::create(
      b, named("query_tile"), tileType({ShapedType::kDynamic, headDim}),
      argument(flash.getQuery()), task.batch, task.first, task.kvHead,
      task.count, group);
}

/// Once for all blocks that they multiply.
void TileProgramBuilder::loadWeights(Task &task) {
  for (Value heads : {Value(flash.getKey()), Value(flash.getValue())})
    for (Value part : rowPartsOf(heads)) {
      auto found = projected.find(part);
      if (found == projected.end() || task.weights.contains(part))
        continue;
      const Projection &projection = found->second;
      Value size = constant(projection.size);
      task.weights[part] = tile::LoadRowsOp::create(
          b, named("weight_tile"), tileType({projection.size, projection.rank}),
          projection.weight,
          make<arith::MulIOp>("weight_row", task.kvHead, size), constant(0),
          size);
    }
}

/// The block from key `first` on of a part: its rows, or their product.
Value TileProgramBuilder::loadPart(const Task &task, StringRef name, Value part,
                                   Value first) {
  int64_t keyBlock = schedule.getKeyBlock();
  Value weight = task.weights.lookup(part), view = argument(part);
  int64_t columns = cast<tile::ViewType>(view.getType()).getShape().back();
  Value rows = tile::LoadKeysOp::create(
      b, named(weight ? "row_tile" : name), tileType({keyBlock, columns}), view,
      task.batch, first, task.kvHead, task.length);
  if (!weight)
    return rows;
  return tile::ProjectOp::create(b, named(name),
                                 tileType({keyBlock, projected.at(part).size}),
                                 rows, weight);
}

/// The block of keys or values from key `first` on.
Value TileProgramBuilder::loadBlock(const Task &task, StringRef name,
                                    Value heads, Value first) {
  int64_t keyBlock = schedule.getKeyBlock();
  SmallVector<Value> parts = rowPartsOf(heads);
  int64_t columns = cast<ShapedType>(heads.getType()).getDimSize(3);
  auto isStored = [&](Value part) { return !task.weights.contains(part); };
  if (llvm::all_of(parts, isStored))
    return tile::LoadKeysOp::create(
        b, named(name), tileType({keyBlock, columns}), rowViews(heads),
        task.batch, first, task.kvHead, task.length);
  if (parts.size() == 1)
    return loadPart(task, name, parts.front(), first);
  SmallVector<Value> tiles = llvm::map_to_vector(parts, [&](Value part) {
    return loadPart(task, "part_tile", part, first);
  });
  return tile::JoinOp::create(b, named(name), tileType({keyBlock, columns}),
                              tiles);
}

State TileProgramBuilder::start(const Task &task) {
  auto start = tile::StartOp::create(b, loc, rowType(), rowType(),
                                     tileType({ShapedType::kDynamic, valueDim}),
                                     task.rows);
  return State::from(start.getResults());
}

Value TileProgramBuilder::splitBegin(const Task &task, Value split) {
  return make<arith::MaxSIOp>("from", task.lo,
                              make<arith::MulIOp>("", split, task.splitSize));
}

Value TileProgramBuilder::splitEnd(const Task &task, Value split) {
  Value next = make<arith::AddIOp>("", split, constant(1));
  return make<arith::MinSIOp>("to", task.hi,
                              make<arith::MulIOp>("", next, task.splitSize));
}

/// Merges the partial states of the splits that hold visible keys, ascending.
State TileProgramBuilder::forSplits(const Task &task,
                                    function_ref<State(Value)> partialState) {
  Value firstSplit =
      make<arith::DivUIOp>("first_split", task.lo, task.splitSize);
  Value endSplit =
      make<arith::CeilDivUIOp>("end_split", task.hi, task.splitSize);
  return forState("split", firstSplit, endSplit, constant(1), start(task),
                  [&](Value split, const State &state) {
                    return merge(state, partialState(split));
                  });
}

/// A loop that carries a state; dumps show its index under `name`.
State TileProgramBuilder::forState(
    StringRef name, Value from, Value to, Value by, const State &init,
    function_ref<State(Value, const State &)> body) {
  auto loop = scf::ForOp::create(
      b, named((name + "_state").str()), from, to, by, init.values(),
      [&](OpBuilder &, Location, Value index, ValueRange carried) {
        index.setLoc(named(name));
        for (auto [value, part] : llvm::zip_equal(carried, State::kNames))
          value.setLoc(named(part));
        State next = body(index, State::from(carried));
        scf::YieldOp::create(b, loc, next.values());
      });
  return State::from(loop.getResults());
}

State TileProgramBuilder::merge(const State &state, const State &other) {
  auto merged =
      tile::MergeOp::create(b, loc, state.maximum, state.denominator, state.sum,
                            other.maximum, other.denominator, other.sum);
  return State::from(merged.getResults());
}

/// The online softmax over the key blocks of [from, to).
State TileProgramBuilder::attend(const Task &task, Value query, Value from,
                                 Value to) {
  return forState("key_block", from, to, constant(schedule.getKeyBlock()),
                  start(task), [&](Value key, const State &state) {
                    return step(task, query, key, state);
                  });
}

State TileProgramBuilder::step(const Task &task, Value query, Value key,
                               const State &state) {
  int64_t keyBlock = schedule.getKeyBlock();
  Type scoreType = tileType({ShapedType::kDynamic, keyBlock});
  Value score = tile::ContractOp::create(
      b, named("score"), scoreType, query,
      loadBlock(task, "key_tile", flash.getKey(), key), scale);
  if (!flash.getScoreMod().empty())
    score = modifyScore(task, score, key);
  if (Value mask = argument(flash.getTensorMask()))
    score = tile::TensorMaskOp::create(
        b, named("masked_by_tensor"), score.getType(), score, mask, task.batch,
        task.first, key, task.kvHead, task.length, task.firstKey, group);
  score = maskScore(task, score, key);
  auto softmax = tile::SoftmaxStepOp::create(b, loc, scoreType, rowType(),
                                             rowType(), rowType(), score,
                                             state.maximum, state.denominator);
  Value sum = tile::AccumulateOp::create(
      b, named("sum"), state.sum.getType(), state.sum, softmax.getAlpha(),
      softmax.getWeight(),
      loadBlock(task, "value_tile", flash.getValue(), key));
  return {softmax.getNewMaximum(), softmax.getNewDenominator(), sum};
}

/// The score_mod region, then the step to base-2 logits.
Value TileProgramBuilder::modifyScore(const Task &task, Value score,
                                      Value key) {
  if (countsColumns() && task.firstKey)
    key = make<arith::AddIOp>("column", key, task.firstKey);
  auto map = tile::MapOp::create(
      b, named("modified"), score.getType(), score, task.first, key,
      task.kvHead, asksForPosition(flash) ? positionOf(task) : Value(),
      argument(flash.getTable()), group);
  IRMapping mapping;
  OpBuilder::InsertionGuard guard(b);
  flash.getScoreMod().cloneInto(&map.getBody(), mapping);
  for (auto lookup :
       llvm::make_early_inc_range(map.getBody().getOps<LookupOp>())) {
    b.setInsertionPoint(lookup);
    Value element = tile::LookupOp::create(b, lookup.getLoc(), lookup.getRow(),
                                           lookup.getColumn());
    lookup.replaceAllUsesWith(element);
    lookup.erase();
  }
  Operation *yield = map.getBody().front().getTerminator();
  b.setInsertionPoint(yield);
  Value log2e = arith::ConstantOp::create(
      b, loc, b.getF32FloatAttr(llvm::numbers::log2ef));
  Value logit = arith::MulFOp::create(b, loc, yield->getOperand(0), log2e);
  tile::YieldOp::create(b, loc, logit);
  yield->erase();
  return map.getResult();
}

/// Masks the block only where some query does not see all of it.
Value TileProgramBuilder::maskScore(const Task &task, Value score, Value key) {
  using Predicate = arith::CmpIPredicate;
  Value before = arith::CmpIOp::create(b, named("before"), Predicate::slt, key,
                                       task.fullLo);
  Value after = arith::CmpIOp::create(b, named("after"), Predicate::sge, key,
                                      task.fullHi);
  Value partial = make<arith::OrIOp>("partial", before, after);
  auto choice = scf::IfOp::create(
      b, named("logit"), partial,
      [&](OpBuilder &, Location) {
        Value masked = tile::MaskOp::create(
            b, named("masked"), score.getType(), score, task.position, key,
            task.length, left, right, chunk, task.prefix, task.begins,
            task.ends, group);
        scf::YieldOp::create(b, loc, masked);
      },
      [&](OpBuilder &, Location) { scf::YieldOp::create(b, loc, score); });
  return choice.getResult(0);
}

void TileProgramBuilder::finish(const Task &task, const State &state) {
  auto done = tile::FinishOp::create(b, loc, state.sum.getType(),
                                     state.maximum.getType(), state.maximum,
                                     state.denominator, state.sum, task.kvHead,
                                     argument(flash.getSinks()), group);
  auto store = [&](Value rows, Value view) {
    tile::StoreOp::create(b, loc, rows, view, task.batch, task.first,
                          task.kvHead, task.count, group);
  };
  store(done.getOutput(), output);
  if (lse)
    store(done.getLse(), lse);
}
