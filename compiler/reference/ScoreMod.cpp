//===- ScoreMod.cpp - Evaluates the region of attn.flash ------------------===//
//
// The region is turned once into a list of steps over numbered slots, which is
// then run for every score. Integers and booleans are exact float64 numbers.
//
//===----------------------------------------------------------------------===//

#include "compiler/reference/ScoreMod.h"

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

/// slots[result] = function of slots[operands], rounded where it is a float.
struct Step {
  Unary unary = nullptr;
  Binary binary = nullptr;
  Ternary ternary = nullptr;
  int operands[3] = {0, 0, 0};
  int result = 0;
  bool rounds = false;
};

struct Program {
  std::vector<Step> steps;
  std::vector<double> slots;
  int yielded = 0;
};
} // namespace

static double identity(double a) { return a; }
static double negate(double a) { return -a; }
static double reciprocalRoot(double a) { return 1 / std::sqrt(a); }
static double add(double a, double b) { return a + b; }
static double subtract(double a, double b) { return a - b; }
static double multiply(double a, double b) { return a * b; }
static double divide(double a, double b) { return a / b; }
static double divideIntegers(double a, double b) { return std::trunc(a / b); }
static double floorDivide(double a, double b) { return std::floor(a / b); }
static double choose(double c, double a, double b) { return c != 0 ? a : b; }

/// The IEEE maximum and minimum, which keep a NaN.
static double maximum(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? a + b : std::fmax(a, b);
}
static double minimum(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? a + b : std::fmin(a, b);
}

static Unary unaryRule(Operation *op) {
  return TypeSwitch<Operation *, Unary>(op)
      .Case<arith::IndexCastOp, arith::SIToFPOp, arith::ExtFOp,
            arith::TruncFOp>([](auto) { return identity; })
      .Case([](arith::NegFOp) { return negate; })
      .Case([](math::AbsFOp) -> Unary { return std::fabs; })
      .Case([](math::ExpOp) -> Unary { return std::exp; })
      .Case([](math::Exp2Op) -> Unary { return std::exp2; })
      .Case([](math::LogOp) -> Unary { return std::log; })
      .Case([](math::Log2Op) -> Unary { return std::log2; })
      .Case([](math::SqrtOp) -> Unary { return std::sqrt; })
      .Case([](math::RsqrtOp) { return reciprocalRoot; })
      .Case([](math::TanhOp) -> Unary { return std::tanh; })
      .Default([](Operation *) -> Unary { return nullptr; });
}

static Binary comparison(arith::CmpFPredicate predicate) {
  switch (predicate) {
  case arith::CmpFPredicate::OEQ:
    return [](double a, double b) -> double { return a == b; };
  case arith::CmpFPredicate::OGT:
    return [](double a, double b) -> double { return a > b; };
  case arith::CmpFPredicate::OGE:
    return [](double a, double b) -> double { return a >= b; };
  case arith::CmpFPredicate::OLT:
    return [](double a, double b) -> double { return a < b; };
  case arith::CmpFPredicate::OLE:
    return [](double a, double b) -> double { return a <= b; };
  case arith::CmpFPredicate::UNE:
    return [](double a, double b) -> double { return !(a == b); };
  default:
    return nullptr;
  }
}

static Binary comparison(arith::CmpIPredicate predicate) {
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return comparison(arith::CmpFPredicate::OEQ);
  case arith::CmpIPredicate::ne:
    return comparison(arith::CmpFPredicate::UNE);
  case arith::CmpIPredicate::slt:
    return comparison(arith::CmpFPredicate::OLT);
  case arith::CmpIPredicate::sle:
    return comparison(arith::CmpFPredicate::OLE);
  case arith::CmpIPredicate::sgt:
    return comparison(arith::CmpFPredicate::OGT);
  case arith::CmpIPredicate::sge:
    return comparison(arith::CmpFPredicate::OGE);
  default:
    return nullptr;
  }
}

static Binary binaryRule(Operation *op) {
  return TypeSwitch<Operation *, Binary>(op)
      .Case<arith::AddFOp, arith::AddIOp>([](auto) { return add; })
      .Case<arith::SubFOp, arith::SubIOp>([](auto) { return subtract; })
      .Case<arith::MulFOp, arith::MulIOp>([](auto) { return multiply; })
      .Case([](arith::DivFOp) { return divide; })
      .Case([](arith::DivSIOp) { return divideIntegers; })
      .Case([](arith::FloorDivSIOp) { return floorDivide; })
      .Case<arith::MaximumFOp>([](auto) { return maximum; })
      .Case<arith::MinimumFOp>([](auto) { return minimum; })
      .Case<arith::MaxNumFOp, arith::MaxSIOp>(
          [](auto) -> Binary { return std::fmax; })
      .Case<arith::MinNumFOp, arith::MinSIOp>(
          [](auto) -> Binary { return std::fmin; })
      .Case([](arith::CmpFOp cmp) { return comparison(cmp.getPredicate()); })
      .Case([](arith::CmpIOp cmp) { return comparison(cmp.getPredicate()); })
      .Default([](Operation *) -> Binary { return nullptr; });
}

static Ternary ternaryRule(Operation *op) {
  return TypeSwitch<Operation *, Ternary>(op)
      .Case([](arith::SelectOp) { return choose; })
      .Case([](math::FmaOp) -> Ternary { return std::fma; })
      .Default([](Operation *) -> Ternary { return nullptr; });
}

/// The step for `op`; its operand and result slots are still to be filled in.
static std::optional<Step> ruleOf(Operation *op) {
  Step step = {.unary = unaryRule(op),
               .binary = binaryRule(op),
               .ternary = ternaryRule(op)};
  if (!step.unary && !step.binary && !step.ternary)
    return std::nullopt;
  step.rounds = isa<FloatType>(op->getResult(0).getType());
  return step;
}

static std::optional<double> constantOf(Operation *op) {
  auto constant = dyn_cast<arith::ConstantOp>(op);
  if (!constant)
    return std::nullopt;
  if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
    return number.getValueAsDouble();
  if (auto number = dyn_cast<BoolAttr>(constant.getValue()))
    return number.getValue();
  if (auto number = dyn_cast<IntegerAttr>(constant.getValue()))
    return static_cast<double>(number.getInt());
  return std::nullopt;
}

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

template <typename Real>
static void run(const Step &step, std::vector<double> &slots) {
  double a = slots[step.operands[0]], b = slots[step.operands[1]];
  double c = slots[step.operands[2]];
  double value = step.unary    ? step.unary(a)
                 : step.binary ? step.binary(a, b)
                               : step.ternary(a, b, c);
  slots[step.result] = step.rounds ? static_cast<Real>(value) : value;
}

template <typename Real>
FailureOr<Tensor> reference::applyScoreMod(Region &region, Tensor score) {
  FailureOr<Program> program = translate(region);
  if (failed(program))
    return failure();
  std::vector<double> &slots = program->slots;
  int64_t position = 0, keys = score.dim(3);
  for (double &element : score.data()) {
    int64_t column = position % keys, outer = position / keys;
    slots[0] = element;
    slots[1] = static_cast<double>(outer % score.dim(2));
    slots[2] = static_cast<double>(column);
    slots[3] = static_cast<double>(outer / score.dim(2) % score.dim(1));
    for (const Step &step : program->steps)
      run<Real>(step, slots);
    element = slots[program->yielded];
    ++position;
  }
  return score;
}

bool reference::isScoreModSupported(Region &region) {
  return llvm::all_of(region.getOps(), [](Operation &op) {
    return isa<YieldOp>(op) || constantOf(&op) || ruleOf(&op);
  });
}

namespace attn::reference {
template FailureOr<Tensor> applyScoreMod<double>(Region &, Tensor);
template FailureOr<Tensor> applyScoreMod<float>(Region &, Tensor);
} // namespace attn::reference
