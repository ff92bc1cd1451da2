//===- AbsorbProjections.cpp - attention on the latents themselves --------===//
//
// Multi-head latent attention (DeepSeek-AI 2024) projects keys and values of
// every head from rows that all heads share. The products can move to the
// queries and the outputs; it depends on the lengths whether that is cheaper.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnDialect.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "passes/HeadProjections.h"
#include "passes/LatentCosts.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"
#include "passes/TensorTypes.h"
#include "passes/Views.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

#define DEBUG_TYPE "attn-absorb-projections"

namespace attn {
#define GEN_PASS_DEF_ABSORBPROJECTIONS
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
/// softmax(query . [rows . W_uk, rope]) . (rows . W_uv)
struct LatentAttention {
  ScoreOp score;
  MaskedSoftmaxOp softmax;
  WeightedSumOp sum;
  HeadProjection key, value;
  /// The key's part that all heads share, if there is one, and whether it comes
  /// before the projected part.
  std::optional<HeadsView> rope;
  bool ropeFirst = false;

  Value query() const { return ScoreOp(score).getQuery(); }
  Value scores() const { return ScoreOp(score).getScore(); }
  int64_t ropeSize() const { return rope ? rope->sizeOf(3) : 0; }
  LatentGeometry geometry() const {
    return {key.heads, key.rank(), key.size, ropeSize(), value.size};
  }
};

using Options = AbsorbProjectionsOptions;
} // namespace

//===----------------------------------------------------------------------===//
// What is there
//===----------------------------------------------------------------------===//

/// One projected part of the key, and at most one that is shared.
static std::string collectKey(LatentAttention &attention) {
  SmallVector<HeadsView> parts = partsOf({attention.score.getKey()});
  if (parts.size() > 2)
    return "the key has " + std::to_string(parts.size()) +
           " parts, expected a projected and a shared one";
  std::string why, whyShared;
  for (auto [i, part] : llvm::enumerate(parts)) {
    std::optional<HeadProjection> projection = findProjection(part, why);
    if (!projection)
      continue;
    attention.key = *projection;
    if (parts.size() == 1)
      return {};
    const HeadsView &other = parts[1 - i];
    if (!isSharedHead(other, whyShared))
      continue;
    attention.rope = other;
    attention.ropeFirst = i == 1;
    return {};
  }
  if (!attention.key.product)
    return "the key " + why;
  return "the key's other part " + whyShared;
}

/// A user of the projections' result other than this attention; null if there
/// is none. What lies between has to be unused elsewhere too.
static Operation *findForeignUser(Operation *product,
                                  const LatentAttention &attention) {
  SmallVector<Operation *> worklist = {product};
  while (!worklist.empty())
    for (OpOperand &use : worklist.pop_back_val()->getUses()) {
      Operation *user = use.getOwner();
      // Key and value: a query would keep the product.
      bool isOurs = user == attention.score || user == attention.sum;
      if (isOurs && use.getOperandNumber() == 1)
        continue;
      if (!isa<SliceOp, UnflattenOp, TransposeOp, ConcatOp>(user))
        return user;
      worklist.push_back(user);
    }
  return nullptr;
}

/// Why the steps that end in `attention.sum` are no latent attention; empty if
/// they are.
static std::string collect(LatentAttention &attention) {
  if (std::string why = collectKey(attention); !why.empty())
    return why;
  const HeadProjection &key = attention.key, &value = attention.value;
  if (key.rows != value.rows)
    return "key and value are projected from different tensors, of " +
           describeProducer(key.rows) + " and of " +
           describeProducer(value.rows);
  if (sizeOf(attention.query(), 2) != key.heads || key.heads != value.heads)
    return "queries have " + describeSize(sizeOf(attention.query(), 2)) +
           " heads, keys " + describeSize(key.heads) + " and values " +
           describeSize(value.heads) + ", expected the same";
  if (attention.rope && getElementTypeOrSelf(attention.rope->value) !=
                            getElementTypeOrSelf(key.rows))
    return "the parts of the absorbed key are stored in different types";
  for (Operation *product : {key.product, value.product})
    if (Operation *user = findForeignUser(product, attention))
      return ("the projection is needed by '" + user->getName().getStringRef() +
              "' too")
          .str();
  return {};
}

//===----------------------------------------------------------------------===//
// What it costs
//===----------------------------------------------------------------------===//

/// Whether `value` is computed from `source`.
static bool dependsOn(Value value, Value source) {
  llvm::SetVector<Value> seen;
  seen.insert(value);
  for (size_t next = 0; next < seen.size(); ++next)
    if (Operation *op = seen[next].getDefiningOp())
      seen.insert_range(op->getOperands());
  return seen.contains(source);
}

/// The rows outlive a call: a cache that grew, or, but for a norm, an argument
/// that queries are not made of. Otherwise keys are as many as queries.
static bool isCached(const LatentAttention &attention) {
  Value rows = attention.key.rows;
  while (Operation *op = rows.getDefiningOp()) {
    auto concat = dyn_cast<ConcatOp>(op);
    if (isa<CacheAppendOp>(op) || (concat && concat.getDim() == 1))
      return true;
    if (!isa<RmsNormOp, LayerNormOp, SliceOp, TransposeOp, FlattenOp,
             UnflattenOp>(op))
      return false;
    rows = op->getOperand(0);
  }
  return !dependsOn(attention.query(), rows);
}

/// The function serves what another of its kernel, for few queries, does not.
static bool isForMany(Value scores) {
  auto function = scores.getDefiningOp()->getParentOfType<func::FuncOp>();
  return function && function->hasAttr(kKernelAttr) &&
         !function->hasAttr(kMaxQueriesAttr);
}

/// The lengths that the IR knows, those of the options for others.
static LatentCall lengthsOf(const LatentAttention &attention,
                            const Options &options) {
  int64_t queries = sizeOf(attention.scores(), 2);
  int64_t keys = sizeOf(attention.scores(), 3);
  bool cached = isCached(attention);
  if (ShapedType::isDynamic(queries))
    queries = cached && !isForMany(attention.scores()) ? options.queryLength
                                                       : options.kvLength;
  if (ShapedType::isDynamic(keys))
    keys = cached ? int64_t(options.kvLength) : queries;
  return LatentCall::full(double(queries), double(keys));
}

/// Every tensor counts as if it were stored as the rows are.
static std::string spellCosts(const FormCosts &costs, Value rows) {
  return llvm::formatv("{0:f0} FLOPs and {1:f0} bytes", costs.flops,
                       costs.elements * double(elementBytes(rows)));
}

/// "... a call of 1 query tokens on 4096 keys, against ... expanded; absorbed
/// has fewer FLOPs below 163.8 query tokens, 170.7 on ever more keys".
static std::string explainCosts(const LatentAttention &attention,
                                const LatentCall &call) {
  LatentGeometry geometry = attention.geometry();
  Value rows = attention.key.rows;
  std::string text = llvm::formatv(
      "a call of {0} query tokens on {1} keys takes {2} absorbed and {3} "
      "expanded; absorbed has ",
      int64_t(call.queryLength), int64_t(call.kvLength),
      spellCosts(countAbsorbed(geometry, call), rows),
      spellCosts(countExpanded(geometry, call), rows));
  double crossover = crossoverQueryLength(geometry, call.kvLength);
  if (!std::isfinite(crossover))
    return text + "fewer FLOPs for any number of them";
  return text + llvm::formatv("fewer FLOPs below {0:f1} query tokens, {1:f1} "
                              "on ever more keys",
                              crossover, crossoverQueryLength(geometry))
                    .str();
}

/// Why the heads' keys and values stay as they are; empty if they go.
static std::string decide(const LatentAttention &attention,
                          const Options &options, const LatentCall &call) {
  switch (options.form) {
  case AbsorbForm::Absorbed:
    return {};
  case AbsorbForm::Expanded:
    return "the option form asks for expanded keys and values";
  case AbsorbForm::Auto:
    break;
  }
  if (prefersAbsorbed(attention.geometry(), call))
    return {};
  return "keys and values stay expanded: " + explainCosts(attention, call);
}

//===----------------------------------------------------------------------===//
// What becomes of it
//===----------------------------------------------------------------------===//

/// [batch, rows, heads, size] -> its elements from `offset` on.
static Value createPart(OpBuilder &builder, Location loc, Value heads,
                        int64_t offset, int64_t size) {
  SmallVector<int64_t> shape(
      cast<RankedTensorType>(heads.getType()).getShape());
  shape[3] = size;
  return SliceOp::create(builder, loc, typeWith(heads, shape), heads, /*dim=*/3,
                         offset);
}

static Value createHeadLinear(OpBuilder &builder, Location loc, Value heads,
                              Value weight, bool transposed) {
  SmallVector<int64_t> shape(
      cast<RankedTensorType>(heads.getType()).getShape());
  shape[3] = sizeOf(weight, transposed ? 2 : 1);
  return HeadLinearOp::create(builder, loc, typeWith(heads, shape), heads,
                              weight, transposed);
}

/// `left` and `right` side by side in each head; `left` alone without a right.
static Value createJoined(OpBuilder &builder, Location loc, Value left,
                          Value right) {
  if (!right)
    return left;
  SmallVector<int64_t> shape(cast<RankedTensorType>(left.getType()).getShape());
  shape[3] += sizeOf(right, 3);
  return ConcatOp::create(builder, loc, typeWith(left, shape),
                          ValueRange{left, right}, /*dim=*/3);
}

/// The query's parts against the projected and the shared part of the key.
static std::pair<Value, Value>
createQueryParts(OpBuilder &builder, Location loc, const LatentAttention &a) {
  Value query = a.query();
  if (!a.rope)
    return {query, Value()};
  int64_t nope = a.key.size, rope = a.ropeSize();
  auto concat = query.getDefiningOp<ConcatOp>();
  if (concat && concat.getDim() == 3 && concat.getInputs().size() == 2 &&
      sizeOf(concat.getInputs()[a.ropeFirst], 3) == nope)
    return {concat.getInputs()[a.ropeFirst], concat.getInputs()[!a.ropeFirst]};
  return {createPart(builder, loc, query, a.ropeFirst ? rope : 0, nope),
          createPart(builder, loc, query, a.ropeFirst ? 0 : nope, rope)};
}

/// query' = [query_nope . W_uk, query_rope], key' = [rows, rope], value' =
/// rows, output = output' . W_uv^T
static void absorb(PatternRewriter &rewriter, const LatentAttention &a) {
  ScoreOp score = a.score;
  WeightedSumOp sum = a.sum;
  Location loc = sum.getLoc();
  rewriter.setInsertionPoint(score);
  auto [nope, rope] = createQueryParts(rewriter, loc, a);
  Value query = createJoined(rewriter, loc,
                             createHeadLinear(rewriter, loc, nope,
                                              a.key.createWeight(rewriter, loc),
                                              /*transposed=*/true),
                             rope);
  Value rows = a.key.rows;
  Value head = ExpandOp::create(
      rewriter, loc,
      typeWith(rows, {sizeOf(rows, 0), sizeOf(rows, 1), 1, a.key.rank()}), rows,
      /*dim=*/2);
  std::string why;
  Value shared =
      a.rope ? createSharedHead(rewriter, loc, *a.rope, why) : Value();
  rewriter.modifyOpInPlace(score, [&] {
    score.getQueryMutable().assign(query);
    score.getKeyMutable().assign(createJoined(rewriter, loc, head, shared));
  });
  rewriter.setInsertionPoint(sum);
  SmallVector<int64_t> shape(sum.getOutput().getType().getShape());
  shape[3] = a.key.rank();
  Value latent =
      WeightedSumOp::create(rewriter, loc, typeWith(sum.getOutput(), shape),
                            sum.getProbability(), head);
  Value output = createHeadLinear(rewriter, loc, latent,
                                  a.value.createWeight(rewriter, loc), false);
  rewriter.replaceOp(sum, output);
}

/// Multiplying W_q and W_uk ahead of time saves a product for the memory of
/// [heads, rank of the queries, rank of the latents].
static void remarkFolding(const LatentAttention &a) {
  std::string why;
  Value query = a.query();
  auto slice = query.getDefiningOp<SliceOp>();
  std::optional<HeadProjection> projection = findProjection({query}, why);
  if (!projection && slice)
    projection = findProjection({slice.getInput()}, why);
  if (!projection)
    return;
  double heads = a.key.heads, nope = a.key.size, rank = a.key.rank();
  double queryRank = projection->rank();
  remarkMissed(
      a.score, DEBUG_TYPE,
      llvm::formatv("weights of queries and keys stay two factors of {0:f0} "
                    "elements: their product has {1:f0}",
                    heads * nope * (queryRank + rank), heads * queryRank * rank)
          .str());
}

namespace {
// weighted_sum (softmax (score %q, [%c . W_uk, %r])), (%c . W_uv)
//   -> head_linear (weighted_sum (softmax (score [%q . W_uk, %q_r], [%c, %r])),
//                   %c), W_uv
struct AbsorbLatents : OpRewritePattern<WeightedSumOp> {
  AbsorbLatents(MLIRContext *context, const Options &options)
      : OpRewritePattern(context), options(options) {}

  LogicalResult matchAndRewrite(WeightedSumOp sum,
                                PatternRewriter &rewriter) const override {
    LatentAttention attention;
    attention.sum = sum;
    attention.softmax = sum.getProbability().getDefiningOp<MaskedSoftmaxOp>();
    if (!attention.softmax)
      return rewriter.notifyMatchFailure(sum, "softmax and mask are not fused");
    attention.score = attention.softmax.getScore().getDefiningOp<ScoreOp>();
    std::string why;
    std::optional<HeadProjection> value = findProjection({sum.getValue()}, why);
    if (!attention.score || !value)
      return rewriter.notifyMatchFailure(sum, "values are not projected");
    attention.value = *value;
    why = collect(attention);
    LatentCall call = {};
    if (why.empty()) {
      call = lengthsOf(attention, options);
      why = decide(attention, options, call);
    }
    if (!why.empty()) {
      remarkMissed(sum, DEBUG_TYPE, why);
      return rewriter.notifyMatchFailure(sum, why);
    }
    remarkFolding(attention);
    remarkPassed(sum, DEBUG_TYPE,
                 "absorbed the projections of keys and values: " +
                     explainCosts(attention, call));
    absorb(rewriter, attention);
    return success();
  }

  const Options &options;
};

struct AbsorbProjectionsPass
    : attn::impl::AbsorbProjectionsBase<AbsorbProjectionsPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void AbsorbProjectionsPass::runOnOperation() {
  Options options{form, queryLength, kvLength};
  RewritePatternSet patterns(&getContext());
  patterns.add<AbsorbLatents>(&getContext(), options);
  walkAndApplyPatterns(getOperation(), std::move(patterns));
  foldViews(getOperation());
}
