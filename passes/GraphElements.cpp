//===- GraphElements.cpp - graph operations element by element ------------===//
//
// See GraphElements.h.
//
//===----------------------------------------------------------------------===//

#include "passes/GraphElements.h"

#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#include <limits>

using namespace mlir;
using namespace attn;

bool attn::isTriangle(Operation *op) { return isa<TriuOp, TrilOp>(op); }

bool attn::takesRows(Operation *op) {
  return isa<RmsNormOp, LayerNormOp, RopeOp>(op);
}

bool attn::isElementwise(Operation *op) {
  return isTriangle(op) || isa<AddOp, SubOp, MulOp, DivOp, ReluOp, SigmoidOp,
                               SiluOp, TanhOp, GeluOp, ScaleOp, SoftcapOp,
                               NotOp, AndOp, OrOp, MaskedFillOp, WhereOp>(op);
}

namespace {
/// Short spellings for the formulas below.
struct ElementWriter {
  OpBuilder &b;
  Location loc;

  Value f32(double value) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
  }
  Value truth(bool value) {
    return arith::ConstantOp::create(b, loc, b.getBoolAttr(value));
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
  Value tanh(Value x) { return math::TanhOp::create(b, loc, x); }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, loc, condition, x, y);
  }

  /// 1 + exp(-x)
  Value onePlusExp(Value x) {
    Value negated = arith::NegFOp::create(b, loc, x);
    return add(f32(1), math::ExpOp::create(b, loc, negated));
  }
  /// max(x, 0), a NaN stays
  Value relu(Value x) {
    Value isNegative =
        arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x, f32(0));
    return select(isNegative, f32(0), x);
  }
  /// x (1 + erf(x / sqrt 2)) / 2
  Value gelu(Value x) {
    Value erf = math::ErfOp::create(b, loc, mul(x, f32(0.7071067811865476)));
    return mul(mul(x, f32(0.5)), add(f32(1), erf));
  }
  /// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
  Value geluTanh(Value x) {
    Value cube = mul(mul(mul(f32(0.044715), x), x), x);
    Value inner = tanh(mul(f32(0.7978845608028654), add(x, cube)));
    return mul(mul(x, f32(0.5)), add(f32(1), inner));
  }
  /// cap tanh(x / cap)
  Value softcap(Value x, double cap) {
    return mul(f32(cap), tanh(div(x, f32(cap))));
  }
  /// x where j - i `predicate` diagonal, else 0
  Value triangle(ValueRange x, int64_t diagonal,
                 arith::CmpIPredicate predicate) {
    // Beyond, no two places are so far from each other.
    using Limits = std::numeric_limits<int32_t>;
    diagonal = std::clamp<int64_t>(diagonal, Limits::min(), Limits::max());
    Value distance = arith::SubIOp::create(b, loc, x[2], x[1]);
    Value limit =
        arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(diagonal));
    Value keeps = arith::CmpIOp::create(b, loc, predicate, distance, limit);
    Value none = x[0].getType().isF32() ? f32(0) : truth(false);
    return select(keeps, x[0], none);
  }
};
} // namespace

Value attn::emitElement(OpBuilder &b, Operation *op, ValueRange x) {
  ElementWriter w{b, op->getLoc()};
  using Predicate = arith::CmpIPredicate;
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](AddOp) { return w.add(x[0], x[1]); })
      .Case([&](SubOp) { return w.sub(x[0], x[1]); })
      .Case([&](MulOp) { return w.mul(x[0], x[1]); })
      .Case([&](DivOp) { return w.div(x[0], x[1]); })
      .Case([&](ReluOp) { return w.relu(x[0]); })
      .Case([&](SigmoidOp) { return w.div(w.f32(1), w.onePlusExp(x[0])); })
      .Case([&](SiluOp) { return w.div(x[0], w.onePlusExp(x[0])); })
      .Case([&](TanhOp) { return w.tanh(x[0]); })
      .Case([&](GeluOp gelu) {
        return gelu.getTanh() ? w.geluTanh(x[0]) : w.gelu(x[0]);
      })
      .Case([&](ScaleOp scale) {
        return w.mul(x[0], w.f32(scale.getBy().convertToDouble()));
      })
      .Case([&](SoftcapOp cap) {
        return w.softcap(x[0], cap.getCap().convertToDouble());
      })
      .Case([&](NotOp) -> Value {
        return arith::XOrIOp::create(b, w.loc, x[0], w.truth(true));
      })
      .Case([&](AndOp) -> Value {
        return arith::AndIOp::create(b, w.loc, x[0], x[1]);
      })
      .Case([&](OrOp) -> Value {
        return arith::OrIOp::create(b, w.loc, x[0], x[1]);
      })
      .Case([&](MaskedFillOp fill) {
        return w.select(x[1], w.f32(fill.getValue().convertToDouble()), x[0]);
      })
      .Case([&](WhereOp) { return w.select(x[0], x[1], x[2]); })
      .Case([&](TriuOp triangle) {
        return w.triangle(x, triangle.getDiagonal(), Predicate::sge);
      })
      .Case([&](TrilOp triangle) {
        return w.triangle(x, triangle.getDiagonal(), Predicate::sle);
      });
}
