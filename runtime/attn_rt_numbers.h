/* Numbers of merged results, in double and in integers: no libm, and no call of
   a compiler's runtime. */
#ifndef RUNTIME_ATTN_RT_NUMBERS_H
#define RUNTIME_ATTN_RT_NUMBERS_H

#include <stdint.h>

/* e^x for x <= 0. */
double attn_rt_exp(double x);
/* ln x for a positive normal x. */
double attn_rt_log(double x);

/* f16 and bf16: to the nearest, ties to even; a NaN stays one. */
double attn_rt_half_value(uint16_t half);
uint16_t attn_rt_half_bits(float value);
uint16_t attn_rt_bfloat_bits(float value);

#endif /* RUNTIME_ATTN_RT_NUMBERS_H */
