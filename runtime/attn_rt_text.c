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
    }
  }
  va_end(values);
  *out.at = 0;
  return status;
}
