//===- EliminateKvRepeat.cpp - grouped heads are read in place ------------===//
//
// Grouped-query attention (Ainslie et al. 2023) shares key/value heads; the
// repetition that frameworks write out costs memory traffic and nothing else.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

#define DEBUG_TYPE "attn-eliminate-kv-repeat"

namespace attn {
#define GEN_PASS_DEF_ELIMINATEKVREPEAT
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

/// Says that `user` reads `input` instead of `repeated`. Query head h reads
/// (h / group) / times of it, which is h / (group * times).
static void remarkReadInPlace(Operation *user, Value repeated, Value input) {
  auto heads = [](Value value) {
    return describeSize(cast<ShapedType>(value.getType()).getDimSize(2));
  };
  remarkPassed(user, DEBUG_TYPE,
               "'" + user->getName().getStringRef() + "' reads " +
                   heads(input) + " heads in groups instead of " +
                   heads(repeated) + " repeated ones");
}

/// The tensor before a chain of repeats.
static Value skipRepeats(Value value) {
  while (auto repeat = value.getDefiningOp<RepeatKvOp>())
    value = repeat.getInput();
  return value;
}

namespace {
// score %q, (repeat_kv %k), and likewise weighted_sum -> score %q, %k
template <typename OpTy>
struct ReadGroupedHeads : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    OpOperand &operand = op->getOpOperand(1);
    Value repeated = operand.get(), input = skipRepeats(repeated);
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
    auto key = op.getKey().getDefiningOp<RepeatKvOp>();
    auto value = op.getValue().getDefiningOp<RepeatKvOp>();
    if (!key || !value || key.getTimes() != value.getTimes())
      return rewriter.notifyMatchFailure(
          op, "key and value are not repeated alike");
    rewriter.modifyOpInPlace(op, [&] {
      op.getKeyMutable().assign(key.getInput());
      op.getValueMutable().assign(value.getInput());
    });
    remarkReadInPlace(op, key.getResult(), key.getInput());
    return success();
  }
};

struct EliminateKvRepeatPass
    : attn::impl::EliminateKvRepeatBase<EliminateKvRepeatPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

/// Names an operation that keeps each repeat alive.
static void remarkRemaining(Operation *root) {
  root->walk([](RepeatKvOp repeat) {
    Operation *user = *repeat->user_begin();
    remarkMissed(repeat, DEBUG_TYPE,
                 "'" + user->getName().getStringRef() +
                     "' needs each head repeated " + Twine(repeat.getTimes()) +
                     " times");
  });
}

void EliminateKvRepeatPass::runOnOperation() {
  RewritePatternSet patterns(&getContext());
  patterns.add<ReadGroupedHeads<ScoreOp>, ReadGroupedHeads<WeightedSumOp>,
               ReadGroupedHeadsInFlash>(&getContext());
  walkAndApplyPatterns(getOperation(), std::move(patterns));
  eraseUnused(getOperation());
  remarkRemaining(getOperation());
}
