//===- FormFlash.cpp - attention as one operation -------------------------===//
//
// Scores that no one else reads need never be stored: the softmax can run
// online over blocks of keys (Dao et al. 2022).
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

#define DEBUG_TYPE "attn-form-flash"

namespace attn {
#define GEN_PASS_DEF_FORMFLASH
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
/// Three steps that make one attention.
struct AttentionSteps {
  ScoreOp score;
  MaskedSoftmaxOp softmax;
  WeightedSumOp sum;
};
} // namespace

static int64_t sizeOf(Value value, unsigned dimension) {
  return cast<ShapedType>(value.getType()).getDimSize(dimension);
}

/// Why key and value cannot be operands of one flash; empty if they can. The
/// scores compare their batch and length, nothing so far their heads.
static std::string compareKeyAndValue(Value key, Value value) {
  int64_t keyHeads = sizeOf(key, 2), valueHeads = sizeOf(value, 2);
  if (keyHeads == valueHeads)
    return {};
  return "key has " + describeSize(keyHeads) + " heads and value " +
         describeSize(valueHeads) + ", expected the same";
}

/// An operation that needs the log-sum-exp before `sum` is computed: a flash in
/// place of the sum would come too late for it. Null if there is none.
static Operation *findEarlyUser(Value lse, WeightedSumOp sum) {
  for (Operation *user : lse.getUsers()) {
    Operation *ancestor = sum->getBlock()->findAncestorOpInBlock(*user);
    if (!ancestor || ancestor->isBeforeInBlock(sum))
      return user;
  }
  return nullptr;
}

/// The steps that end in `sum`, or why they are no attention.
static std::string collectSteps(WeightedSumOp sum, AttentionSteps &steps) {
  steps.sum = sum;
  Value probability = sum.getProbability();
  steps.softmax = probability.getDefiningOp<MaskedSoftmaxOp>();
  if (!steps.softmax)
    return "probabilities come from " + describeProducer(probability) +
           ", expected 'attn.masked_softmax'";
  if (Operation *user = findOtherUser(probability, sum))
    return ("probabilities are needed by '" + user->getName().getStringRef() +
            "' too")
        .str();
  Value score = steps.softmax.getScore();
  steps.score = score.getDefiningOp<ScoreOp>();
  if (!steps.score)
    return "scores come from " + describeProducer(score) +
           ", expected 'attn.score'";
  if (Operation *user = findOtherUser(score, steps.softmax))
    return ("scores are needed by '" + user->getName().getStringRef() + "' too")
        .str();
  if (Operation *user = findEarlyUser(steps.softmax.getLse(), sum))
    return ("the log-sum-exp is needed by '" + user->getName().getStringRef() +
            "' before the weighted sum")
        .str();
  return compareKeyAndValue(steps.score.getKey(), sum.getValue());
}

/// score_mod: cap * tanh(score / cap)
static void createSoftcap(OpBuilder &builder, FlashOp flash, double limit) {
  OpBuilder::InsertionGuard guard(builder);
  Location location = flash.getLoc();
  auto named = [&](StringRef name) {
    return NameLoc::get(builder.getStringAttr(name), location);
  };
  Type f32 = builder.getF32Type(), index = builder.getIndexType();
  Block *body = builder.createBlock(
      &flash.getScoreMod(), {}, {f32, index, index, index},
      {named("score"), named("row"), named("column"), named("head")});
  Value cap = arith::ConstantOp::create(
      builder, named("cap"),
      builder.getF32FloatAttr(static_cast<float>(limit)));
  Value ratio =
      arith::DivFOp::create(builder, named("ratio"), body->getArgument(0), cap);
  Value bounded = math::TanhOp::create(builder, named("bounded"), ratio);
  Value capped = arith::MulFOp::create(builder, named("capped"), cap, bounded);
  YieldOp::create(builder, location, capped);
}

namespace {
// weighted_sum (masked_softmax (score %q, %k)), %v -> flash %q, %k, %v
struct JoinSteps : OpRewritePattern<WeightedSumOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(WeightedSumOp sum,
                                PatternRewriter &rewriter) const override {
    AttentionSteps steps;
    if (std::string obstacle = collectSteps(sum, steps); !obstacle.empty()) {
      remarkMissed(sum, DEBUG_TYPE, obstacle);
      return rewriter.notifyMatchFailure(sum, obstacle);
    }
    auto [score, softmax, _] = steps;
    auto flash = FlashOp::create(
        rewriter, sum.getLoc(), sum.getOutput().getType(),
        softmax.getLse().getType(), score.getQuery(), score.getKey(),
        sum.getValue(), softmax.getLengths(), softmax.getSinks(),
        softmax.getTensorMask(), softmax.getScaleAttr(), softmax.getMask());
    if (std::optional<APFloat> cap = softmax.getSoftcap())
      createSoftcap(rewriter, flash, cap->convertToDouble());
    remarkPassed(
        sum, DEBUG_TYPE,
        "joined score, masked softmax and weighted sum; the scores of " +
            describeSize(sizeOf(score.getScore(), 1)) +
            " heads are never stored");
    rewriter.replaceAllUsesWith(softmax.getLse(), flash.getLse());
    rewriter.replaceOp(sum, flash.getOutput());
    return success();
  }
};

struct FormFlashPass : attn::impl::FormFlashBase<FormFlashPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void FormFlashPass::runOnOperation() {
  RewritePatternSet patterns(&getContext());
  patterns.add<JoinSteps>(&getContext());
  walkAndApplyPatterns(getOperation(), std::move(patterns));
  eraseUnused(getOperation());
}
