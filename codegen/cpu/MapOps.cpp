//===- MapOps.cpp - what a score_mod may hold on the CPU ------------------===//
//
// The list of operations, and what must hold of their operands so that the
// vector form neither traps nor means something else.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/MapOps.h"

#include "dialects/attn_tile/AttnTileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace attn::cpu;

//===----------------------------------------------------------------------===//
// Ranges
//===----------------------------------------------------------------------===//

Operation *attn::cpu::constantBehind(Value value) {
  return value.getDefiningOp<arith::ConstantOp>();
}

/// Lengths are int32, so the last position is one less than the largest.
static constexpr int64_t kLast = std::numeric_limits<int32_t>::max() - 1;

static ConstantIntRanges fromTo(int64_t least, int64_t most) {
  return ConstantIntRanges::fromSigned(APInt(64, least, /*isSigned=*/true),
                                       APInt(64, most));
}

/// A key is below the length, and the last row stands at the length less one:
/// no row is further ahead of a key, or behind one, than there are rows and
/// keys.
static bool isDistance(Operation &op) {
  auto difference = dyn_cast<arith::SubIOp>(op);
  Block::BlockArgListType arguments = op.getBlock()->getArguments();
  constexpr unsigned column = 2, position = 4;
  return difference && arguments.size() > position &&
         difference.getLhs() == arguments[column] &&
         difference.getRhs() == arguments[position];
}

MapRanges::MapRanges(Region &body) {
  Block &block = body.front();
  for (BlockArgument argument : block.getArguments().slice(1, 3))
    ranges.try_emplace(argument, fromTo(0, kLast));
  // Rows may stand before the first key.
  for (BlockArgument position : block.getArguments().drop_front(4))
    ranges.try_emplace(position, fromTo(-kLast, kLast));
  for (Operation &op : block.without_terminator())
    infer(op);
}

ConstantIntRanges MapRanges::of(Value value) const {
  if (auto known = ranges.find(value); known != ranges.end())
    return known->second;
  APInt number;
  if (matchPattern(value, m_ConstantInt(&number)))
    return ConstantIntRanges::constant(number);
  return ConstantIntRanges::maxRange(
      ConstantIntRanges::getStorageBitwidth(value.getType()));
}

bool MapRanges::isNarrow(Value value) const {
  ConstantIntRanges range = of(value);
  return range.smin().isSignedIntN(32) && range.smax().isSignedIntN(32);
}

void MapRanges::infer(Operation &op) {
  auto isInteger = [](Type type) { return type.isIntOrIndex(); };
  if (!llvm::all_of(op.getOperandTypes(), isInteger))
    return;
  auto keep = [&](Value result, const IntegerValueRange &range) {
    if (!range.isUninitialized())
      ranges.try_emplace(result, range.getValue());
  };
  if (isDistance(op)) {
    ranges.try_emplace(op.getResult(0), fromTo(-kLast, kLast));
    return;
  }
  if (auto magnitude = dyn_cast<math::AbsIOp>(op)) {
    ConstantIntRanges range = of(magnitude.getOperand());
    unsigned width = range.smin().getBitWidth();
    if (!range.smin().isMinSignedValue())
      ranges.try_emplace(
          magnitude,
          ConstantIntRanges::fromSigned(
              APInt::getZero(width),
              llvm::APIntOps::smax(range.smin().abs(), range.smax().abs())));
    return;
  }
  auto interface = dyn_cast<InferIntRangeInterface>(op);
  if (!interface)
    return;
  SmallVector<IntegerValueRange> operands;
  for (Value operand : op.getOperands())
    operands.emplace_back(of(operand));
  interface.inferResultRangesFromOptional(operands, keep);
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

static bool isKnown(Operation *op) {
  // f32
  if (isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp,
          arith::NegFOp, arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp,
          arith::MinNumFOp, arith::CmpFOp, math::AbsFOp, math::CeilOp,
          math::CopySignOp, math::ExpOp, math::Exp2Op, math::FloorOp,
          math::FmaOp, math::LogOp, math::Log2Op, math::RoundEvenOp,
          math::RsqrtOp, math::SqrtOp, math::TanhOp, math::TruncOp>(op))
    return true;
  // f32 and bf16
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    return true;
  // Integers, and both.
  return isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivSIOp,
             arith::DivUIOp, arith::FloorDivSIOp, arith::CeilDivSIOp,
             arith::CeilDivUIOp, arith::RemSIOp, arith::RemUIOp, arith::MaxSIOp,
             arith::MaxUIOp, arith::MinSIOp, arith::MinUIOp, arith::AndIOp,
             arith::OrIOp, arith::XOrIOp, arith::CmpIOp, math::AbsIOp,
             arith::IndexCastOp, arith::SIToFPOp, arith::UIToFPOp,
             arith::SelectOp, arith::ConstantOp, attn::tile::LookupOp>(op);
}

/// Of the types of all others, i1 is none.
static bool takesBooleans(Operation *op) {
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return !compare.getLhs().getType().isInteger(1);
  return isa<arith::CmpFOp, arith::AndIOp, arith::OrIOp, arith::XOrIOp,
             arith::UIToFPOp, arith::SelectOp, arith::ConstantOp>(op);
}

static bool isDivision(Operation *op) {
  return isa<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp,
             arith::CeilDivSIOp, arith::CeilDivUIOp, arith::RemSIOp,
             arith::RemUIOp>(op);
}

static bool isUnsigned(Operation *op) {
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    using Predicate = arith::CmpIPredicate;
    return compare.getPredicate() >= Predicate::ult &&
           compare.getPredicate() <= Predicate::uge;
  }
  return isa<arith::DivUIOp, arith::CeilDivUIOp, arith::RemUIOp, arith::MaxUIOp,
             arith::MinUIOp, arith::UIToFPOp>(op);
}

static bool roundsToBf16(Operation *op) {
  return isa<arith::ExtFOp, arith::SIToFPOp, arith::TruncFOp>(op);
}

static std::optional<std::string> whyNotTypes(Operation &op) {
  for (Type type :
       llvm::concat<const Type>(op.getOperandTypes(), op.getResultTypes())) {
    if (type.isF32() || type.isIndex() || type.isInteger(32) ||
        type.isInteger(64) || (type.isInteger(1) && takesBooleans(&op)) ||
        (type.isBF16() && roundsToBf16(&op)))
      continue;
    std::string why;
    llvm::raw_string_ostream(why)
        << "its '" << op.getName() << "' works on '" << type << "'";
    return why;
  }
  return std::nullopt;
}

static std::optional<std::string> whyNotRanges(Operation &op,
                                               const MapRanges &ranges) {
  auto say = [&](StringRef what) {
    return ("its '" + op.getName().getStringRef() + "' " + what).str();
  };
  // A lane that traps would take the others with it.
  if (isDivision(&op) && !ranges.isPositive(op.getOperand(1)))
    return say("has a divisor that can be 0 or negative");
  // Sizes are signed in 32 bits and in 64: the unsigned meanings differ.
  if (isUnsigned(&op))
    for (Value operand : op.getOperands())
      if (!operand.getType().isInteger(1) && !ranges.isNeverNegative(operand))
        return say("has an operand that can be negative");
  return std::nullopt;
}

bool attn::cpu::readsTable(Region &body) {
  return !body.getOps<attn::tile::LookupOp>().empty();
}

static std::optional<std::string> whyNotTable(attn::tile::LookupOp lookup) {
  auto map = cast<attn::tile::MapOp>(lookup->getParentOp());
  attn::tile::ViewType table = map.getTable().getType();
  if (ShapedType::isDynamicShape(table.getShape()))
    return "its table has dynamic sizes";
  // A lane counts the elements before its own.
  if (table.getShape()[0] > kLast / table.getShape()[1])
    return "its table has more elements than fit 32 bits";
  return std::nullopt;
}

std::optional<std::string> attn::cpu::whyNotMapRow(Region &body) {
  MapRanges ranges(body);
  Block &block = body.front();
  auto isForeign = [&](Value value) {
    return value.getParentRegion() != &body && !constantBehind(value);
  };
  for (Operation &op : block.without_terminator()) {
    if (llvm::any_of(op.getOperands(), isForeign))
      return "it uses a value from outside that is no constant";
    if (!isKnown(&op))
      return ("it holds '" + op.getName().getStringRef() + "'").str();
    if (std::optional<std::string> why = whyNotTypes(op))
      return why;
    if (std::optional<std::string> why = whyNotRanges(op, ranges))
      return why;
    if (auto lookup = dyn_cast<attn::tile::LookupOp>(op))
      if (std::optional<std::string> why = whyNotTable(lookup))
        return why;
  }
  if (isForeign(block.getTerminator()->getOperand(0)))
    return "it yields a value from outside that is no constant";
  return std::nullopt;
}
