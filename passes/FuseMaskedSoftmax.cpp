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
struct SoftmaxSteps {
  MaskOp mask;
  /// Masks as tensors: -inf where one is true, and one that is added.
  MaskedFillOp fill;
  AddOp sum;
  SoftcapOp softcap;
  ScaleOp scale;
  /// Scores before the first step.
  Value score;
};
} // namespace

/// Whether `mask` tells keys apart and has the rank of scores.
static bool isTensorMask(Value mask) {
  ArrayRef<int64_t> shape = cast<ShapedType>(mask.getType()).getShape();
  return shape.size() == 4 && shape.back() != 1;
}

static bool isInfiniteFill(Value score) {
  auto fill = score.getDefiningOp<MaskedFillOp>();
  return fill && fill.getValue().isInfinity() && fill.getValue().isNegative() &&
         isTensorMask(fill.getWhere());
}

/// A sum whose first operand has all scores, not a row that is repeated.
static bool isMaskSum(Value score) {
  auto sum = score.getDefiningOp<AddOp>();
  return sum && sum.getLhs().getType() == sum.getType() &&
         isTensorMask(sum.getRhs());
}

static SoftmaxSteps collectSteps(SoftmaxOp softmax) {
  SoftmaxSteps steps;
  steps.score = softmax.getScore();
  steps.mask = takeStep<MaskOp>(steps.score);
  if (isInfiniteFill(steps.score))
    steps.fill = takeStep<MaskedFillOp>(steps.score);
  if (isMaskSum(steps.score))
    steps.sum = takeStep<AddOp>(steps.score);
  if (steps.score.getDefiningOp<PositionBiasOp>())
    return steps;
  steps.softcap = takeStep<SoftcapOp>(steps.score);
  steps.scale = takeStep<ScaleOp>(steps.score);
  return steps;
}

/// A step that another operation needs too: its scores have to be stored, and
/// fusing would compute them twice. Null if there is none.
static Operation *findSharedStep(SoftmaxSteps steps) {
  for (Operation *step :
       {steps.mask.getOperation(), steps.fill.getOperation(),
        steps.sum.getOperation(), steps.softcap.getOperation(),
        steps.scale.getOperation()})
    if (step && !step->hasOneUse())
      return step;
  return nullptr;
}

/// The log-sum-exp of [batch, heads, queries, keys]: [batch, queries, heads].
static Type lseTypeOf(SoftmaxOp softmax) {
  if (softmax.getLse())
    return softmax.getLse().getType();
  auto type = softmax.getScore().getType();
  ArrayRef<int64_t> shape = type.getShape();
  return RankedTensorType::get({shape[0], shape[2], shape[1]},
                               type.getElementType());
}

/// Why the softmax cannot take the steps in; empty if it can.
static std::string findObstacle(SoftmaxOp softmax, SoftmaxSteps steps) {
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
  if (isa_and_nonnull<ScaleOp, SoftcapOp, MaskOp, MaskedFillOp>(above))
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
static std::string describeSteps(SoftmaxSteps steps) {
  SmallVector<StringRef> names;
  if (steps.scale)
    names.push_back("scale");
  if (steps.softcap)
    names.push_back("softcap");
  if (steps.sum || steps.fill)
    names.push_back("tensor mask");
  if (steps.mask)
    names.push_back("mask");
  names.push_back("softmax");
  return llvm::join(names, ", ");
}

/// -inf where `hidden` is true, else `added`, whatever that is stored in.
static Value createHiddenSum(OpBuilder &builder, Location location,
                             Value hidden, Value added) {
  auto type =
      cast<RankedTensorType>(added.getType()).clone(builder.getF32Type());
  ArrayRef<int64_t> other = cast<ShapedType>(hidden.getType()).getShape();
  SmallVector<int64_t> shape(type.getShape());
  for (auto [size, otherSize] : llvm::zip(shape, other))
    if (size == 1)
      size = otherSize;
  Value infinity = FullOp::create(
      builder, location, type.clone({1, 1, 1, 1}),
      builder.getF64FloatAttr(-std::numeric_limits<double>::infinity()));
  return WhereOp::create(builder, location, type.clone(shape), hidden, infinity,
                         added);
}

/// One mask of both: true = attend, or added. Null if there is none.
static Value createTensorMask(OpBuilder &builder, Location location,
                              SoftmaxSteps steps) {
  if (!steps.fill)
    return steps.sum ? steps.sum.getRhs() : Value();
  Value hidden = steps.fill.getWhere();
  if (steps.sum)
    return createHiddenSum(builder, location, hidden, steps.sum.getRhs());
  if (auto negation = hidden.getDefiningOp<NotOp>())
    return negation.getInput();
  return NotOp::create(builder, location, hidden.getType(), hidden);
}

namespace {
// softmax (mask (fill (add (softcap (scale %s)), %m), %h)) ->
//   masked_softmax %s tensor_mask(where %h, -inf, %m) {...}
struct FuseSteps : OpRewritePattern<SoftmaxOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(SoftmaxOp softmax,
                                PatternRewriter &rewriter) const override {
    SoftmaxSteps steps = collectSteps(softmax);
    if (std::string obstacle = findObstacle(softmax, steps);
        !obstacle.empty()) {
      remarkMissed(softmax, DEBUG_TYPE, obstacle);
      return rewriter.notifyMatchFailure(softmax, obstacle);
    }
    remarkPassed(softmax, DEBUG_TYPE, "joined " + describeSteps(steps));
    FloatAttr scale =
        steps.scale ? steps.scale.getByAttr() : rewriter.getF64FloatAttr(1.0);
    MaskOp mask = steps.mask;
    MaskAttrInterface symbolic =
        mask ? mask.getMask() : BidirectionalAttr::get(getContext());
    auto fused = MaskedSoftmaxOp::create(
        rewriter, softmax.getLoc(), softmax.getProbability().getType(),
        lseTypeOf(softmax), steps.score, mask ? mask.getLengths() : Value(),
        mask ? mask.getPrefix() : Value(), mask ? mask.getDocuments() : Value(),
        softmax.getSinks(), createTensorMask(rewriter, softmax.getLoc(), steps),
        scale, steps.softcap ? steps.softcap.getCapAttr() : FloatAttr(),
        symbolic);
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
