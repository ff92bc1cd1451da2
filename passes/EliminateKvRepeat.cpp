//===- EliminateKvRepeat.cpp - grouped heads are read in place ------------===//
//
// Grouped-query attention (Ainslie et al. 2023) shares key/value heads; the
// repetition that frameworks write out costs memory traffic and nothing else.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "passes/HeadRepeat.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"
#include "passes/Views.h"

#define DEBUG_TYPE "attn-eliminate-kv-repeat"

namespace attn {
#define GEN_PASS_DEF_ELIMINATEKVREPEAT
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

static constexpr int64_t kHeadsDim = 2;

static std::string describeHeads(Value value) {
  return describeSize(cast<ShapedType>(value.getType()).getDimSize(kHeadsDim));
}

/// Says that `user` reads `input` instead of `repeated`. Query head h reads
/// (h / group) / times of it, which is h / (group * times).
static void remarkReadInPlace(Operation *user, Value repeated, Value input) {
  if (repeated.getType() == input.getType())
    return;
  remarkPassed(user, DEBUG_TYPE,
               "'" + user->getName().getStringRef() + "' reads " +
                   describeHeads(input) + " heads in groups instead of " +
                   describeHeads(repeated) + " repeated ones");
}

/// Heads in another order are no groups: query head h would have to read head
/// h mod n of n.
static void remarkTiled(Operation *user, Operation *tiled) {
  remarkMissed(user, DEBUG_TYPE,
               "heads repeated as a whole by '" +
                   tiled->getName().getStringRef() +
                   "' are no groups: query head h reads h mod their number, "
                   "not h / group");
}

/// The repetition of the heads of `value`, which `user` reads.
static std::optional<HeadRepeat> findHeadRepeat(Operation *user, Value value) {
  Operation *tiled = nullptr;
  std::optional<HeadRepeat> repeat = findRepeat(value, kHeadsDim, tiled);
  if (tiled)
    remarkTiled(user, tiled);
  return repeat;
}

namespace {
// score %q, (repeat_kv %k), and likewise weighted_sum -> score %q, %k
template <typename OpTy>
struct ReadGroupedHeads : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    OpOperand &operand = op->getOpOperand(1);
    Value repeated = operand.get(), input = repeated;
    while (std::optional<HeadRepeat> repeat = findHeadRepeat(op, input))
      input = createUnrepeated(rewriter, *repeat);
    if (input == repeated)
      return rewriter.notifyMatchFailure(op, "heads are not repeated");
    rewriter.modifyOpInPlace(op, [&] { operand.set(input); });
    remarkReadInPlace(op, repeated, input);
    return success();
  }
};

// flash %q, (repeat_kv %k), (repeat_kv %v) -> flash %q, %k, %v
struct ReadGroupedHeadsInFlash : OpRewritePattern<FlashOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(FlashOp op,
                                PatternRewriter &rewriter) const override {
    Value repeated = op.getKey();
    Value keys = repeated, values = op.getValue();
    while (true) {
      std::optional<HeadRepeat> key = findHeadRepeat(op, keys);
      std::optional<HeadRepeat> value = findHeadRepeat(op, values);
      if (!key || !value || key->times != value->times)
        break;
      keys = createUnrepeated(rewriter, *key);
      values = createUnrepeated(rewriter, *value);
    }
    if (keys == repeated)
      return rewriter.notifyMatchFailure(
          op, "key and value are not repeated alike");
    rewriter.modifyOpInPlace(op, [&] {
      op.getKeyMutable().assign(keys);
      op.getValueMutable().assign(values);
    });
    remarkReadInPlace(op, repeated, keys);
    return success();
  }
};

struct EliminateKvRepeatPass
    : attn::impl::EliminateKvRepeatBase<EliminateKvRepeatPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

/// "head", or "element of dimension 1": what a repeat has several of.
static std::string describeRepeated(Operation *op) {
  if (auto interleave = dyn_cast<RepeatInterleaveOp>(op))
    return "element of dimension " + std::to_string(interleave.getDim());
  return "head";
}

/// Names an operation that keeps each repeat alive.
static void remarkRemaining(Operation *root) {
  root->walk([](Operation *op) {
    if (!isa<RepeatKvOp, RepeatInterleaveOp>(op))
      return;
    auto times = op->getAttrOfType<IntegerAttr>("times").getInt();
    Operation *user = *op->user_begin();
    remarkMissed(op, DEBUG_TYPE,
                 "'" + user->getName().getStringRef() + "' needs each " +
                     describeRepeated(op) + " repeated " + Twine(times) +
                     " times");
  });
}

void EliminateKvRepeatPass::runOnOperation() {
  RewritePatternSet patterns(&getContext());
  patterns.add<ReadGroupedHeads<ScoreOp>, ReadGroupedHeads<WeightedSumOp>,
               ReadGroupedHeadsInFlash>(&getContext());
  walkAndApplyPatterns(getOperation(), std::move(patterns));
  foldViews(getOperation());
  remarkRemaining(getOperation());
}
