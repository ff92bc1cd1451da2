/* Messages without stdio: a call may not lock, allocate or touch errno. */
#include "runtime/attn_rt_impl.h"

#include <stdarg.h>

typedef struct {
  char *at, *end; /* end: the place of the final NUL */
} writer;

static void put_char(writer *out, char c) {
  if (out->at < out->end)
    *out->at++ = c;
}

static void put_string(writer *out, const char *text) {
  for (; *text; ++text)
    put_char(out, *text);
}

static void put_number(writer *out, uint64_t value, uint64_t base) {
  char digits[20];
  int count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  while (count)
    put_char(out, digits[--count]);
}

static void put_integer(writer *out, int64_t value) {
  if (value < 0)
    put_char(out, '-');
  put_number(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
}

/* " of 3 bits" */
static void put_count(writer *out, const char *before, uint64_t count,
                      const char *after) {
  put_string(out, before);
  put_number(out, count, 10);
  put_string(out, after);
}

/* "f32", "bf16", "bool", "f32 with 4 lanes": as people write DLPack's types. */
static void put_type(writer *out, DLDataType type) {
  /* By DLDataTypeCode; `bits` 0: of any width, which follows the name. */
  static const struct {
    const char *name;
    uint8_t bits;
  } kinds[] = {{"i", 0},          {"u", 0},
               {"f", 0},          {"handle", 0},
               {"bf", 0},         {"complex", 0},
               {"bool", 8},       {"f8_e3m4", 8},
               {"f8_e4m3", 8},    {"f8_e4m3b11fnuz", 8},
               {"f8_e4m3fn", 8},  {"f8_e4m3fnuz", 8},
               {"f8_e5m2", 8},    {"f8_e5m2fnuz", 8},
               {"f8_e8m0fnu", 8}, {"f6_e2m3fn", 6},
               {"f6_e3m2fn", 6},  {"f4_e2m1fn", 4}};
  int known = type.code < sizeof(kinds) / sizeof(kinds[0]);
  uint8_t bits = known ? kinds[type.code].bits : 0;
  if (known)
    put_string(out, kinds[type.code].name);
  else
    put_count(out, "code ", type.code, "");
  if (known && !bits)
    put_number(out, type.bits, 10);
  else if (type.bits != bits)
    put_count(out, " of ", type.bits, " bits");
  if (type.lanes != 1)
    put_count(out, " with ", type.lanes, " lanes");
}

/* "x86-64-v4, x86-64-v3" */
static void put_targets(writer *out, const attn_rt_kernel *kernel) {
  for (int64_t i = 0; i < kernel->target_count; ++i) {
    put_string(out, i ? ", " : "");
    put_string(out, kernel->targets[i].name);
  }
}

attn_status attn_rt_fail(const attn_context *context, attn_status status,
                         const char *format, ...) {
  va_list values;
  writer out;
  if (!context->text || !context->text_bytes)
    return status;
  out.at = context->text;
  out.end = context->text + context->text_bytes - 1;
  va_start(values, format);
  for (; *format; ++format) {
    if (*format != '%') {
      put_char(&out, *format);
      continue;
    }
    switch (*++format) {
    case 's':
      put_string(&out, va_arg(values, const char *));
      break;
    case 'd':
      put_integer(&out, va_arg(values, int64_t));
      break;
    case 'x':
      put_string(&out, "0x");
      put_number(&out, va_arg(values, uint64_t), 16);
      break;
    case 't':
      put_type(&out, va_arg(values, DLDataType));
      break;
    case 'k':
      put_targets(&out, va_arg(values, const attn_rt_kernel *));
      break;
    }
  }
  va_end(values);
  *out.at = 0;
  return status;
}
