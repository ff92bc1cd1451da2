//===- ScoreModBuilder.cpp - what happens to single scores ----------------===//
//
// ALiBi (Press et al. 2021) needs no table: a slope is a power of two of the
// head's number. A bucket (Raffel et al. 2020) is counted: it grows by one at
// each distance of a list, which is known exactly and ahead of time.
//
//===----------------------------------------------------------------------===//

#include "passes/ScoreModBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/Rewriting.h"

using namespace mlir;
using namespace attn;

static Alignment alignmentOf(BiasAttrInterface bias) {
  if (auto buckets = dyn_cast<BucketsAttr>(bias))
    return buckets.getAlignment();
  return cast<AlibiAttr>(bias).getAlignment();
}

/// What a row's index has to be moved by to be its position; nothing if that
/// is not known before the call.
static std::optional<int64_t> findOffset(PositionBiasOp op) {
  if (alignmentOf(op.getBias()) == Alignment::TopLeft)
    return 0;
  ArrayRef<int64_t> shape = op.getScore().getType().getShape();
  if (op.getLengths() || ShapedType::isDynamic(shape[2]) ||
      ShapedType::isDynamic(shape[3]))
    return std::nullopt;
  return shape[3] - shape[2];
}

std::string attn::whyNotScoreMod(PositionBiasOp op, Value lengths,
                                 bool needsDenominator) {
  if (ShapedType::isDynamic(op.getScore().getType().getDimSize(1)))
    return op.getTable() ? "the table has a dynamic number of heads"
                         : "the slopes of a dynamic number of heads are not "
                           "known";
  // The row's position under the softmax's lengths is what score_mod knows.
  if (findOffset(op) || op.getLengths() == lengths)
    return {};
  auto alibi = dyn_cast<AlibiAttr>(op.getBias());
  if (alibi && alibi.getDistance() == Distance::Key)
    return {};
  StringRef reason = ", which depends on other lengths than those of the mask";
  if (!alibi)
    return ("a bucket needs the row's position" + reason).str();
  if (alibi.getDistance() == Distance::Absolute)
    return ("an absolute distance needs the row's position" + reason).str();
  if (needsDenominator)
    return ("the denominator is needed, and with it the row's position" +
            reason)
        .str();
  return {};
}

namespace {
/// Writes the body of one region.
class ScoreModBuilder {
public:
  ScoreModBuilder(OpBuilder &builder, FlashOp flash, PositionBiasOp bias);

  /// cap * tanh(score / cap)
  Value createSoftcap(Value score, double limit);
  /// score + bias
  Value createBias(Value score);

  Value getScore() const { return body->getArgument(0); }

private:
  Value createSlope(AlibiAttr alibi, int64_t heads);
  Value createAhead();
  Value createDistance(AlibiAttr alibi);
  Value createAlibi(AlibiAttr alibi);
  Value round(StringRef name, Value value, Type type);
  Value createBucket(BucketsAttr buckets);

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
  PositionBiasOp bias;
  Block *body;
};
} // namespace

/// Whether the row's position is no constant away from its index, and known.
static bool asksForPosition(FlashOp flash, PositionBiasOp bias) {
  auto alibi = dyn_cast<AlibiAttr>(bias.getBias());
  bool isOfKeys = alibi && alibi.getDistance() == Distance::Key;
  return !isOfKeys && !findOffset(bias) &&
         bias.getLengths() == flash.getLengths();
}

ScoreModBuilder::ScoreModBuilder(OpBuilder &builder, FlashOp flash,
                                 PositionBiasOp bias)
    : builder(builder), location(flash.getLoc()), bias(bias) {
  Type index = builder.getIndexType();
  body = builder.createBlock(
      &flash.getScoreMod(), {}, {builder.getF32Type(), index, index, index},
      {named("score"), named("row"), named("column"), named("head")});
  if (bias && asksForPosition(flash, bias))
    body->addArgument(index, named("position"));
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
Value ScoreModBuilder::createSlope(AlibiAttr alibi, int64_t heads) {
  double most = alibi.getMaxBias() ? alibi.getMaxBias().getValueAsDouble() : 8;
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

/// j - p. A row's position, where it is not known, is its index: that moves all
/// scores of the row alike.
Value ScoreModBuilder::createAhead() {
  constexpr unsigned positionArgument = 4;
  Value position = body->getArgument(1), column = body->getArgument(2);
  if (body->getNumArguments() > positionArgument)
    position = body->getArgument(positionArgument);
  else if (int64_t offset = findOffset(bias).value_or(0))
    position =
        make<arith::AddIOp>("position", position, index("offset", offset));
  return make<arith::SubIOp>("ahead", column, position);
}

/// j, j - p or -|j - p|
Value ScoreModBuilder::createDistance(AlibiAttr alibi) {
  if (alibi.getDistance() == Distance::Key)
    return toNumber("distance", body->getArgument(2));
  Value distance = toNumber("distance", createAhead());
  if (alibi.getDistance() == Distance::Signed)
    return distance;
  Value absolute = math::AbsFOp::create(builder, named("absolute"), distance);
  return arith::NegFOp::create(builder, named("negated"), absolute);
}

/// `value` as `type` holds it; without one, as it is.
Value ScoreModBuilder::round(StringRef name, Value value, Type type) {
  if (!type)
    return value;
  Value narrow = arith::TruncFOp::create(builder, named("narrow"), type, value);
  return arith::ExtFOp::create(builder, named(name), value.getType(), narrow);
}

/// factor * slope(head) * distance; what is rounded is so before the factor.
Value ScoreModBuilder::createAlibi(AlibiAttr alibi) {
  Type type = alibi.getRounding();
  Value slope = createSlope(alibi, bias.getScore().getType().getDimSize(1));
  Value factor = number("factor", alibi.getBiasFactor());
  bool hasFactor = alibi.getBiasFactor() != 1;
  if (hasFactor && !type)
    slope = make<arith::MulFOp>("slope", slope, factor);
  slope = round("slope", slope, type);
  Value distance = round("distance", createDistance(alibi), type);
  Value product = make<arith::MulFOp>("bias", slope, distance);
  product = round("bias", product, type);
  return hasFactor && type ? make<arith::MulFOp>("bias", product, factor)
                           : product;
}

/// The least distance at which a key behind is in a bucket of `bucket` or
/// above, or the first that no key is at.
static int64_t findThreshold(BucketsAttr buckets, int64_t bucket) {
  auto distances = llvm::seq<int64_t>(0, KeyInterval::kUnbounded);
  return *llvm::partition_point(distances, [&](int64_t distance) {
    return buckets.getBucket(-distance) < bucket;
  });
}

/// min(d, exact) and one more for each threshold that d reaches; keys ahead
/// have the second half of the buckets, or are at distance 0.
Value ScoreModBuilder::createBucket(BucketsAttr buckets) {
  using Predicate = arith::CmpIPredicate;
  auto compare = [&](StringRef name, Predicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(builder, named(name), predicate, a, b);
  };
  auto choose = [&](StringRef name, Value condition, Value a, Value b) {
    return arith::SelectOp::create(builder, named(name), condition, a, b);
  };
  Value ahead = createAhead(), zero = index("zero", 0), one = index("one", 1);
  Value behind = make<arith::SubIOp>("behind", zero, ahead);
  bool isTwoSided = buckets.getBidirectional();
  int64_t count = buckets.getCount() / (isTwoSided ? 2 : 1), exact = count / 2;
  Value far = make<arith::MaxSIOp>("far", behind, isTwoSided ? ahead : zero);
  Value bucket = make<arith::MinSIOp>("bucket", far, index("exact", exact));
  for (int64_t next = exact + 1; next < count; ++next) {
    Value threshold = index("threshold", findThreshold(buckets, next));
    Value reached = compare("reached", Predicate::sge, far, threshold);
    Value step = choose("step", reached, one, zero);
    bucket = make<arith::AddIOp>("bucket", bucket, step);
  }
  if (!isTwoSided)
    return bucket;
  Value isAhead = compare("is_ahead", Predicate::sgt, ahead, zero);
  Value first = choose("first", isAhead, index("half", count), zero);
  return make<arith::AddIOp>("bucket", first, bucket);
}

Value ScoreModBuilder::createBias(Value score) {
  Value added;
  if (auto buckets = dyn_cast<BucketsAttr>(bias.getBias()))
    added = LookupOp::create(builder, named("bias"), createBucket(buckets),
                             body->getArgument(3));
  else
    added = createAlibi(cast<AlibiAttr>(bias.getBias()));
  return make<arith::AddFOp>("biased", score, added);
}

void attn::createScoreMod(OpBuilder &builder, FlashOp flash, ScoreSteps steps) {
  if (!steps.cap && !steps.bias)
    return;
  OpBuilder::InsertionGuard guard(builder);
  ScoreModBuilder mod(builder, flash, steps.bias);
  Value score = mod.getScore();
  if (steps.cap)
    score = mod.createSoftcap(score, *steps.cap);
  if (steps.bias)
    score = mod.createBias(score);
  YieldOp::create(builder, flash.getLoc(), score);
}
