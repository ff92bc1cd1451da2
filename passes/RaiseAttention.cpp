//===- RaiseAttention.cpp - framework ops become the textbook -------------===//
//
// Attention in any spelling (Vaswani et al. 2017, equation 1) is written with
// the dialect's own steps on canonical layouts, masks as symbols.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/IRMapping.h"
#include "passes/AttentionSteps.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"
#include "passes/Views.h"

#define DEBUG_TYPE "attn-raise-attention"

namespace attn {
#define GEN_PASS_DEF_RAISEATTENTION
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

static int64_t rankOf(Value value) {
  return cast<ShapedType>(value.getType()).getRank();
}

namespace {
/// Writes the steps of one attention anew.
class TextbookBuilder {
public:
  TextbookBuilder(OpBuilder &builder, AttentionSteps &steps,
                  ConstantEvaluator &constants)
      : builder(builder), steps(steps), constants(constants),
        location(steps.softmax.getLoc()) {}

  /// softmax(mask(bias(softcap(scale(query . key))))) . value in place of the
  /// last product.
  void build();

private:
  Value withoutScale(Value value);
  Value createHeads(Value value);
  Value createScore();
  Operation *createCopy(Operation *step, Value score);
  Value createScoreSteps(Value score);
  Value createTensorMasks(Value score);
  Value createMask(Value score);
  SoftmaxOp createSoftmax(Value score);
  Value createSum(Value probability);

  OpBuilder &builder;
  AttentionSteps &steps;
  ConstantEvaluator &constants;
  Location location;
};
} // namespace

/// The tensor without the scales that attn::findScale finds.
Value TextbookBuilder::withoutScale(Value value) {
  Operation *op = value.getDefiningOp();
  Value operand;
  if (matchScale(op, constants, operand))
    return withoutScale(operand);
  if (!op || !passesScale(op))
    return value;
  Value input = withoutScale(op->getOperand(0));
  if (input == op->getOperand(0))
    return value;
  IRMapping mapping;
  mapping.map(op->getOperand(0), input);
  return builder.clone(*op, mapping)->getResult(0);
}

/// [batch, heads, sequence, dim] as [batch, sequence, heads, dim]; without
/// heads there is one, without a batch too.
Value TextbookBuilder::createHeads(Value value) {
  if (rankOf(value) == 4)
    return createTranspose(builder, location, value, {0, 2, 1, 3});
  if (rankOf(value) == 2)
    value = createExpand(builder, location, value, 0);
  return createExpand(builder, location, value, 2);
}

static int64_t eitherSize(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) ? b : a;
}

Value TextbookBuilder::createScore() {
  if (auto score = dyn_cast<ScoreOp>(steps.product)) {
    Value query = withoutScale(score.getQuery());
    Value key = withoutScale(score.getKey());
    if (query == score.getQuery() && key == score.getKey())
      return score.getScore();
    return ScoreOp::create(builder, location, score.getType(), query, key);
  }
  auto matmul = cast<MatmulOp>(steps.product);
  Value query = createHeads(withoutScale(matmul.getLhs()));
  Value transposed = withoutScale(matmul.getRhs());
  auto swapped = llvm::to_vector(llvm::seq<int64_t>(rankOf(transposed)));
  std::swap(swapped.end()[-1], swapped.end()[-2]);
  Value key =
      createHeads(createTranspose(builder, location, transposed, swapped));
  ArrayRef<int64_t> q = cast<ShapedType>(query.getType()).getShape();
  ArrayRef<int64_t> k = cast<ShapedType>(key.getType()).getShape();
  return ScoreOp::create(
      builder, location,
      RankedTensorType::get({eitherSize(q[0], k[0]), q[2], q[1], k[1]},
                            builder.getF32Type()),
      query, key);
}

/// `step` with its other operands, of `score`.
Operation *TextbookBuilder::createCopy(Operation *step, Value score) {
  Operation *copy = builder.clone(*step);
  copy->setOperand(0, score);
  copy->getResult(0).setType(score.getType());
  return copy;
}

Value TextbookBuilder::createScoreSteps(Value score) {
  Type type = score.getType();
  if (steps.scale != 1)
    score =
        ScaleOp::create(builder, location, type, score, APFloat(steps.scale));
  if (steps.cap)
    score =
        SoftcapOp::create(builder, location, type, score, APFloat(*steps.cap));
  if (steps.bias)
    score = createCopy(steps.bias, score)->getResult(0);
  return score;
}

/// `a` and `b` with the sizes that both have together.
template <typename OpTy>
static Value createBroadcast(OpBuilder &builder, Location location, Value a,
                             Value b) {
  if (!a)
    return b;
  auto type = cast<RankedTensorType>(a.getType());
  ArrayRef<int64_t> other = cast<ShapedType>(b.getType()).getShape();
  SmallVector<int64_t> shape(type.getShape());
  for (auto [size, otherSize] : llvm::zip(shape, other))
    if (size == 1 || (ShapedType::isDynamic(size) && otherSize != 1))
      size = otherSize;
  return OpTy::create(
      builder, location,
      RankedTensorType::get(shape, commonElement(type, b.getType())), a, b);
}

Value TextbookBuilder::createTensorMasks(Value score) {
  Value hiding, added;
  for (const MaskTensor &mask : steps.tensors)
    if (getElementTypeOrSelf(mask.tensor).isInteger(1))
      hiding = createBroadcast<OrOp>(builder, location, hiding,
                                     createHiding(builder, location, mask));
    else
      added = createBroadcast<AddOp>(builder, location, added,
                                     createAdded(builder, location, mask));
  if (added)
    score = AddOp::create(builder, location, score.getType(), score, added);
  if (hiding)
    score =
        MaskedFillOp::create(builder, location, score.getType(), score, hiding,
                             APFloat::getInf(APFloat::IEEEdouble(), true));
  return score;
}

Value TextbookBuilder::createMask(Value score) {
  if (steps.mask) {
    auto mask = cast<MaskOp>(createCopy(steps.mask, score));
    mask.setMaskAttr(steps.symbolic);
    return mask.getResult();
  }
  if (isa<BidirectionalAttr>(steps.symbolic))
    return score;
  return MaskOp::create(builder, location, score.getType(), score,
                        /*lengths=*/Value(), /*prefix=*/Value(),
                        /*documents=*/Value(), steps.symbolic);
}

SoftmaxOp TextbookBuilder::createSoftmax(Value score) {
  SoftmaxOp old = steps.softmax;
  Type lse = old.getLse() ? old.getLse().getType() : Type();
  return SoftmaxOp::create(builder, location, score.getType(), lse, score,
                           old.getSinks(), /*dim=*/IntegerAttr());
}

/// The weighted sum, in the shape of the product that it stands for.
Value TextbookBuilder::createSum(Value probability) {
  auto type = cast<RankedTensorType>(steps.sum->getResult(0).getType());
  Location sumLocation = steps.sum->getLoc();
  if (auto sum = dyn_cast<WeightedSumOp>(steps.sum))
    return WeightedSumOp::create(builder, sumLocation, type, probability,
                                 sum.getValue());
  Value value = createHeads(cast<MatmulOp>(steps.sum).getRhs());
  ArrayRef<int64_t> p = cast<ShapedType>(probability.getType()).getShape();
  ArrayRef<int64_t> v = cast<ShapedType>(value.getType()).getShape();
  Value output = WeightedSumOp::create(builder, sumLocation,
                                       type.clone({p[0], p[2], p[1], v[3]}),
                                       probability, value);
  if (type.getRank() == 4)
    return TransposeOp::create(builder, sumLocation, type, output,
                               ArrayRef<int64_t>{0, 2, 1, 3});
  if (type.getRank() == 3)
    return FlattenOp::create(builder, sumLocation, type, output, 2);
  output = createSqueeze(builder, sumLocation, output, 2);
  return FlattenOp::create(builder, sumLocation, type, output, 0);
}

void TextbookBuilder::build() {
  builder.setInsertionPoint(steps.softmax);
  Value score = createScoreSteps(createScore());
  score = createMask(createTensorMasks(score));
  SoftmaxOp softmax = createSoftmax(score);
  if (Value lse = steps.softmax.getLse())
    lse.replaceAllUsesWith(softmax.getLse());
  builder.setInsertionPoint(steps.sum);
  steps.sum->getResult(0).replaceAllUsesWith(
      createSum(softmax.getProbability()));
}

/// "scale 0.5, mask '#attn.causal', masks as tensors: 1"
static std::string describeSteps(AttentionSteps &steps) {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << "scale " << describeNumber(steps.scale) << ", mask '" << steps.symbolic
      << "'";
  if (!steps.tensors.empty())
    out << ", masks as tensors: " << steps.tensors.size();
  return text;
}

/// matmul (softmax (steps (matmul %q, %k))), %v
///   -> weighted_sum (softmax (mask (scale (score %q, %k)))), %v
static void raise(SoftmaxOp softmax) {
  ConstantEvaluator constants;
  if (isTextbook(softmax, constants))
    return;
  AttentionSteps steps;
  if (std::string obstacle = readAttention(softmax, constants, steps);
      !obstacle.empty())
    return remarkMissed(softmax, DEBUG_TYPE, obstacle);
  if (!steps.kept.empty())
    remarkMissed(softmax, DEBUG_TYPE,
                 "a constant mask stays a tensor: " + steps.kept);
  remarkPassed(softmax, DEBUG_TYPE,
               "raised attention of rank " +
                   Twine(softmax.getScore().getType().getRank()) + ": " +
                   describeSteps(steps));
  OpBuilder builder(softmax);
  TextbookBuilder(builder, steps, constants).build();
}

namespace {
struct RaiseAttentionPass : attn::impl::RaiseAttentionBase<RaiseAttentionPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void RaiseAttentionPass::runOnOperation() {
  SmallVector<SoftmaxOp> all;
  getOperation().walk([&](SoftmaxOp softmax) { all.push_back(softmax); });
  llvm::for_each(all, raise);
  foldViews(getOperation());
}
