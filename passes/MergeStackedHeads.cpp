//===- MergeStackedHeads.cpp - single heads become one attention ----------===//
//
// A wrapper that stacks single heads and one matrix that is split into heads
// are the same function (Vaswani et al. 2017, section 3.2.2); the second reads
// its input once.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"
#include "passes/TensorTypes.h"
#include "passes/Views.h"

#define DEBUG_TYPE "attn-merge-stacked-heads"

namespace attn {
#define GEN_PASS_DEF_MERGESTACKEDHEADS
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
/// What makes query, key or value of a head.
struct Projection {
  /// attn.linear or attn.matmul.
  Operation *product = nullptr;
  /// The attn.add of a bias behind it; null for none.
  Operation *sum = nullptr;
  /// The bias of a linear, or of the sum; null for none.
  Value bias;

  Value getResult() const { return (sum ? sum : product)->getResult(0); }
  Type getType() const { return getResult().getType(); }
};

/// One head: what makes query, key and value, and what becomes of them.
struct StackedHead {
  FlashOp flash;
  std::array<Projection, 3> projections;
};
} // namespace

static constexpr std::array<StringRef, 3> kRoles = {"query", "key", "value"};

/// The flash whose only head is `part` of a concatenation along the last of
/// three dimensions; null if it is none.
static FlashOp findSingleHead(Value part) {
  auto flatten = part.getDefiningOp<FlattenOp>();
  if (!flatten || flatten.getDim() != 2 || !flatten->hasOneUse())
    return {};
  auto flash = flatten.getInput().getDefiningOp<FlashOp>();
  bool isAlone = flash && flatten.getInput() == flash.getOutput() &&
                 flash.getOutput().hasOneUse();
  return isAlone && flash.getQuery().getType().getDimSize(2) == 1 ? flash
                                                                  : FlashOp();
}

/// The projection by one weight that makes `rows`, without a sum.
static Projection findProduct(Value rows) {
  if (auto linear = rows.getDefiningOp<LinearOp>())
    return {.product = linear, .bias = linear.getBias()};
  auto matmul = rows.getDefiningOp<MatmulOp>();
  if (matmul && matmul.getRhs().getType().getRank() == 2)
    return {.product = matmul, .bias = {}};
  return {};
}

/// The product and the bias, in whichever order, that `sum` adds.
static Projection findBiased(AddOp sum) {
  for (bool isFirst : {true, false}) {
    Value rows = isFirst ? sum.getLhs() : sum.getRhs();
    Value bias = isFirst ? sum.getRhs() : sum.getLhs();
    Projection projection = findProduct(rows);
    // A bias per row, or one that is repeated, is no part of a weight's row.
    auto type = cast<ShapedType>(bias.getType());
    bool isOfColumns = type.getRank() == 1 &&
                       type.getDimSize(0) ==
                           cast<ShapedType>(rows.getType()).getShape().back();
    if (projection.product && !projection.bias && isOfColumns &&
        rows.getType() == sum.getType())
      return {.product = projection.product, .sum = sum, .bias = bias};
  }
  return {};
}

/// The projection that `heads` [batch, sequence, 1, size] comes from; none if
/// it comes from something else.
static Projection findProjection(Value heads) {
  auto expand = heads.getDefiningOp<ExpandOp>();
  if (!expand || expand.getDim() != 2)
    return {};
  if (auto sum = expand.getInput().getDefiningOp<AddOp>())
    return findBiased(sum);
  return findProduct(expand.getInput());
}

/// Why two projections cannot be rows of one; empty if they can.
static std::string compareProjections(const Projection &first,
                                      const Projection &other) {
  if (first.product->getName() != other.product->getName() ||
      !first.bias != !other.bias || !first.sum != !other.sum)
    return "are of different kinds";
  if (first.product->getOperand(0) != other.product->getOperand(0))
    return "have different inputs";
  if (first.getType() != other.getType())
    return "have different sizes";
  if (getElementTypeOrSelf(first.product->getOperand(1)) !=
      getElementTypeOrSelf(other.product->getOperand(1)))
    return "have weights of different types";
  return {};
}

/// The head may not show in the region: all heads have one region.
static bool haveSameRegion(FlashOp a, FlashOp b) {
  if (a.getScoreMod().empty() != b.getScoreMod().empty())
    return false;
  if (a.getScoreMod().empty())
    return true;
  return a.getScoreMod().getArgument(3).use_empty() &&
         OperationEquivalence::isRegionEquivalentTo(
             &a.getScoreMod(), &b.getScoreMod(),
             OperationEquivalence::IgnoreLocations);
}

/// Why two single heads cannot be heads of one attention; empty if they can.
static std::string compareFlashes(FlashOp first, FlashOp other) {
  if (first->getAttrDictionary() != other->getAttrDictionary())
    return "differ in scale or mask";
  if (first.getLengths() != other.getLengths() ||
      first.getPrefix() != other.getPrefix() ||
      first.getDocuments() != other.getDocuments() ||
      first.getTensorMask() != other.getTensorMask() ||
      first.getTable() != other.getTable())
    return "differ in lengths or in what masks look at";
  if (!haveSameRegion(first, other))
    return "differ in what they do to scores";
  if (other.getSinks() || !other.getLse().use_empty())
    return "have sinks or a log-sum-exp of their own";
  return {};
}

/// Head `number` of a concatenation, or why it is no head beside `first`.
static std::string collectHead(Value part, size_t number, StackedHead &head,
                               const StackedHead *first) {
  std::string name = "head " + std::to_string(number);
  head.flash = findSingleHead(part);
  if (!head.flash)
    return name + " comes from " + describeProducer(part) +
           ", expected a single head used here alone";
  Value operands[] = {head.flash.getQuery(), head.flash.getKey(),
                      head.flash.getValue()};
  for (auto [role, operand, projection] :
       llvm::zip_equal(kRoles, operands, head.projections)) {
    projection = findProjection(operand);
    if (!projection.product)
      return (role + " of " + name + " is no projection").str();
    auto usesOf = [](Value value) { return llvm::range_size(value.getUses()); };
    auto uses = std::max(usesOf(projection.product->getResult(0)),
                         usesOf(projection.getResult()));
    if (uses != 1 || !operand.hasOneUse())
      return (role + " of " + name + " has " +
              Twine(std::max<size_t>(uses, 2)) +
              " uses, expected 1: it would be computed twice")
          .str();
  }
  if (!first)
    return {};
  FlashOp firstFlash = first->flash;
  if (std::string why = compareFlashes(firstFlash, head.flash); !why.empty())
    return "head 0 and " + name + " " + why;
  for (auto [role, a, b] :
       llvm::zip_equal(kRoles, first->projections, head.projections))
    if (std::string why = compareProjections(a, b); !why.empty())
      return (role + " projections of head 0 and " + name + " " + why).str();
  return {};
}

namespace {
/// Writes the heads of one concatenation as one attention.
class HeadMerger {
public:
  HeadMerger(RewriterBase &builder, Location location,
             ArrayRef<StackedHead> heads)
      : builder(builder), location(location), heads(heads),
        count(static_cast<int64_t>(heads.size())) {}

  Value merge(Type type);
  /// Bytes of weights and biases that are put together in each call; nothing
  /// if that depends on the call.
  int64_t countBytes() const;

private:
  Value concat(ArrayRef<Value> parts, int64_t dim);
  Value createProduct(size_t role);
  Value createProjection(size_t role);
  Value createHeads(Value projected);

  Value concatBiases(size_t role) {
    return concat(llvm::map_to_vector(heads,
                                      [&](const StackedHead &head) {
                                        return head.projections[role].bias;
                                      }),
                  0);
  }

  RewriterBase &builder;
  Location location;
  ArrayRef<StackedHead> heads;
  int64_t count;
};
} // namespace

Value HeadMerger::concat(ArrayRef<Value> parts, int64_t dim) {
  if (parts.size() == 1)
    return parts.front();
  auto type = cast<RankedTensorType>(parts.front().getType());
  SmallVector<int64_t> shape(type.getShape());
  if (!ShapedType::isDynamic(shape[dim]))
    shape[dim] *= count;
  return ConcatOp::create(builder, location, type.clone(shape), parts, dim);
}

/// linear %x, %w0 and linear %x, %w1 -> linear %x, (concat %w0, %w1)
Value HeadMerger::createProduct(size_t role) {
  const Projection &first = heads.front().projections[role];
  bool isLinear = isa<LinearOp>(first.product);
  auto weights = llvm::map_to_vector(heads, [&](const StackedHead &head) {
    return head.projections[role].product->getOperand(1);
  });
  Value weight = concat(weights, isLinear ? 0 : 1);
  Value input = first.product->getOperand(0);
  auto type = cast<RankedTensorType>(first.getType());
  SmallVector<int64_t> shape(type.getShape());
  if (!ShapedType::isDynamic(shape.back()))
    shape.back() *= count;
  if (!isLinear)
    return MatmulOp::create(builder, location, type.clone(shape), input,
                            weight);
  bool hasOwnBias = first.bias && !first.sum;
  return LinearOp::create(builder, location, type.clone(shape), input, weight,
                          hasOwnBias ? concatBiases(role) : Value());
}

/// The product, and the sum with all biases where there is one.
Value HeadMerger::createProjection(size_t role) {
  Value product = createProduct(role);
  if (!heads.front().projections[role].sum)
    return product;
  return AddOp::create(builder, location, product.getType(), product,
                       concatBiases(role));
}

Value HeadMerger::createHeads(Value projected) {
  auto type = cast<RankedTensorType>(projected.getType());
  ArrayRef<int64_t> shape = type.getShape();
  int64_t size = ShapedType::isDynamic(shape[2]) ? shape[2] : shape[2] / count;
  return UnflattenOp::create(builder, location,
                             type.clone({shape[0], shape[1], count, size}),
                             projected, 2);
}

Value HeadMerger::merge(Type type) {
  SmallVector<Value> projected, operands;
  for (size_t role : {0, 1, 2})
    projected.push_back(createProjection(role));
  for (Value tensor : projected)
    operands.push_back(createHeads(tensor));
  FlashOp first = heads.front().flash;
  auto flash = cast<FlashOp>(builder.clone(*first));
  for (auto [i, operand] : llvm::enumerate(operands))
    flash->setOperand(i, operand);
  for (Value result : flash.getResults()) {
    auto old = cast<RankedTensorType>(result.getType());
    SmallVector<int64_t> shape(old.getShape());
    shape[2] = count;
    result.setType(old.clone(shape));
  }
  return FlattenOp::create(builder, location, type, flash.getOutput(), 2);
}

int64_t HeadMerger::countBytes() const {
  int64_t bytes = 0;
  if (count == 1)
    return 0;
  for (const StackedHead &head : heads)
    for (const Projection &projection : head.projections)
      for (Value parameter :
           {projection.product->getOperand(1), projection.bias}) {
        if (!parameter)
          continue;
        auto type = cast<ShapedType>(parameter.getType());
        if (type.hasStaticShape())
          bytes += type.getNumElements() * elementBytes(parameter);
      }
  return bytes;
}

namespace {
// concat (flatten (flash %q0, ...)), (flatten (flash %q1, ...))
//   -> flatten (flash (unflatten (linear %x, (concat %w0, %w1))), ...)
struct MergeHeads : OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ConcatOp concat,
                                PatternRewriter &rewriter) const override {
    bool isStack = concat.getDim() == 2 &&
                   cast<ShapedType>(concat.getType()).getRank() == 3 &&
                   areStoredAlike(concat) &&
                   llvm::any_of(concat.getInputs(), findSingleHead);
    if (!isStack)
      return rewriter.notifyMatchFailure(concat, "no single heads are joined");
    SmallVector<StackedHead> heads(concat.getInputs().size());
    for (auto [i, part] : llvm::enumerate(concat.getInputs()))
      if (std::string obstacle =
              collectHead(part, i, heads[i], i ? &heads.front() : nullptr);
          !obstacle.empty()) {
        // A concat may give its one input sizes that are static.
        if (heads.size() == 1 && part.getType() == concat.getType()) {
          rewriter.replaceOp(concat, concat.getInputs().front());
          return success();
        }
        remarkMissed(concat, DEBUG_TYPE, obstacle);
        return rewriter.notifyMatchFailure(concat, obstacle);
      }
    HeadMerger merger(rewriter, concat.getLoc(), heads);
    remarkPassed(concat, DEBUG_TYPE,
                 "merged " + Twine(heads.size()) +
                     (heads.size() == 1 ? " single head" : " single heads") +
                     " into one attention; each call puts " +
                     Twine(merger.countBytes()) + " bytes of weights together");
    rewriter.replaceOp(concat, merger.merge(concat.getType()));
    return success();
  }
};

struct MergeStackedHeadsPass
    : attn::impl::MergeStackedHeadsBase<MergeStackedHeadsPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void MergeStackedHeadsPass::runOnOperation() {
  RewritePatternSet patterns(&getContext());
  patterns.add<MergeHeads>(&getContext());
  walkAndApplyPatterns(getOperation(), std::move(patterns));
  eraseUnused(getOperation());
}
