//===- ScoreMod.cpp - Evaluates the region of attn.flash ------------------===//
//
// The region is turned once into a list of steps over numbered slots, which is
// then run for every score. Integers and booleans are exact float64 numbers, as
// long as integers stay below 2^53.
//
//===----------------------------------------------------------------------===//

#include "compiler/reference/ScoreMod.h"

#include "compiler/reference/Rules.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace attn;
using namespace attn::reference;

namespace {
using Unary = double (*)(double);
using Binary = double (*)(double, double);
using Ternary = double (*)(double, double, double);

/// What becomes of a result on its way into its slot.
enum class Rounding { None, Real, BFloat16, Int32, Int64 };

/// slots[result] = function of slots[operands], rounded.
struct Step {
  Unary unary = nullptr;
  Binary binary = nullptr;
  Ternary ternary = nullptr;
  bool isLookup = false;
  int operands[3] = {0, 0, 0};
  int result = 0;
  Rounding rounding = Rounding::None;
  Type type = {};
};

struct Program {
  std::vector<Step> steps;
  std::vector<double> slots;
  int yielded = 0;
};
} // namespace

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

static double identity(double a) { return a; }
static double negate(double a) { return -a; }
static double reciprocalRoot(double a) { return 1 / std::sqrt(a); }
static double add(double a, double b) { return a + b; }
static double subtract(double a, double b) { return a - b; }
static double multiply(double a, double b) { return a * b; }
static double divide(double a, double b) { return a / b; }
static double truncDivide(double a, double b) { return std::trunc(a / b); }
static double floorDivide(double a, double b) { return std::floor(a / b); }
static double ceilDivide(double a, double b) { return std::ceil(a / b); }
static double choose(double c, double a, double b) { return c != 0 ? a : b; }

/// The IEEE maximum and minimum, which keep a NaN.
static double maximum(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? a + b : std::fmax(a, b);
}
static double minimum(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? a + b : std::fmin(a, b);
}

/// An integer that a division by 0 left is none.
static int64_t asInteger(double a) {
  return std::fabs(a) < 0x1p63 ? static_cast<int64_t>(a) : 0;
}

/// Calls `rule` on integers.
template <auto rule>
static double onIntegers(double a, double b) {
  return static_cast<double>(rule(asInteger(a), asInteger(b)));
}
static int64_t bitAnd(int64_t a, int64_t b) { return a & b; }
static int64_t bitOr(int64_t a, int64_t b) { return a | b; }
static int64_t bitXor(int64_t a, int64_t b) { return a ^ b; }

static Unary unaryRule(Operation *op) {
  return TypeSwitch<Operation *, Unary>(op)
      .Case<arith::IndexCastOp, arith::SIToFPOp, arith::UIToFPOp, arith::ExtFOp,
            arith::TruncFOp>([](auto) { return identity; })
      .Case([](arith::NegFOp) { return negate; })
      .Case<math::AbsFOp, math::AbsIOp>([](auto) -> Unary { return std::fabs; })
      .Case([](math::CeilOp) -> Unary { return std::ceil; })
      .Case([](math::ExpOp) -> Unary { return std::exp; })
      .Case([](math::Exp2Op) -> Unary { return std::exp2; })
      .Case([](math::FloorOp) -> Unary { return std::floor; })
      .Case([](math::LogOp) -> Unary { return std::log; })
      .Case([](math::Log2Op) -> Unary { return std::log2; })
      .Case([](math::RoundEvenOp) -> Unary { return std::nearbyint; })
      .Case([](math::RsqrtOp) { return reciprocalRoot; })
      .Case([](math::SqrtOp) -> Unary { return std::sqrt; })
      .Case([](math::TanhOp) -> Unary { return std::tanh; })
      .Case([](math::TruncOp) -> Unary { return std::trunc; })
      .Default([](Operation *) -> Unary { return nullptr; });
}

static Binary comparison(arith::CmpFPredicate predicate) {
  using Predicate = arith::CmpFPredicate;
  switch (predicate) {
  case Predicate::AlwaysFalse:
    return [](double, double) -> double { return false; };
  case Predicate::OEQ:
    return [](double a, double b) -> double { return a == b; };
  case Predicate::OGT:
    return [](double a, double b) -> double { return a > b; };
  case Predicate::OGE:
    return [](double a, double b) -> double { return a >= b; };
  case Predicate::OLT:
    return [](double a, double b) -> double { return a < b; };
  case Predicate::OLE:
    return [](double a, double b) -> double { return a <= b; };
  case Predicate::ONE:
    return
        [](double a, double b) -> double { return std::islessgreater(a, b); };
  case Predicate::ORD:
    return [](double a, double b) -> double { return !std::isunordered(a, b); };
  case Predicate::UEQ:
    return [](double a, double b) -> double {
      return a == b || std::isunordered(a, b);
    };
  case Predicate::UGT:
    return [](double a, double b) -> double { return !(a <= b); };
  case Predicate::UGE:
    return [](double a, double b) -> double { return !(a < b); };
  case Predicate::ULT:
    return [](double a, double b) -> double { return !(a >= b); };
  case Predicate::ULE:
    return [](double a, double b) -> double { return !(a > b); };
  case Predicate::UNE:
    return [](double a, double b) -> double { return !(a == b); };
  case Predicate::UNO:
    return [](double a, double b) -> double { return std::isunordered(a, b); };
  case Predicate::AlwaysTrue:
    return [](double, double) -> double { return true; };
  }
  llvm_unreachable("unknown predicate");
}

/// Unsigned operations have no negative operands here.
static Binary comparison(arith::CmpIPredicate predicate) {
  using Predicate = arith::CmpIPredicate;
  switch (predicate) {
  case Predicate::eq:
    return comparison(arith::CmpFPredicate::OEQ);
  case Predicate::ne:
    return comparison(arith::CmpFPredicate::UNE);
  case Predicate::slt:
  case Predicate::ult:
    return comparison(arith::CmpFPredicate::OLT);
  case Predicate::sle:
  case Predicate::ule:
    return comparison(arith::CmpFPredicate::OLE);
  case Predicate::sgt:
  case Predicate::ugt:
    return comparison(arith::CmpFPredicate::OGT);
  case Predicate::sge:
  case Predicate::uge:
    return comparison(arith::CmpFPredicate::OGE);
  }
  llvm_unreachable("unknown predicate");
}

static Binary integerRule(Operation *op) {
  return TypeSwitch<Operation *, Binary>(op)
      .Case([](arith::AddIOp) { return add; })
      .Case([](arith::SubIOp) { return subtract; })
      .Case([](arith::MulIOp) { return multiply; })
      .Case<arith::DivSIOp, arith::DivUIOp>([](auto) { return truncDivide; })
      .Case([](arith::FloorDivSIOp) { return floorDivide; })
      .Case<arith::CeilDivSIOp, arith::CeilDivUIOp>(
          [](auto) { return ceilDivide; })
      .Case<arith::RemSIOp, arith::RemUIOp>(
          [](auto) -> Binary { return std::fmod; })
      .Case<arith::MaxSIOp, arith::MaxUIOp>(
          [](auto) -> Binary { return std::fmax; })
      .Case<arith::MinSIOp, arith::MinUIOp>(
          [](auto) -> Binary { return std::fmin; })
      .Case([](arith::AndIOp) { return onIntegers<bitAnd>; })
      .Case([](arith::OrIOp) { return onIntegers<bitOr>; })
      .Case([](arith::XOrIOp) { return onIntegers<bitXor>; })
      .Case([](arith::CmpIOp cmp) { return comparison(cmp.getPredicate()); })
      .Default([](Operation *) -> Binary { return nullptr; });
}

static Binary binaryRule(Operation *op) {
  return TypeSwitch<Operation *, Binary>(op)
      .Case([](arith::AddFOp) { return add; })
      .Case([](arith::SubFOp) { return subtract; })
      .Case([](arith::MulFOp) { return multiply; })
      .Case([](arith::DivFOp) { return divide; })
      .Case([](arith::MaximumFOp) { return maximum; })
      .Case([](arith::MinimumFOp) { return minimum; })
      .Case([](arith::MaxNumFOp) -> Binary { return std::fmax; })
      .Case([](arith::MinNumFOp) -> Binary { return std::fmin; })
      .Case([](math::CopySignOp) -> Binary { return std::copysign; })
      .Case([](arith::CmpFOp cmp) { return comparison(cmp.getPredicate()); })
      .Default([](Operation *op) { return integerRule(op); });
}

static Ternary ternaryRule(Operation *op) {
  return TypeSwitch<Operation *, Ternary>(op)
      .Case([](arith::SelectOp) { return choose; })
      .Case([](math::FmaOp) -> Ternary { return std::fma; })
      .Default([](Operation *) -> Ternary { return nullptr; });
}

/// How numbers of `type` are rounded; none for a type that has no rules.
static std::optional<Rounding> roundingOf(Type type) {
  if (type.isF32())
    return Rounding::Real;
  if (type.isBF16())
    return Rounding::BFloat16;
  if (type.isInteger(32))
    return Rounding::Int32;
  if (type.isIndex() || type.isInteger(64))
    return Rounding::Int64;
  if (type.isInteger(1))
    return Rounding::None;
  return std::nullopt;
}

/// The step for `op`; its operand and result slots are still to be filled in.
static std::optional<Step> ruleOf(Operation *op) {
  Step step = {.unary = unaryRule(op),
               .binary = binaryRule(op),
               .ternary = ternaryRule(op),
               .isLookup = isa<LookupOp>(op)};
  auto hasRules = [](Type type) { return roundingOf(type).has_value(); };
  if ((!step.unary && !step.binary && !step.ternary && !step.isLookup) ||
      !llvm::all_of(op->getOperandTypes(), hasRules) ||
      !hasRules(op->getResult(0).getType()))
    return std::nullopt;
  step.type = op->getResult(0).getType();
  step.rounding = *roundingOf(step.type);
  return step;
}

static std::optional<double> constantOf(Operation *op) {
  auto constant = dyn_cast<arith::ConstantOp>(op);
  if (!constant || !roundingOf(constant.getType()))
    return std::nullopt;
  if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
    return number.getValueAsDouble();
  if (auto number = dyn_cast<BoolAttr>(constant.getValue()))
    return number.getValue();
  return static_cast<double>(cast<IntegerAttr>(constant.getValue()).getInt());
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

static FailureOr<Program> translate(Region &region) {
  Program program;
  DenseMap<Value, int> slotOf;
  auto define = [&](Value value, double initial) {
    slotOf[value] = static_cast<int>(program.slots.size());
    program.slots.push_back(initial);
    return slotOf[value];
  };
  for (BlockArgument argument : region.getArguments())
    define(argument, 0);
  for (Operation &op : region.front()) {
    if (auto yield = dyn_cast<YieldOp>(op)) {
      program.yielded = slotOf.lookup(yield.getScore());
      continue;
    }
    if (std::optional<double> value = constantOf(&op)) {
      define(op.getResult(0), *value);
      continue;
    }
    std::optional<Step> step = ruleOf(&op);
    if (!step)
      return op.emitOpError("has no rule in the reference interpreter");
    for (auto [slot, operand] : llvm::zip(step->operands, op.getOperands()))
      slot = slotOf.lookup(operand);
    step->result = define(op.getResult(0), 0);
    program.steps.push_back(*step);
  }
  return program;
}

/// table[row, column], indices beyond it at its edge.
static double elementOf(const Tensor &table, double row, double column) {
  auto within = [&](double index, unsigned dim) {
    return std::clamp(asInteger(index), int64_t(0), table.dim(dim) - 1);
  };
  return table(within(row, 0), within(column, 1));
}

template <typename Real>
static void run(const Step &step, std::vector<double> &slots,
                const Tensor *table) {
  double a = slots[step.operands[0]], b = slots[step.operands[1]];
  double c = slots[step.operands[2]];
  double value = step.isLookup ? elementOf(*table, a, b)
                 : step.unary  ? step.unary(a)
                 : step.binary ? step.binary(a, b)
                               : step.ternary(a, b, c);
  switch (step.rounding) {
  case Rounding::None:
    break;
  case Rounding::Real:
    value = static_cast<Real>(value);
    break;
  case Rounding::BFloat16:
    value = roundTo(step.type, value);
    break;
  case Rounding::Int32:
    value = static_cast<int32_t>(asInteger(value));
    break;
  case Rounding::Int64:
    value = static_cast<double>(asInteger(value));
    break;
  }
  slots[step.result] = value;
}

template <typename Real>
FailureOr<Tensor> reference::applyScoreMod(Region &region, Tensor score,
                                           const Visibility &visibility,
                                           const Tensor *table) {
  FailureOr<Program> program = translate(region);
  if (failed(program))
    return failure();
  std::vector<double> &slots = program->slots;
  constexpr unsigned positionArgument = 4;
  bool hasPosition = region.getNumArguments() > positionArgument;
  int64_t number = 0, keys = score.dim(3);
  for (double &element : score.data()) {
    int64_t column = number % keys, outer = number / keys;
    int64_t row = outer % score.dim(2), head = outer / score.dim(2);
    int64_t batch = head / score.dim(1);
    slots[0] = element;
    slots[1] = static_cast<double>(row);
    slots[2] = static_cast<double>(column);
    slots[3] = static_cast<double>(head % score.dim(1));
    if (hasPosition)
      slots[positionArgument] =
          static_cast<double>(row + visibility.length(batch) - score.dim(2));
    for (const Step &step : program->steps)
      run<Real>(step, slots, table);
    element = slots[program->yielded];
    ++number;
  }
  return score;
}

bool reference::isScoreModSupported(Region &region) {
  auto isInside = [&](Value value) {
    return value.getParentRegion() == &region;
  };
  return llvm::all_of(region.getOps(), [&](Operation &op) {
    return llvm::all_of(op.getOperands(), isInside) &&
           (isa<YieldOp>(op) || constantOf(&op) || ruleOf(&op));
  });
}

namespace attn::reference {
template FailureOr<Tensor>
applyScoreMod<double>(Region &, Tensor, const Visibility &, const Tensor *);
template FailureOr<Tensor>
applyScoreMod<float>(Region &, Tensor, const Visibility &, const Tensor *);
} // namespace attn::reference
