//===- AttentionSteps.cpp - attention found among framework ops -----------===//
//
// Walks from a softmax up to the scores' product and down to the weighted sum;
// AttentionMasks.cpp decides what the masks on the way are together.
//
//===----------------------------------------------------------------------===//

#include "passes/AttentionSteps.h"

#include "passes/Rewriting.h"
#include "passes/Views.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

static std::string quote(Operation *op) {
  return ("'" + op->getName().getStringRef() + "'").str();
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

std::optional<double>
attn::matchScale(Operation *op, ConstantEvaluator &constants, Value &operand) {
  if (!op)
    return std::nullopt;
  if (auto scale = dyn_cast<ScaleOp>(op)) {
    operand = scale.getInput();
    return scale.getBy().convertToDouble();
  }
  if (!isa<MulOp, DivOp>(op))
    return std::nullopt;
  bool isQuotient = isa<DivOp>(op);
  for (unsigned i : {1, 0}) {
    std::optional<double> factor = constants.splat(op->getOperand(i));
    if (!factor || (isQuotient && i == 0))
      continue;
    operand = op->getOperand(1 - i);
    // A constant of more dimensions would repeat the scores.
    if (operand.getType() != op->getResult(0).getType())
      return std::nullopt;
    return isQuotient ? 1 / *factor : *factor;
  }
  return std::nullopt;
}

bool attn::passesScale(Operation *op) { return isView(op) || isa<RopeOp>(op); }

double attn::findScale(Value value, ConstantEvaluator &constants) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return 1;
  Value operand;
  if (std::optional<double> factor = matchScale(op, constants, operand))
    return *factor * findScale(operand, constants);
  return passesScale(op) ? findScale(op->getOperand(0), constants) : 1;
}

//===----------------------------------------------------------------------===//
// From the softmax up
//===----------------------------------------------------------------------===//

namespace {
/// Reads one step after the other, the last one first.
class ScoreReader {
public:
  ScoreReader(AttentionSteps &steps, ConstantEvaluator &constants)
      : steps(steps), constants(constants), score(steps.softmax.getScore()) {}

  /// Returns what is no step of attention, or nothing.
  std::string read();

private:
  std::string readStep(Operation *op);
  std::string readSoftcap(Operation *op, double limit);
  std::string readBias(PositionBiasOp op);
  std::string readMask(MaskOp op);
  std::string readFill(Operation *op, Value condition, bool hides, double fill);
  std::string readWhere(WhereOp op);
  std::string readSum(Operation *op, unsigned scoreOperand, double sign);
  std::string checkMaskOrder(Operation *op) const;

  /// A mask of the scores' rank, to be aligned with four dimensions.
  MaskTensor maskOf(Value tensor) const;

  AttentionSteps &steps;
  ConstantEvaluator &constants;
  /// The scores before the steps that were read, and what those multiply by.
  Value score;
  double outer = 1;
};
} // namespace

/// Whether `step` leaves the scores' sizes as they are.
static bool keepsSizes(Value before, Value after) {
  ArrayRef<int64_t> from = cast<ShapedType>(before.getType()).getShape();
  ArrayRef<int64_t> to = cast<ShapedType>(after.getType()).getShape();
  if (from.size() != to.size())
    return false;
  return llvm::all_of(llvm::zip(from, to), [](auto sizes) {
    auto [a, b] = sizes;
    return a == b || ShapedType::isDynamic(a) ||
           (ShapedType::isDynamic(b) && a != 1);
  });
}

static std::string describeUses(Value value) {
  return describeProducer(value) + " have " +
         std::to_string(llvm::range_size(value.getUses())) +
         " uses, expected 1";
}

/// Whether scores come from a product, through steps of attention alone.
static bool leadsToProduct(Value value, unsigned depth = 0) {
  constexpr unsigned kMostSteps = 16;
  Operation *op = value.getDefiningOp();
  if (!op || depth == kMostSteps)
    return false;
  if (isa<MatmulOp, ScoreOp>(op))
    return true;
  auto leads = [&](unsigned operand) {
    return leadsToProduct(op->getOperand(operand), depth + 1);
  };
  if (isa<WhereOp>(op))
    return leads(1) || leads(2);
  if (isa<AddOp, MulOp>(op))
    return leads(0) || leads(1);
  return isa<ScaleOp, SubOp, DivOp, SoftcapOp, TanhOp, PositionBiasOp, MaskOp,
             MaskedFillOp>(op) &&
         leads(0);
}

std::string ScoreReader::read() {
  while (true) {
    Operation *op = score.getDefiningOp();
    if (!op)
      return "scores come from an argument, expected a product";
    if (!score.hasOneUse())
      return "scores of " + describeUses(score);
    if (isa<MatmulOp, ScoreOp>(op)) {
      steps.product = op;
      steps.scale = outer;
      return {};
    }
    Value after = score;
    if (std::string obstacle = readStep(op); !obstacle.empty())
      return obstacle;
    if (!keepsSizes(score, after))
      return quote(op) + " changes the sizes of the scores";
  }
}

std::string ScoreReader::readStep(Operation *op) {
  if (std::optional<double> factor = matchScale(op, constants, score)) {
    outer *= *factor;
    return {};
  }
  return TypeSwitch<Operation *, std::string>(op)
      .Case([&](SoftcapOp cap) {
        return readSoftcap(cap, cap.getCap().convertToDouble());
      })
      .Case([&](TanhOp tanh) { return readSoftcap(tanh, 1); })
      .Case([&](PositionBiasOp bias) { return readBias(bias); })
      .Case([&](MaskOp mask) { return readMask(mask); })
      .Case([&](MaskedFillOp fill) {
        score = fill.getInput();
        return readFill(fill, fill.getWhere(), /*hides=*/true,
                        fill.getValue().convertToDouble());
      })
      .Case([&](WhereOp where) { return readWhere(where); })
      .Case([&](AddOp add) {
        return readSum(add, leadsToProduct(add.getLhs()) ? 0 : 1, 1);
      })
      .Case([&](SubOp sub) { return readSum(sub, 0, -1); })
      .Default([](Operation *other) {
        return "scores come from " + quote(other) +
               ", which is no step of attention";
      });
}

/// f * cap * tanh(s / cap) = cap' * tanh(f * s / cap') with cap' = f * cap, so
/// that scales behind a softcap move in front of it; a tanh has the cap 1.
std::string ScoreReader::readSoftcap(Operation *op, double limit) {
  if (steps.cap)
    return "scores are capped twice";
  if (!(outer > 0) || !isScoreCap(outer * limit))
    return quote(op) + " stands before a scale of " + describeNumber(outer);
  steps.cap = outer * limit;
  score = op->getOperand(0);
  return {};
}

std::string ScoreReader::readBias(PositionBiasOp op) {
  if (steps.bias || steps.cap)
    return quote(op) + " stands out of the order scale, softcap, bias, mask";
  if (outer != 1)
    return quote(op) + " stands before a scale of " + describeNumber(outer);
  steps.bias = op;
  score = op.getScore();
  return {};
}

/// -inf stays what it is under a positive scale and sums, not under a softcap.
std::string ScoreReader::checkMaskOrder(Operation *op) const {
  if (steps.cap)
    return quote(op) + " stands before a softcap, which bounds it";
  if (!(outer > 0))
    return quote(op) + " stands before a scale of " + describeNumber(outer);
  return {};
}

std::string ScoreReader::readMask(MaskOp op) {
  if (steps.mask)
    return "scores have two symbolic masks";
  steps.mask = op;
  score = op.getScore();
  return checkMaskOrder(op);
}

MaskTensor ScoreReader::maskOf(Value tensor) const {
  MaskTensor mask{.tensor = tensor, .expansions = {}};
  if (cast<ShapedType>(score.getType()).getRank() == 3)
    mask.expansions.push_back(2); // the heads, in front of queries and keys
  return mask;
}

std::string ScoreReader::readFill(Operation *op, Value condition, bool hides,
                                  double fill) {
  if (std::string obstacle = checkMaskOrder(op); !obstacle.empty())
    return obstacle;
  MaskTensor mask = maskOf(condition);
  mask.hides = hides;
  if (fill * outer == -std::numeric_limits<double>::infinity()) {
    splitBoolean(mask, constants, steps.parts);
    return {};
  }
  if (!constants.evaluate(condition))
    return quote(op) + " hides with " + describeNumber(fill * outer) +
           " what is not known here: a row that sees no key would differ from "
           "one of -inf";
  splitBoolean(mask, constants, steps.parts);
  steps.parts.constants.back().fill = fill * outer;
  return {};
}

std::string ScoreReader::readWhere(WhereOp op) {
  std::optional<double> lhs = constants.splat(op.getLhs());
  std::optional<double> rhs = constants.splat(op.getRhs());
  if (!lhs && !rhs)
    return quote(op) + " chooses between scores and a tensor, expected a "
                       "constant";
  score = rhs ? op.getLhs() : op.getRhs();
  return readFill(op, op.getCondition(), /*hides=*/!rhs, rhs ? *rhs : *lhs);
}

std::string ScoreReader::readSum(Operation *op, unsigned scoreOperand,
                                 double sign) {
  if (std::string obstacle = checkMaskOrder(op); !obstacle.empty())
    return obstacle;
  score = op->getOperand(scoreOperand);
  MaskTensor mask = maskOf(op->getOperand(1 - scoreOperand));
  mask.factor = sign * outer;
  splitAdded(mask, constants, steps.parts);
  return {};
}

//===----------------------------------------------------------------------===//
// From the softmax down
//===----------------------------------------------------------------------===//

/// The weighted sum that `weights` are used for alone; null if there is none.
static Operation *findSum(Value weights) {
  if (!weights.hasOneUse())
    return nullptr;
  OpOperand &use = *weights.use_begin();
  return isa<MatmulOp, WeightedSumOp>(use.getOwner()) &&
                 use.getOperandNumber() == 0
             ? use.getOwner()
             : nullptr;
}

/// The mask by which `op` makes `weights` 0: true, or 1, is kept unless
/// `hides`. Null if it does something else.
static Value matchZeroing(Operation *op, Value weights,
                          ConstantEvaluator &constants, bool &hides) {
  hides = false;
  if (auto mul = dyn_cast<MulOp>(op))
    return mul.getLhs() == weights ? mul.getRhs() : mul.getLhs();
  if (auto where = dyn_cast<WhereOp>(op)) {
    bool isKept = where.getLhs() == weights;
    hides = !isKept;
    Value other = isKept ? where.getRhs() : where.getLhs();
    return constants.splat(other) == 0.0 ? where.getCondition() : Value();
  }
  auto fill = dyn_cast<MaskedFillOp>(op);
  hides = true;
  return fill && fill.getValue().isZero() ? fill.getWhere() : Value();
}

/// The weights after they are divided by their sums; null if they are not.
static Value matchNormalisation(Value zeroed) {
  int64_t last = cast<ShapedType>(zeroed.getType()).getRank() - 1;
  if (!zeroed.hasNUses(2))
    return {};
  for (Operation *user : zeroed.getUsers()) {
    auto sum = dyn_cast<SumOp>(user);
    if (!sum || static_cast<int64_t>(sum.getDim()) != last || !sum->hasOneUse())
      continue;
    auto quotient = dyn_cast<DivOp>(*sum->user_begin());
    if (quotient && quotient.getLhs() == zeroed &&
        quotient.getRhs() == sum.getResult())
      return quotient.getResult();
  }
  return {};
}

/// softmax(s) * m / rowsum(softmax(s) * m) = softmax(mask(s)), because the
/// softmax's own denominator cancels out.
static std::string readZeroing(Operation *op, ConstantEvaluator &constants,
                               AttentionSteps &steps) {
  Value weights = steps.softmax.getProbability();
  bool hides = false;
  Value mask = matchZeroing(op, weights, constants, hides);
  Value normalised = mask && keepsSizes(weights, op->getResult(0))
                         ? matchNormalisation(op->getResult(0))
                         : Value();
  if (!normalised)
    return "probabilities pass " + quote(op) + " before the weighted sum";
  const ConstantTensor *constant = constants.evaluate(mask);
  std::optional<ConstantTensor> visible;
  bool isBinary = true;
  if (constant)
    visible = mapElements({constant}, [&](ArrayRef<double> x) -> double {
      isBinary &= x[0] == 0 || x[0] == 1;
      return (x[0] != 0) != hides;
    });
  if (!visible || !isBinary)
    return quote(op) + " multiplies probabilities by what is no constant mask";
  steps.sum = findSum(normalised);
  if (!steps.sum)
    return "normalised probabilities of " + describeUses(normalised) +
           " in a weighted sum";
  steps.isRenormalised = true;
  steps.parts.constants.push_back({std::move(*visible), std::nullopt, {}});
  return {};
}

static std::string readWeights(ConstantEvaluator &constants,
                               AttentionSteps &steps) {
  Value weights = steps.softmax.getProbability();
  steps.sum = findSum(weights);
  if (steps.sum)
    return {};
  if (weights.hasOneUse())
    return readZeroing(*weights.user_begin(), constants, steps);
  return "probabilities of " + describeUses(weights) + " in a weighted sum";
}

//===----------------------------------------------------------------------===//
// All together
//===----------------------------------------------------------------------===//

bool attn::isTextbook(SoftmaxOp softmax, ConstantEvaluator &constants) {
  if (!llvm::all_of(softmax.getProbability().getUsers(),
                    llvm::IsaPred<WeightedSumOp>))
    return false;
  Value score = softmax.getScore();
  auto skip = [&]<typename OpTy>(OpTy *) {
    if (auto op = score.getDefiningOp<OpTy>())
      score = op->getOperand(0);
  };
  skip(static_cast<MaskOp *>(nullptr));
  skip(static_cast<PositionBiasOp *>(nullptr));
  skip(static_cast<SoftcapOp *>(nullptr));
  skip(static_cast<ScaleOp *>(nullptr));
  auto product = score.getDefiningOp<ScoreOp>();
  return product && findScale(product.getQuery(), constants) == 1 &&
         findScale(product.getKey(), constants) == 1;
}

static std::string checkShape(SoftmaxOp softmax) {
  int64_t rank = softmax.getScore().getType().getRank();
  if (softmax.getSoftmaxDim() != rank - 1)
    return ("the softmax runs along dimension " +
            Twine(softmax.getSoftmaxDim()) + " of " + Twine(rank) +
            ", expected the keys, dimension " + Twine(rank - 1))
        .str();
  if (rank < 2 || rank > 4)
    return ("scores have rank " + Twine(rank) + ", expected 2 to 4").str();
  return {};
}

/// The rank of both products' operands, so that batches and heads are the same.
static std::string checkProducts(const AttentionSteps &steps) {
  for (Operation *op : {steps.product, steps.sum}) {
    auto matmul = dyn_cast<MatmulOp>(op);
    if (!matmul)
      continue;
    int64_t left = matmul.getLhs().getType().getRank();
    int64_t right = matmul.getRhs().getType().getRank();
    if (left != right)
      return quote(op) + " multiplies ranks " + std::to_string(left) + " and " +
             std::to_string(right) + ", expected keys and values per batch";
  }
  return {};
}

std::string attn::readAttention(SoftmaxOp softmax, ConstantEvaluator &constants,
                                AttentionSteps &steps) {
  steps.softmax = softmax;
  if (std::string obstacle = checkShape(softmax); !obstacle.empty())
    return obstacle;
  if (std::string obstacle = ScoreReader(steps, constants).read();
      !obstacle.empty())
    return obstacle;
  if (std::string obstacle = readWeights(constants, steps); !obstacle.empty())
    return obstacle;
  if (std::string obstacle = checkProducts(steps); !obstacle.empty())
    return obstacle;
  if (std::string obstacle = joinMaskParts(steps); !obstacle.empty())
    return obstacle;
  for (Value operand : steps.product->getOperands())
    steps.scale *= findScale(operand, constants);
  if (!isScoreFactor(steps.scale))
    return "scores are scaled by " + describeNumber(steps.scale) +
           ", which float32 does not hold";
  return {};
}
