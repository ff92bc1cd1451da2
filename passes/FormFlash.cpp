//===- FormFlash.cpp - attention as one operation -------------------------===//
//
// Scores that no one else reads need never be stored: the softmax can run
// online over blocks of keys (Dao et al. 2022).
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"
#include "passes/ScoreModBuilder.h"
#include "passes/TensorTypes.h"

#define DEBUG_TYPE "attn-form-flash"

namespace attn {
#define GEN_PASS_DEF_FORMFLASH
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
/// The operations that make one attention.
struct FlashSteps {
  ScoreOp score;
  /// Steps that stand before a bias; null where there is none.
  ScaleOp scale;
  SoftcapOp softcap;
  PositionBiasOp bias;
  MaskedSoftmaxOp softmax;
  WeightedSumOp sum;
};
} // namespace

/// Why key and value cannot be operands of one flash; empty if they can. Scores
/// of open sizes have compared neither batches nor lengths, and no one heads.
static std::string compareKeyAndValue(Value key, Value value) {
  static constexpr StringLiteral kNames[] = {" batch rows", " keys", " heads"};
  for (auto [dim, name] : llvm::enumerate(kNames)) {
    int64_t left = sizeOf(key, dim), right = sizeOf(value, dim);
    bool isOpen = ShapedType::isDynamic(left) || ShapedType::isDynamic(right);
    if (left == right || (isOpen && dim != 2))
      continue;
    return ("key has " + describeSize(left) + name + " and value " +
            describeSize(right) + ", expected the same")
        .str();
  }
  return {};
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

/// A masked softmax knows no bias: scale and softcap stand before it then.
static std::string collectBias(Value &score, FlashSteps &steps) {
  steps.bias = takeStep<PositionBiasOp>(score);
  if (!steps.bias)
    return {};
  MaskedSoftmaxOp softmax = steps.softmax;
  if (!softmax.getScale().isExactlyValue(1.0) || softmax.getSoftcap())
    return "the bias stands before a scale of " +
           describeNumber(softmax.getScale().convertToDouble()) +
           (softmax.getSoftcap() ? " and a softcap" : "");
  steps.softcap = takeStep<SoftcapOp>(score);
  steps.scale = takeStep<ScaleOp>(score);
  return whyNotScoreMod(steps.bias, softmax.getLengths(),
                        softmax.getSinks() || !softmax.getLse().use_empty());
}

/// The score of the steps, each of which is used by the next one alone.
static std::string collectScore(FlashSteps &steps) {
  Value score = steps.softmax.getScore();
  if (std::string obstacle = collectBias(score, steps); !obstacle.empty())
    return obstacle;
  steps.score = score.getDefiningOp<ScoreOp>();
  if (!steps.score)
    return "scores come from " + describeProducer(score) +
           ", expected 'attn.score'";
  Operation *user = steps.softmax;
  for (Operation *step :
       {steps.bias.getOperation(), steps.softcap.getOperation(),
        steps.scale.getOperation(), steps.score.getOperation()}) {
    if (!step)
      continue;
    if (Operation *other = findOtherUser(step->getResult(0), user))
      return ("scores are needed by '" + other->getName().getStringRef() +
              "' too")
          .str();
    user = step;
  }
  return {};
}

/// The steps that end in `sum`, or why they are no attention.
static std::string collectSteps(WeightedSumOp sum, FlashSteps &steps) {
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
  if (std::string obstacle = collectScore(steps); !obstacle.empty())
    return obstacle;
  if (Operation *user = findEarlyUser(steps.softmax.getLse(), sum))
    return ("the log-sum-exp is needed by '" + user->getName().getStringRef() +
            "' before the weighted sum")
        .str();
  return compareKeyAndValue(steps.score.getKey(), sum.getValue());
}

/// What scores are multiplied by, and what happens to them then.
static FloatAttr scaleOf(FlashSteps &steps) {
  return steps.scale ? steps.scale.getByAttr() : steps.softmax.getScaleAttr();
}
static ScoreSteps scoreModOf(FlashSteps &steps) {
  std::optional<APFloat> cap = steps.softmax.getSoftcap();
  if (steps.softcap)
    cap = steps.softcap.getCap();
  ScoreSteps mod{.cap = {}, .bias = steps.bias};
  if (cap)
    mod.cap = cap->convertToDouble();
  return mod;
}

namespace {
// weighted_sum (masked_softmax (score %q, %k)), %v -> flash %q, %k, %v
struct JoinSteps : OpRewritePattern<WeightedSumOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(WeightedSumOp sum,
                                PatternRewriter &rewriter) const override {
    FlashSteps steps;
    if (std::string obstacle = collectSteps(sum, steps); !obstacle.empty()) {
      remarkMissed(sum, DEBUG_TYPE, obstacle);
      return rewriter.notifyMatchFailure(sum, obstacle);
    }
    ScoreOp score = steps.score;
    MaskedSoftmaxOp softmax = steps.softmax;
    auto flash = FlashOp::create(
        rewriter, sum.getLoc(), sum.getOutput().getType(),
        softmax.getLse().getType(), score.getQuery(), score.getKey(),
        sum.getValue(), softmax.getLengths(), softmax.getPrefix(),
        softmax.getDocuments(), softmax.getSinks(), softmax.getTensorMask(),
        steps.bias ? steps.bias.getTable() : Value(), scaleOf(steps),
        softmax.getMask());
    createScoreMod(rewriter, flash, scoreModOf(steps));
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
