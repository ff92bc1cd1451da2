//===- UnfoldHeads.cpp - heads come out of the batch ----------------------===//
//
// Frameworks whose products know one batch dimension fold heads into it; as a
// dimension of their own they can share keys, masks and batches.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"
#include "passes/Views.h"

#define DEBUG_TYPE "attn-unfold-heads"

namespace attn {
#define GEN_PASS_DEF_UNFOLDHEADS
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The tensor [batch, heads, ...] that `value` [batch * heads, ...] is; null if
/// batch and heads are not known, or it is something else.
static Value findUnfolded(Value value) {
  auto flatten = value.getDefiningOp<FlattenOp>();
  if (!flatten || flatten.getDim() != 0)
    return {};
  RankedTensorType type = flatten.getInput().getType();
  bool isKnown =
      type.getRank() == 4 && !type.isDynamicDim(0) && !type.isDynamicDim(1);
  return isKnown ? Value(flatten.getInput()) : Value();
}

/// `value` [batch * heads, ...] as [batch, heads, ...] of `sizes`.
static Value unfold(OpBuilder &builder, Value value, ArrayRef<int64_t> sizes) {
  if (Value unfolded = findUnfolded(value);
      unfolded && typeOf(unfolded).getShape().take_front(2) == sizes)
    return unfolded;
  SmallVector<int64_t> shape(typeOf(value).getShape());
  shape[0] = sizes[1];
  shape.insert(shape.begin(), sizes[0]);
  return UnflattenOp::create(builder, value.getLoc(),
                             typeOf(value).clone(shape), value, 0);
}

/// An operand beside folded scores of rank 3: aligned at the last dimension, so
/// that only one with the batch in front changes.
static Value unfoldAligned(OpBuilder &builder, Value value,
                           ArrayRef<int64_t> sizes) {
  if (typeOf(value).getRank() < 3)
    return value;
  if (typeOf(value).getDimSize(0) == 1)
    return createExpand(builder, value.getLoc(), value, 0);
  return unfold(builder, value, sizes);
}

/// Folds the first two dimensions of `value` again.
static Value fold(OpBuilder &builder, Value value, Type type) {
  return FlattenOp::create(builder, value.getLoc(), type, value, 0);
}

namespace {
// transpose (flatten %x) -> flatten (transpose %x), in front of a product
struct UnfoldTranspose : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(TransposeOp op,
                                PatternRewriter &rewriter) const override {
    Value unfolded = findUnfolded(op.getInput());
    if (!unfolded || op.getPermutation()[0] != 0 ||
        !llvm::any_of(op->getUsers(), llvm::IsaPred<MatmulOp>))
      return rewriter.notifyMatchFailure(op, "no product of folded heads");
    SmallVector<int64_t> permutation = {0};
    for (int64_t dim : op.getPermutation())
      permutation.push_back(dim + 1);
    Value transposed =
        createTranspose(rewriter, op.getLoc(), unfolded, permutation);
    rewriter.replaceOp(op, fold(rewriter, transposed, op.getType()));
    return success();
  }
};

// matmul (flatten %a), (flatten %b) -> flatten (matmul %a, %b)
struct UnfoldProduct : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MatmulOp op,
                                PatternRewriter &rewriter) const override {
    Value lhs = findUnfolded(op.getLhs()), rhs = findUnfolded(op.getRhs());
    if (!lhs || !rhs)
      return rewriter.notifyMatchFailure(op, "heads are not folded");
    ArrayRef<int64_t> a = typeOf(lhs).getShape(), b = typeOf(rhs).getShape();
    if (a.take_front(2) != b.take_front(2))
      return rewriter.notifyMatchFailure(op, "heads are folded differently");
    Value product = MatmulOp::create(
        rewriter, op.getLoc(), op.getType().clone({a[0], a[1], a[2], b[3]}),
        lhs, rhs);
    if (a[1] > 1)
      remarkPassed(op, DEBUG_TYPE,
                   "took " + Twine(a[1]) + " heads out of a batch of " +
                       Twine(a[0] * a[1]));
    rewriter.replaceOp(op, fold(rewriter, product, op.getResult().getType()));
    return success();
  }
};

// op (flatten %scores), %other -> flatten (op %scores, %other)
struct UnfoldScores : RewritePattern {
  explicit UnfoldScores(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override;
};

struct UnfoldHeadsPass : attn::impl::UnfoldHeadsBase<UnfoldHeadsPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

/// Steps between the two products, and of masks beside them; if they have a
/// dimension, it is not the one that is folded.
static bool isScoreStep(Operation *op) {
  if (auto softmax = dyn_cast<SoftmaxOp>(op))
    return !softmax.getLse() && softmax.getSoftmaxDim() > 0;
  if (auto sum = dyn_cast<SumOp>(op))
    return sum.getDim() > 0;
  return isa<ScaleOp, SoftcapOp, TanhOp, AddOp, SubOp, MulOp, DivOp, NotOp,
             AndOp, OrOp, MaskedFillOp, WhereOp>(op);
}

/// Whether an operand is folded scores, or a folded mask.
static bool isFoldedScore(Value operand) {
  Value unfolded = findUnfolded(operand);
  return unfolded &&
         (typeOf(operand).getElementType().isInteger(1) ||
          isa_and_nonnull<MatmulOp, SoftmaxOp, ScaleOp, SoftcapOp, TanhOp,
                          AddOp, SubOp, MulOp, DivOp, MaskedFillOp, WhereOp>(
              unfolded.getDefiningOp()));
}

LogicalResult UnfoldScores::matchAndRewrite(Operation *op,
                                            PatternRewriter &rewriter) const {
  if (!isScoreStep(op))
    return rewriter.notifyMatchFailure(op, "no step between products");
  auto score = llvm::find_if(op->getOperands(), isFoldedScore);
  if (score == op->operand_end())
    return rewriter.notifyMatchFailure(op, "scores are not folded");
  SmallVector<int64_t> sizes(
      typeOf(findUnfolded(*score)).getShape().take_front(2));
  auto result = typeOf(op->getResult(0));
  if (result.getRank() != 3 || result.getDimSize(0) != sizes[0] * sizes[1])
    return rewriter.notifyMatchFailure(op, "the scores are repeated");
  SmallVector<Value> operands =
      llvm::map_to_vector(op->getOperands(), [&](Value operand) {
        return unfoldAligned(rewriter, operand, sizes);
      });
  Operation *copy = rewriter.clone(*op);
  copy->setOperands(operands);
  if (auto dim = op->getAttrOfType<IntegerAttr>("dim"))
    copy->setAttr("dim", rewriter.getI64IntegerAttr(dim.getInt() + 1));
  SmallVector<int64_t> shape(result.getShape());
  shape[0] = sizes[1];
  shape.insert(shape.begin(), sizes[0]);
  copy->getResult(0).setType(result.clone(shape));
  rewriter.setInsertionPointAfter(copy);
  rewriter.replaceOp(op, fold(rewriter, copy->getResult(0), result));
  return success();
}

void UnfoldHeadsPass::runOnOperation() {
  RewritePatternSet patterns(&getContext());
  patterns.add<UnfoldTranspose, UnfoldProduct, UnfoldScores>(&getContext());
  // Every rewrite moves a flatten down, so that this ends.
  (void)applyPatternsGreedily(getOperation(), std::move(patterns));
  foldViews(getOperation());
}
