//===- ScoreModBuilder.cpp - what happens to single scores ----------------===//
//
// ALiBi (Press et al. 2021) needs no table: a slope is a power of two of the
// head's number.
//
//===----------------------------------------------------------------------===//

#include "passes/ScoreModBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/Rewriting.h"

using namespace mlir;
using namespace attn;

/// What a row's index has to be moved by to be its position; nothing if that
/// is not known before the call.
static std::optional<int64_t> findOffset(PositionBiasOp op, AlibiAttr bias) {
  if (bias.getAlignment() == Alignment::TopLeft)
    return 0;
  ArrayRef<int64_t> shape = op.getScore().getType().getShape();
  if (op.getLengths() || ShapedType::isDynamic(shape[2]) ||
      ShapedType::isDynamic(shape[3]))
    return std::nullopt;
  return shape[3] - shape[2];
}

std::string attn::whyNotScoreMod(PositionBiasOp op, bool needsDenominator) {
  auto bias = dyn_cast<AlibiAttr>(op.getBias());
  if (!bias)
    return "the bias reads a table of " +
           std::to_string(op.getBias().getTableRows()) +
           " rows, for which score_mod has no operand";
  if (ShapedType::isDynamic(op.getScore().getType().getDimSize(1)))
    return "the slopes of a dynamic number of heads are not known";
  if (bias.getDistance() == Distance::Key || findOffset(op, bias))
    return {};
  if (bias.getDistance() == Distance::Absolute)
    return "an absolute distance needs the row's position, which depends on "
           "lengths";
  if (needsDenominator)
    return "the denominator is needed, and with it the row's position, which "
           "depends on lengths";
  return {};
}

namespace {
/// Writes the body of one region.
class ScoreModBuilder {
public:
  ScoreModBuilder(OpBuilder &builder, FlashOp flash);

  /// cap * tanh(score / cap)
  Value createSoftcap(Value score, double limit);
  /// score + slope(head) * distance
  Value createAlibi(Value score, PositionBiasOp op, AlibiAttr bias);

  Value getScore() const { return body->getArgument(0); }

private:
  Value createSlope(AlibiAttr bias, int64_t heads);
  Value createDistance(PositionBiasOp op, AlibiAttr bias);

  Location named(StringRef name) {
    return NameLoc::get(builder.getStringAttr(name), location);
  }
  Value number(StringRef name, double value) {
    return arith::ConstantOp::create(
        builder, named(name),
        builder.getF32FloatAttr(static_cast<float>(value)));
  }
  Value index(StringRef name, int64_t value) {
    return arith::ConstantOp::create(builder, named(name),
                                     builder.getIndexAttr(value));
  }
  template <typename OpTy>
  Value make(StringRef name, Value a, Value b) {
    return OpTy::create(builder, named(name), a, b);
  }
  /// An index as a number; float32 holds those of any context exactly.
  Value toNumber(StringRef name, Value value) {
    Value integer = arith::IndexCastOp::create(builder, named(name),
                                               builder.getI32Type(), value);
    return arith::SIToFPOp::create(builder, named(name), builder.getF32Type(),
                                   integer);
  }

  OpBuilder &builder;
  Location location;
  Block *body;
};
} // namespace

ScoreModBuilder::ScoreModBuilder(OpBuilder &builder, FlashOp flash)
    : builder(builder), location(flash.getLoc()) {
  Type index = builder.getIndexType();
  body = builder.createBlock(
      &flash.getScoreMod(), {}, {builder.getF32Type(), index, index, index},
      {named("score"), named("row"), named("column"), named("head")});
}

Value ScoreModBuilder::createSoftcap(Value score, double limit) {
  Value cap = number("cap", limit);
  Value ratio = make<arith::DivFOp>("ratio", score, cap);
  Value bounded = math::TanhOp::create(builder, named("bounded"), ratio);
  return make<arith::MulFOp>("capped", cap, bounded);
}

/// 2^(-max_bias (h + 1) / n), n a power of two. Heads beyond the largest power
/// below their number take every second slope of twice as many heads:
/// 2^(-max_bias (2 (h - n) + 1) / (2 n)), whichever way slopes are filled up.
Value ScoreModBuilder::createSlope(AlibiAttr bias, int64_t heads) {
  double most = bias.getMaxBias() ? bias.getMaxBias().getValueAsDouble() : 8;
  auto power =
      static_cast<int64_t>(llvm::bit_floor(static_cast<uint64_t>(heads)));
  Value head = body->getArgument(3);
  Value one = index("one", 1);
  Value count = make<arith::AddIOp>("count", head, one);
  Value step = number("step", -most / static_cast<double>(power));
  Value exponent =
      make<arith::MulFOp>("exponent", toNumber("counted", count), step);
  if (power != heads) {
    Value filled = make<arith::SubIOp>("filled", head, index("power", power));
    // (2 (h - n) + 1) / (2 n) = ((h - n) + 1/2) / n
    Value middle = make<arith::AddFOp>("middle", toNumber("numbered", filled),
                                       number("half", 0.5));
    Value other = make<arith::MulFOp>("other", middle, step);
    Value isFirst = arith::CmpIOp::create(builder, named("is_first"),
                                          arith::CmpIPredicate::slt, head,
                                          index("power", power));
    exponent = arith::SelectOp::create(builder, named("chosen"), isFirst,
                                       exponent, other);
  }
  return math::Exp2Op::create(builder, named("slope"), exponent);
}

/// j, j - p or -|j - p|. A row's position, where it is not known, is its index:
/// that moves all scores of the row alike.
Value ScoreModBuilder::createDistance(PositionBiasOp op, AlibiAttr bias) {
  Value row = body->getArgument(1), column = body->getArgument(2);
  if (bias.getDistance() == Distance::Key)
    return toNumber("distance", column);
  if (int64_t offset = findOffset(op, bias).value_or(0))
    row = make<arith::AddIOp>("position", row, index("offset", offset));
  Value distance =
      toNumber("distance", make<arith::SubIOp>("ahead", column, row));
  if (bias.getDistance() == Distance::Signed)
    return distance;
  Value absolute = math::AbsFOp::create(builder, named("absolute"), distance);
  return arith::NegFOp::create(builder, named("negated"), absolute);
}

Value ScoreModBuilder::createAlibi(Value score, PositionBiasOp op,
                                   AlibiAttr bias) {
  Value slope = createSlope(bias, op.getScore().getType().getDimSize(1));
  Value added = make<arith::MulFOp>("bias", slope, createDistance(op, bias));
  return make<arith::AddFOp>("biased", score, added);
}

void attn::createScoreMod(OpBuilder &builder, FlashOp flash, ScoreSteps steps) {
  if (!steps.cap && !steps.bias)
    return;
  OpBuilder::InsertionGuard guard(builder);
  ScoreModBuilder mod(builder, flash);
  Value score = mod.getScore();
  if (steps.cap)
    score = mod.createSoftcap(score, *steps.cap);
  if (steps.bias)
    score = mod.createAlibi(score, steps.bias,
                            cast<AlibiAttr>(steps.bias.getBias()));
  YieldOp::create(builder, flash.getLoc(), score);
}
