//===- VectorMath.h - elementary functions without a library ----*- C++ -*-===//
//
// Polynomials of our own, so that an object calls no libm and a value has the
// same f32 operations on every ISA. Coefficients: minimax fits (Lawson) of the
// functions named, in relative error.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_VECTORMATH_H
#define CODEGEN_CPU_VECTORMATH_H

#include "codegen/cpu/KernelBuilder.h"

namespace attn::cpu {

/// What the exponents of a row with maximum m are relative to: m, or 0 where m
/// is -inf, since a row that has seen no key subtracts nothing. A scalar or a
/// vector.
Value emitBase(KernelBuilder &k, Value m);

/// 2^x for x <= 127, within 2 ulp. Exactly 1 at 0, exactly 0 below -126.5 and
/// at -inf; NaN stays NaN.
Value emitExp2(KernelBuilder &k, Value x);

/// 2^x for every x, within 2 ulp, subnormal results included; inf above
/// 128; NaN stays NaN.
Value emitWideExp2(KernelBuilder &k, Value x);

/// e^x for every x, within 2 ulp, subnormal results included; NaN stays NaN.
Value emitExp(KernelBuilder &k, Value x);

/// ln(x) for normal x >= 0, within 2 ulp; -inf at 0; NaN stays NaN.
Value emitLog(KernelBuilder &k, Value x);

/// ln(x) for every x, within 2 ulp; NaN below 0; NaN stays NaN.
Value emitWideLog(KernelBuilder &k, Value x);

/// tanh(x), within 4 ulp; +-1 at +-inf; NaN stays NaN.
Value emitTanh(KernelBuilder &k, Value x);

/// erf(x), within 4 ulp; +-1 at +-inf; NaN stays NaN.
Value emitErf(KernelBuilder &k, Value x);

/// sin(x) and cos(x), within 4 ulp of 1 for |x| up to 2^22; NaN stays NaN.
std::pair<Value, Value> emitSinCos(KernelBuilder &k, Value x);

/// What a math operation computes that no target has an instruction for (exp,
/// log, tanh, erf); null for any other operation.
Value emitFunction(KernelBuilder &k, mlir::Operation &op, ValueRange operands);

} // namespace attn::cpu

#endif // CODEGEN_CPU_VECTORMATH_H
