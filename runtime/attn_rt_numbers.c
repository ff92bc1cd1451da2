/* See attn_rt_numbers.h. */
#include "runtime/attn_rt_numbers.h"

/* 2^n times the Taylor series of the rest, |rest| < 0.35. */
double attn_rt_exp(double x) {
  static const double inverse[] = {
      1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
      1.0 / 5040,     1.0 / 720,     1.0 / 120,    1.0 / 24,
      1.0 / 6,        0.5,           1.0,          1.0};
  union {
    uint64_t bits;
    double value;
  } power;
  double n, rest, sum = 1.0 / 479001600;
  if (x != x)
    return x;
  if (x < -700)
    return 0;
  n = (double)(int64_t)(x * 1.4426950408889634 - 0.5);
  rest = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  for (int i = 0; i < 12; ++i)
    sum = sum * rest + inverse[i];
  power.bits = (uint64_t)((int64_t)n + 1023) << 52;
  return sum * power.value;
}

/* 2 atanh((m - 1) / (m + 1)) of the mantissa. */
double attn_rt_log(double x) {
  union {
    double value;
    uint64_t bits;
  } number;
  double exponent, ratio, square, sum = 0;
  number.value = x;
  exponent = (double)((int64_t)(number.bits >> 52 & 0x7ff) - 1023);
  number.bits = (number.bits & 0xfffffffffffff) | (uint64_t)1023 << 52;
  if (number.value > 1.4142135623730951) {
    number.value *= 0.5;
    exponent += 1;
  }
  ratio = (number.value - 1) / (number.value + 1);
  square = ratio * ratio;
  for (int n = 21; n > 0; n -= 2)
    sum = sum * square + 1.0 / n;
  return exponent * 0.693147180559945309417 + 2 * ratio * sum;
}

double attn_rt_half_value(uint16_t half) {
  union {
    uint32_t bits;
    float value;
  } number;
  uint32_t exponent = half >> 10 & 0x1f, mantissa = half & 0x3ff;
  double sign = half >> 15 ? -1 : 1;
  if (exponent == 0)
    return sign * (double)mantissa * 0x1p-24;
  number.bits = (exponent == 31 ? 255u : exponent + 112) << 23 | mantissa << 13;
  return sign * (double)number.value;
}

uint16_t attn_rt_half_bits(float value) {
  union {
    float value;
    uint32_t bits;
  } number;
  uint32_t sign, magnitude, rounded, shift;
  number.value = value;
  sign = number.bits >> 16 & 0x8000;
  magnitude = number.bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return (uint16_t)(sign | 0x7e00);
  if (magnitude >= 0x47800000)
    return (uint16_t)(sign | 0x7c00);
  if (magnitude < 0x33000000)
    return (uint16_t)sign;
  /* Below 2^-14 the mantissa loses a bit for each power of two. */
  shift = magnitude < 0x38800000 ? 126 - (magnitude >> 23) : 13;
  rounded = magnitude < 0x38800000 ? (magnitude & 0x7fffff) | 0x800000
                                   : magnitude - 0x38000000;
  rounded += ((uint32_t)1 << (shift - 1)) - 1 + (rounded >> shift & 1);
  return (uint16_t)(sign | rounded >> shift);
}

uint16_t attn_rt_bfloat_bits(float value) {
  union {
    float value;
    uint32_t bits;
  } number;
  number.value = value;
  if ((number.bits & 0x7fffffff) > 0x7f800000)
    return (uint16_t)(number.bits >> 16 | 0x40);
  return (uint16_t)((number.bits + 0x7fff + (number.bits >> 16 & 1)) >> 16);
}
