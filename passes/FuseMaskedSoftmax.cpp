//===- FuseMaskedSoftmax.cpp - scores to probabilities in one step --------===//
//
// Scale, softcap, mask and sink have one order (semantics, item 8); what keeps
// it becomes one operation, and nothing else does.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

#define DEBUG_TYPE "attn-fuse-masked-softmax"

namespace attn {
#define GEN_PASS_DEF_FUSEMASKEDSOFTMAX
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
/// The steps above a softmax, from below; those that are absent are null.
struct ScoreSteps {
  MaskOp mask;
  SoftcapOp softcap;
  ScaleOp scale;
  /// Scores before the first step.
  Value score;
};
} // namespace

/// Takes the step that makes the scores, if it is a `StepOp`.
template <typename StepOp>
static StepOp takeStep(ScoreSteps &steps) {
  auto step = steps.score.getDefiningOp<StepOp>();
  if (step)
    steps.score = step->getOperand(0);
  return step;
}

static ScoreSteps collectSteps(SoftmaxOp softmax) {
  ScoreSteps steps;
  steps.score = softmax.getScore();
  steps.mask = takeStep<MaskOp>(steps);
  steps.softcap = takeStep<SoftcapOp>(steps);
  steps.scale = takeStep<ScaleOp>(steps);
  return steps;
}

/// A step that another operation needs too: its scores have to be stored, and
/// fusing would compute them twice. Null if there is none.
static Operation *findSharedStep(ScoreSteps steps) {
  for (Operation *step :
       {steps.mask.getOperation(), steps.softcap.getOperation(),
        steps.scale.getOperation()})
    if (step && !step->hasOneUse())
      return step;
  return nullptr;
}

/// The log-sum-exp of [batch, heads, queries, keys]: [batch, queries, heads].
static Type lseTypeOf(Value score) {
  auto type = cast<RankedTensorType>(score.getType());
  ArrayRef<int64_t> shape = type.getShape();
  return RankedTensorType::get({shape[0], shape[2], shape[1]},
                               type.getElementType());
}

/// Why the softmax cannot take the steps in; empty if it can.
static std::string findObstacle(SoftmaxOp softmax, ScoreSteps steps) {
  int64_t rank = softmax.getScore().getType().getRank();
  if (rank != 4)
    return ("scores have rank " + Twine(rank) +
            ", expected [batch, heads, queries, keys]")
        .str();
  if (softmax.getSoftmaxDim() != rank - 1)
    return ("the softmax runs along dimension " +
            Twine(softmax.getSoftmaxDim()) + ", expected the keys, dimension 3")
        .str();
  Operation *above = steps.score.getDefiningOp();
  if (isa_and_nonnull<ScaleOp, SoftcapOp, MaskOp>(above))
    return describeProducer(steps.score) +
           " stands out of the order scale, softcap, mask, softmax";
  if (Operation *shared = findSharedStep(steps))
    return ("scores of '" + shared->getName().getStringRef() + "' have " +
            Twine(std::distance(shared->use_begin(), shared->use_end())) +
            " uses, expected 1")
        .str();
  return {};
}

/// "scale, mask": the steps by name, in the order of execution.
static std::string describeSteps(ScoreSteps steps) {
  SmallVector<StringRef> names;
  if (steps.scale)
    names.push_back("scale");
  if (steps.softcap)
    names.push_back("softcap");
  if (steps.mask)
    names.push_back("mask");
  names.push_back("softmax");
  return llvm::join(names, ", ");
}

namespace {
// softmax (mask (softcap (scale %s))) -> masked_softmax %s {...}
struct FuseSteps : OpRewritePattern<SoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(SoftmaxOp softmax,
                                PatternRewriter &rewriter) const override {
    ScoreSteps steps = collectSteps(softmax);
    if (std::string obstacle = findObstacle(softmax, steps);
        !obstacle.empty()) {
      remarkMissed(softmax, DEBUG_TYPE, obstacle);
      return rewriter.notifyMatchFailure(softmax, obstacle);
    }
    remarkPassed(softmax, DEBUG_TYPE, "joined " + describeSteps(steps));
    FloatAttr scale =
        steps.scale ? steps.scale.getByAttr() : rewriter.getF64FloatAttr(1.0);
    MaskAttrInterface mask = steps.mask ? steps.mask.getMask()
                                        : BidirectionalAttr::get(getContext());
    auto fused = MaskedSoftmaxOp::create(
        rewriter, softmax.getLoc(), softmax.getProbability().getType(),
        lseTypeOf(softmax.getScore()), steps.score,
        steps.mask ? steps.mask.getLengths() : Value(), softmax.getSinks(),
        /*tensor_mask=*/Value(), scale,
        steps.softcap ? steps.softcap.getCapAttr() : FloatAttr(), mask);
    rewriter.replaceOp(softmax,
                       fused.getResults().take_front(softmax.getNumResults()));
    return success();
  }
};

struct FuseMaskedSoftmaxPass
    : attn::impl::FuseMaskedSoftmaxBase<FuseMaskedSoftmaxPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void FuseMaskedSoftmaxPass::runOnOperation() {
  RewritePatternSet patterns(&getContext());
  patterns.add<FuseSteps>(&getContext());
  walkAndApplyPatterns(getOperation(), std::move(patterns));
  eraseUnused(getOperation());
}
