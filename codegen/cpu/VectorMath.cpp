//===- VectorMath.cpp - elementary functions without a library ------------===//
//
// Range reductions of Cody and Waite, "Software Manual for the Elementary
// Functions"; the rounding by a magic constant is Hecker's.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/VectorMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#include <limits>

using namespace mlir;
using namespace attn::cpu;

/// c[0] + x (c[1] + x (c[2] + ...)).
static Value emitPolynomial(KernelBuilder &k, Value x, ArrayRef<float> c) {
  Value sum = k.splat(c.back());
  for (float coefficient : llvm::reverse(c.drop_back()))
    sum = k.fma(sum, x, k.splat(coefficient));
  return sum;
}

static Value asInt(KernelBuilder &k, Value x) {
  return arith::BitcastOp::create(k.builder(), k.loc(), k.intVecType, x);
}
static Value asFloat(KernelBuilder &k, Value x) {
  return arith::BitcastOp::create(k.builder(), k.loc(), k.vecType, x);
}
static Value compare(KernelBuilder &k, arith::CmpFPredicate predicate, Value x,
                     Value y) {
  return arith::CmpFOp::create(k.builder(), k.loc(), predicate, x, y);
}

Value attn::cpu::emitBase(KernelBuilder &k, Value m) {
  auto constant = [&](float value) {
    return isa<VectorType>(m.getType()) ? k.splat(value) : k.f32(value);
  };
  Value none = compare(k, arith::CmpFPredicate::OEQ, m,
                       constant(-std::numeric_limits<float>::infinity()));
  return k.select(none, constant(0.0f), m);
}

/// 2^f on [-1/2, 1/2], relative error 9.2e-8, exactly 1 at f = 0.
static Value emitExp2Mantissa(KernelBuilder &k, Value f) {
  static constexpr float coefficients[] = {
      1.0f,           0.6931470036506653f,   0.24022242426872253f,
      0.05550733581f, 0.009671512991189957f, 0.001326472731307149f};
  return emitPolynomial(k, f, coefficients);
}

Value attn::cpu::emitExp2(KernelBuilder &k, Value x) {
  // x + magic rounds x to an integer n and leaves n + 127, the exponent field
  // of 2^n, in the low bits. n = -127 makes the field, and the result, 0.
  constexpr float magic = 12582912.0f + 127.0f;
  Value clamped = k.maxf(k.splat(-127.0f), x);
  Value shifted = k.addf(clamped, k.splat(magic));
  Value rounded = k.subf(shifted, k.splat(magic));
  Value fraction = k.subf(clamped, rounded);
  Value mantissa = emitExp2Mantissa(k, fraction);
  Value power = arith::ShLIOp::create(k.builder(), k.loc(), asInt(k, shifted),
                                      k.splatInt(23));
  // A product, not an addition to the exponent: it keeps every NaN a NaN.
  return k.mulf(mantissa, asFloat(k, power));
}

/// x within [least, most]. The maximum keeps a NaN, and so does this order of
/// the minimum.
static Value clamp(KernelBuilder &k, Value x, float least, float most) {
  Value isLarge = compare(k, arith::CmpFPredicate::OGT, x, k.splat(most));
  return k.select(isLarge, k.splat(most), k.maxf(k.splat(least), x));
}

/// 2^(x + rest) for x in [-153, 130] and a rest that is its rounding error.
static Value emitPowerOf2(KernelBuilder &k, Value x, Value rest) {
  OpBuilder &b = k.builder();
  // x + magic rounds x to an integer n, which stands in the low bits.
  constexpr float magic = 12582912.0f;
  Value shifted = k.addf(x, k.splat(magic));
  Value fraction = k.subf(x, k.subf(shifted, k.splat(magic)));
  if (rest)
    fraction = k.addf(fraction, rest);
  Value n = arith::SubIOp::create(b, k.loc(), asInt(k, shifted),
                                  asInt(k, k.splat(magic)));
  // Two factors: 2^n itself may be too large or too small for an exponent.
  Value half = arith::ShRSIOp::create(b, k.loc(), n, k.splatInt(1));
  Value otherHalf = arith::SubIOp::create(b, k.loc(), n, half);
  auto power = [&](Value exponent) {
    Value biased = arith::AddIOp::create(b, k.loc(), exponent, k.splatInt(127));
    return asFloat(k,
                   arith::ShLIOp::create(b, k.loc(), biased, k.splatInt(23)));
  };
  Value mantissa = emitExp2Mantissa(k, fraction);
  return k.mulf(k.mulf(mantissa, power(half)), power(otherHalf));
}

Value attn::cpu::emitWideExp2(KernelBuilder &k, Value x) {
  // Beyond these, 2^x is 0 and inf.
  return emitPowerOf2(k, clamp(k, x, -152.0f, 129.0f), nullptr);
}

Value attn::cpu::emitExp(KernelBuilder &k, Value x) {
  // Beyond these, e^x is 0 and inf.
  Value clamped = clamp(k, x, -105.0f, 89.5f);
  // e^x = 2^(x log2 e), with log2 e and the product in two parts.
  Value high = k.splat(1.44269502162933f), low = k.splat(1.925963033500e-8f);
  Value product = k.mulf(clamped, high);
  Value minus = arith::NegFOp::create(k.builder(), k.loc(), product);
  Value rest = k.fma(clamped, low, k.fma(clamped, high, minus));
  return emitPowerOf2(k, product, rest);
}

Value attn::cpu::emitLog(KernelBuilder &k, Value x) {
  OpBuilder &b = k.builder();
  // (ln(1 + f) - f + f^2 / 2) / f^3 on [sqrt(1/2) - 1, sqrt(2) - 1].
  static constexpr float coefficients[] = {
      0.3333333134651184f,  -0.2500081956386566f, 0.20001226663589478f,
      -0.1662335693836212f, 0.14201760292053223f, -0.13160181045532227f,
      0.12761564552783966f, -0.07634483277797699f};
  // x = 2^e * (1 + f); the bits of sqrt(1/2) centre the interval.
  constexpr int32_t sqrtHalf = 0x3f3504f3;
  Value bits = asInt(k, x);
  Value exponent = arith::ShRSIOp::create(
      b, k.loc(), arith::SubIOp::create(b, k.loc(), bits, k.splatInt(sqrtHalf)),
      k.splatInt(23));
  Value scaled = arith::SubIOp::create(
      b, k.loc(), bits,
      arith::ShLIOp::create(b, k.loc(), exponent, k.splatInt(23)));
  Value f = k.subf(asFloat(k, scaled), k.splat(1.0f));
  Value e = arith::SIToFPOp::create(b, k.loc(), k.vecType, exponent);
  Value square = k.mulf(f, f);
  Value tail = k.mulf(k.mulf(square, f), emitPolynomial(k, f, coefficients));
  tail = k.fma(square, k.splat(-0.5f), tail);
  // ln 2 in two parts, the first with few enough bits for an exact product.
  tail = k.fma(e, k.splat(-2.12194440e-4f), tail);
  Value result = k.fma(e, k.splat(0.693359375f), k.addf(f, tail));
  Value zero = compare(k, arith::CmpFPredicate::OEQ, x, k.splat(0.0f));
  Value minusInfinity = k.splat(-std::numeric_limits<float>::infinity());
  result = k.select(zero, minusInfinity, result);
  return k.select(compare(k, arith::CmpFPredicate::UNO, x, x), x, result);
}

Value attn::cpu::emitWideLog(KernelBuilder &k, Value x) {
  // ln(x) = ln(2^24 x) - 24 ln 2 makes a subnormal normal.
  constexpr float leastNormal = std::numeric_limits<float>::min();
  Value isTiny = compare(k, arith::CmpFPredicate::OLT, x, k.splat(leastNormal));
  Value scaled = k.select(isTiny, k.mulf(x, k.splat(0x1p24f)), x);
  Value log = emitLog(k, scaled);
  log = k.select(isTiny, k.subf(log, k.splat(16.6355324f)), log);
  Value infinity = k.splat(std::numeric_limits<float>::infinity());
  Value isInfinite = compare(k, arith::CmpFPredicate::OEQ, x, infinity);
  log = k.select(isInfinite, infinity, log);
  Value isNegative = compare(k, arith::CmpFPredicate::OLT, x, k.splat(0.0f));
  Value none = k.splat(std::numeric_limits<float>::quiet_NaN());
  return k.select(isNegative, none, log);
}

Value attn::cpu::emitTanh(KernelBuilder &k, Value x) {
  OpBuilder &b = k.builder();
  // (tanh(x) - x) / x^3 as a polynomial in x^2, |x| <= 0.625.
  static constexpr float coefficients[] = {
      -0.3333328068256378f, 0.13331441581249237f, -0.05373971536755562f,
      0.0206390880048275f, -0.005704987328499556f};
  Value square = k.mulf(x, x);
  Value cube = k.mulf(square, x);
  Value small = k.fma(cube, emitPolynomial(k, square, coefficients), x);
  // 1 - 2 t / (1 + t), t = 2^(-2 log2(e) |x|): never overflows.
  Value magnitude = math::AbsFOp::create(b, k.loc(), x);
  Value t = emitExp2(k, k.mulf(magnitude, k.splat(-2.885390081777927f)));
  Value one = k.splat(1.0f);
  Value large = k.divf(k.subf(one, t), k.addf(one, t));
  large = math::CopySignOp::create(b, k.loc(), large, x);
  Value isLarge =
      compare(k, arith::CmpFPredicate::OGT, magnitude, k.splat(0.625f));
  return k.select(isLarge, large, small);
}

Value attn::cpu::emitErf(KernelBuilder &k, Value x) {
  OpBuilder &b = k.builder();
  // erf(t) / t as a polynomial in t^2, t <= 0.95.
  static constexpr float nearZero[] = {
      1.128379225730896f,     -0.37612631916999817f, 0.11283663660287857f,
      -0.026857705786824226f, 0.005196953658014536f, -0.0008097715908661485f,
      8.185136539395899e-05f};
  // log2(1 - erf(t)), 0.9 <= t <= 4, beyond which erf is 1.
  static constexpr float farther[] = {
      0.00024410967307630926f, -1.629507303237915f,    -0.913804292678833f,
      -0.15612898766994476f,   0.036183666437864304f,  -0.005996202118694782f,
      0.0006223679520189762f,  -3.004921381943859e-05f};
  Value magnitude = math::AbsFOp::create(b, k.loc(), x);
  Value square = k.mulf(x, x);
  Value small = k.mulf(x, emitPolynomial(k, square, nearZero));
  // This order of the minimum keeps a NaN.
  Value four = k.splat(4.0f);
  Value isBeyond = compare(k, arith::CmpFPredicate::OGT, magnitude, four);
  Value t = k.select(isBeyond, four, magnitude);
  Value rest = emitExp2(k, emitPolynomial(k, t, farther));
  Value large =
      math::CopySignOp::create(b, k.loc(), k.subf(k.splat(1.0f), rest), x);
  Value isLarge =
      compare(k, arith::CmpFPredicate::OGT, magnitude, k.splat(0.92f));
  return k.select(isLarge, large, small);
}

/// x = n pi/2 + r: r, and n in the low bits of integers. In f64 the two parts
/// of pi/2 leave r exact to f32 for every position that an i32 counts. The sum
/// with magic has n in its low bits.
static std::pair<Value, Value> reduceAngle(KernelBuilder &k, Value x) {
  OpBuilder &b = k.builder();
  Location loc = k.loc();
  auto wide = cast<VectorType>(x.getType()).clone(b.getF64Type());
  auto splat = [&](double value) -> Value {
    return arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(wide, b.getF64FloatAttr(value)));
  };
  Value magic = splat(6755399441055744.0);
  Value angle = arith::ExtFOp::create(b, loc, wide, x);
  Value shifted =
      math::FmaOp::create(b, loc, angle, splat(0.63661977236758138), magic);
  Value n = arith::SubFOp::create(b, loc, shifted, magic);
  Value r = math::FmaOp::create(b, loc, n, splat(-1.5707963267948966), angle);
  r = math::FmaOp::create(b, loc, n, splat(-6.123233995736766e-17), r);
  Value bits =
      arith::BitcastOp::create(b, loc, wide.clone(b.getI64Type()), shifted);
  return {arith::TruncFOp::create(b, loc, x.getType(), r),
          arith::TruncIOp::create(b, loc, k.intVecType, bits)};
}

std::pair<Value, Value> attn::cpu::emitSinCos(KernelBuilder &k, Value x) {
  OpBuilder &b = k.builder();
  // (sin(r) - r) / r^3 and (cos(r) - 1 + r^2 / 2) / r^4 in r^2, |r| <= 0.82.
  static constexpr float sine[] = {-0.1666666716337204f, 0.008333328180015087f,
                                   -0.00019838972366414964f,
                                   2.7149656034453074e-06f};
  static constexpr float cosine[] = {
      0.04166664183139801f, -0.0013887082459405065f, 2.4406001102761365e-05f};
  auto [r, quadrant] = reduceAngle(k, x);
  Value square = k.mulf(r, r);
  Value cube = k.mulf(square, r);
  Value sin = k.fma(cube, emitPolynomial(k, square, sine), r);
  Value cos = k.fma(square, k.splat(-0.5f), k.splat(1.0f));
  cos = k.fma(k.mulf(square, square), emitPolynomial(k, square, cosine), cos);
  // Odd quadrants swap the two, the second half of a turn negates them.
  auto hasBit = [&](Value number, int32_t bit) -> Value {
    Value masked = arith::AndIOp::create(b, k.loc(), number, k.splatInt(bit));
    return arith::CmpIOp::create(b, k.loc(), arith::CmpIPredicate::ne, masked,
                                 k.splatInt(0));
  };
  Value isOdd = hasBit(quadrant, 1);
  Value next = arith::AddIOp::create(b, k.loc(), quadrant, k.splatInt(1));
  auto negateIf = [&](Value condition, Value y) {
    Value negated = arith::NegFOp::create(b, k.loc(), y);
    return k.select(condition, negated, y);
  };
  return {negateIf(hasBit(quadrant, 2), k.select(isOdd, cos, sin)),
          negateIf(hasBit(next, 2), k.select(isOdd, sin, cos))};
}

Value attn::cpu::emitFunction(KernelBuilder &k, Operation &op,
                              ValueRange operands) {
  return llvm::TypeSwitch<Operation *, Value>(&op)
      .Case([&](math::TanhOp) { return emitTanh(k, operands[0]); })
      .Case([&](math::ExpOp) { return emitExp(k, operands[0]); })
      .Case([&](math::Exp2Op) { return emitWideExp2(k, operands[0]); })
      .Case([&](math::ErfOp) { return emitErf(k, operands[0]); })
      .Case([&](math::LogOp) { return emitWideLog(k, operands[0]); })
      .Case([&](math::Log2Op) {
        constexpr float log2e = 1.44269504f;
        return k.mulf(emitWideLog(k, operands[0]), k.splat(log2e));
      })
      .Default(Value());
}
