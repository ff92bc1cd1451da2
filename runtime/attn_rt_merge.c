/* Attention over parts of the keys, as one: each part's output counts by the
   share of its denominator (SEMANTICS: lse = m + ln(denominator)). Parts are
   taken ascending, in double; a row depends on nothing but its own parts. */
#include "runtime/attn_rt_impl.h"

#define MERGE_RANK 5
/* Columns of a row that are summed at once. */
#define COLUMNS 64

/* A tensor of the args, each with `rank` dimensions. */
typedef struct {
  const char *name;
  const DLTensor *tensor;
  char *data;
  int64_t stride[MERGE_RANK];
} merged;

typedef struct {
  const char *symbol;
  const attn_context *context;
  int rank; /* of outputs: [parts, ..., heads, dim] */
  int64_t extent[MERGE_RANK];
  DLDataType type;
  merged outputs, lses, sinks, output, lse;
} merge_call;

/*===----------------------------------------------------------------------===
  Numbers
  ===----------------------------------------------------------------------===*/

/* e^x for x <= 0: 2^n times the Taylor series of the rest, |rest| < 0.35. */
static double exp_of(double x) {
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

/* ln x for a positive normal x: 2 atanh((m - 1) / (m + 1)) of the mantissa. */
static double log_of(double x) {
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

static double half_value(uint16_t half) {
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

/* To the nearest, ties to even; a NaN stays one. */
static uint16_t half_bits(float value) {
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

static uint16_t bfloat_bits(float value) {
  union {
    float value;
    uint32_t bits;
  } number;
  number.value = value;
  if ((number.bits & 0x7fffffff) > 0x7f800000)
    return (uint16_t)(number.bits >> 16 | 0x40);
  return (uint16_t)((number.bits + 0x7fff + (number.bits >> 16 & 1)) >> 16);
}

static double load(const merge_call *call, const char *data, int64_t index) {
  union {
    uint32_t bits;
    float value;
  } number;
  if (call->type.bits == 32)
    return ((const float *)(const void *)data)[index];
  if (call->type.code == kDLFloat)
    return half_value(((const uint16_t *)(const void *)data)[index]);
  number.bits = (uint32_t)((const uint16_t *)(const void *)data)[index] << 16;
  return number.value;
}

static void store(const merge_call *call, char *data, int64_t index,
                  double value) {
  if (call->type.bits == 32)
    ((float *)(void *)data)[index] = (float)value;
  else
    ((uint16_t *)(void *)data)[index] = call->type.code == kDLFloat
                                            ? half_bits((float)value)
                                            : bfloat_bits((float)value);
}

/*===----------------------------------------------------------------------===
  Checks
  ===----------------------------------------------------------------------===*/

#define FAIL(m, status, format, ...)                                           \
  attn_rt_fail(call->context, status, "%s: %s " format, call->symbol,          \
               (m)->name, __VA_ARGS__)

/* Fills the tensor's strides: those of dimensions [first, last) of outputs. */
static attn_status check_one(merge_call *call, merged *m, DLDataType type,
                             int first, int last) {
  const DLTensor *t = m->tensor;
  int64_t compact = 1, bytes = type.bits / 8;
  if (!t)
    return FAIL(m, ATTN_MISSING_TENSOR, "is NULL%s", "");
  if (t->device.device_type != kDLCPU)
    return FAIL(m, ATTN_BAD_DEVICE,
                "is on device type %d, expected 1 (the CPU)",
                (int64_t)t->device.device_type);
  if (t->dtype.code != type.code || t->dtype.bits != type.bits ||
      t->dtype.lanes != 1)
    return FAIL(m, ATTN_BAD_DTYPE, "has type %t, expected %t", t->dtype, type);
  if (t->ndim != last - first)
    return FAIL(m, ATTN_BAD_RANK, "has rank %d, expected %d", (int64_t)t->ndim,
                (int64_t)(last - first));
  m->data = (char *)t->data + t->byte_offset;
  if ((uintptr_t)m->data % (uint64_t)bytes)
    return FAIL(m, ATTN_BAD_ALIGNMENT,
                "begins at %x, expected a multiple of its element's %d bytes",
                (uint64_t)(uintptr_t)m->data, bytes);
  for (int d = last - 1; d >= first; --d) {
    int64_t extent = t->shape[d - first];
    m->stride[d] = t->strides ? t->strides[d - first] : compact;
    compact *= extent;
    if (extent != call->extent[d])
      return FAIL(m, ATTN_BAD_SHAPE,
                  "has extent %d in dimension %d, expected %d", extent,
                  (int64_t)(d - first), call->extent[d]);
    if (m->stride[d] < 0)
      return FAIL(m, ATTN_BAD_STRIDE, "has stride %d in dimension %d",
                  m->stride[d], (int64_t)(d - first));
  }
  return ATTN_OK;
}

static int has_elements(const merge_call *call, int first) {
  for (int d = first; d < call->rank; ++d)
    if (!call->extent[d])
      return 0;
  return 1;
}

/* The bytes between the first and the end of the last element. */
static uint64_t reach(const merge_call *call, const merged *m, int first,
                      int last) {
  uint64_t elements = 1;
  for (int d = first; d < last; ++d)
    elements += (uint64_t)((call->extent[d] - 1) * m->stride[d]);
  return elements * (m->tensor->dtype.bits / 8);
}

static attn_status check_apart(merge_call *call, const merged *a, int last_a,
                               const merged *b, int first_b, int last_b) {
  uint64_t a_begin = (uint64_t)(uintptr_t)a->data;
  uint64_t b_begin = (uint64_t)(uintptr_t)b->data;
  if (a_begin + reach(call, a, 1, last_a) <= b_begin ||
      b_begin + reach(call, b, first_b, last_b) <= a_begin)
    return ATTN_OK;
  return FAIL(a, ATTN_OVERLAP, "at %x overlaps %s at %x", a_begin, b->name,
              b_begin);
}

static attn_status check_data(merge_call *call, const merged *m) {
  return m->tensor->data ? ATTN_OK
                         : FAIL(m, ATTN_MISSING_TENSOR, "has data NULL%s", "");
}

static attn_status check_places(merge_call *call) {
  const merged *written[] = {&call->output, &call->lse};
  int rank = call->rank, last[] = {rank, rank - 1};
  attn_status status = check_data(call, &call->output);
  if (!status && call->extent[0])
    status = check_data(call, &call->outputs);
  if (!status && call->extent[0])
    status = check_data(call, &call->lses);
  for (int i = 0; i < 2 && !status; ++i) {
    if (!written[i]->tensor)
      continue;
    status = check_data(call, written[i]);
    if (!status && call->extent[0])
      status = check_apart(call, written[i], last[i], &call->outputs, 0, rank);
    if (!status && call->extent[0])
      status = check_apart(call, written[i], last[i], &call->lses, 0, rank - 1);
    if (!status && call->sinks.tensor)
      status = check_apart(call, written[i], last[i], &call->sinks, rank - 2,
                           rank - 1);
  }
  if (!status && call->lse.tensor)
    status = check_apart(call, &call->output, rank, &call->lse, 1, rank - 1);
  return status;
}

static attn_status check_shapes(merge_call *call) {
  static const DLDataType f32 = {kDLFloat, 32, 1};
  const DLTensor *parts = call->outputs.tensor;
  merged *m = &call->outputs;
  attn_status status;
  int rank;
  if (!parts)
    return FAIL(m, ATTN_MISSING_TENSOR, "is NULL%s", "");
  rank = call->rank = parts->ndim;
  if (rank < 4 || rank > MERGE_RANK)
    return FAIL(m, ATTN_BAD_RANK, "has rank %d, expected 4 or 5",
                (int64_t)rank);
  call->type = parts->dtype;
  if ((call->type.bits != 16 && call->type.bits != 32) ||
      (call->type.code != kDLFloat &&
       !(call->type.code == kDLBfloat && call->type.bits == 16)))
    return FAIL(m, ATTN_BAD_DTYPE, "has type %t, expected f32, f16 or bf16",
                call->type);
  for (int d = 0; d < rank; ++d) {
    call->extent[d] = parts->shape[d];
    if (call->extent[d] < 0)
      return FAIL(m, ATTN_BAD_SHAPE, "has extent %d in dimension %d",
                  call->extent[d], (int64_t)d);
  }
  status = check_one(call, m, call->type, 0, rank);
  if (!status)
    status = check_one(call, &call->lses, f32, 0, rank - 1);
  if (!status && call->sinks.tensor)
    status = check_one(call, &call->sinks, call->type, rank - 2, rank - 1);
  if (!status)
    status = check_one(call, &call->output, call->type, 1, rank);
  if (!status && call->lse.tensor)
    status = check_one(call, &call->lse, f32, 1, rank - 1);
  return status || !has_elements(call, 1) ? status : check_places(call);
}

/*===----------------------------------------------------------------------===
  Merging
  ===----------------------------------------------------------------------===*/

/* Where the row's elements of a tensor begin. */
static int64_t offset_of(const merge_call *call, const merged *m,
                         const int64_t *index) {
  int64_t offset = 0;
  for (int d = 1; d < call->rank - 1; ++d)
    offset += index[d] * m->stride[d];
  return offset;
}

static double lse_of(const merge_call *call, int64_t part, int64_t offset) {
  const float *lses = (const void *)call->lses.data;
  return lses[part * call->lses.stride[0] + offset];
}

/* One row: all that follows is in double. */
static void merge_row(const merge_call *call, const int64_t *index) {
  static const double infinity = 1.0 / 0.0;
  int64_t parts = call->extent[0], dim = call->extent[call->rank - 1];
  int64_t lses = offset_of(call, &call->lses, index);
  int64_t from = offset_of(call, &call->outputs, index);
  int64_t to = offset_of(call, &call->output, index);
  double sink = -infinity, largest, total;
  int last = call->rank - 1, is_empty;
  if (call->sinks.tensor)
    sink = load(call, call->sinks.data,
                index[last - 1] * call->sinks.stride[last - 1]);
  largest = sink;
  for (int64_t p = 0; p < parts; ++p) {
    double lse = lse_of(call, p, lses);
    largest = lse > largest || lse != lse ? lse : largest;
  }
  /* No key, no sink: every weight is 0. */
  is_empty = largest == -infinity;
  if (is_empty)
    largest = 0;
  total = exp_of(sink - largest);
  for (int64_t p = 0; p < parts; ++p)
    total += exp_of(lse_of(call, p, lses) - largest);
  if (total == 0)
    total = 1;
  for (int64_t first = 0; first < dim; first += COLUMNS) {
    int64_t count = dim - first < COLUMNS ? dim - first : COLUMNS;
    double sum[COLUMNS];
    attn_rt_clear(sum, sizeof(sum));
    for (int64_t p = 0; p < parts; ++p) {
      double weight = exp_of(lse_of(call, p, lses) - largest) / total;
      /* A part without weight is left out, whatever it holds. */
      for (int64_t d = 0; weight != 0 && d < count; ++d)
        sum[d] += weight * load(call, call->outputs.data,
                                p * call->outputs.stride[0] + from +
                                    (first + d) * call->outputs.stride[last]);
    }
    for (int64_t d = 0; d < count; ++d)
      store(call, call->output.data,
            to + (first + d) * call->output.stride[last], sum[d]);
  }
  if (call->lse.tensor)
    ((float *)(void *)call->lse.data)[offset_of(call, &call->lse, index)] =
        (float)(is_empty         ? -infinity
                : total != total ? total
                                 : largest + log_of(total));
}

/* A task is a row of all heads. */
static void merge_task(void *closure, int64_t task) {
  const merge_call *call = closure;
  int64_t index[MERGE_RANK] = {0}, heads = call->extent[call->rank - 2];
  for (int d = call->rank - 3; d > 0; --d) {
    index[d] = task % call->extent[d];
    task /= call->extent[d];
  }
  for (int64_t head = 0; head < heads; ++head) {
    index[call->rank - 2] = head;
    merge_row(call, index);
  }
}

attn_status attn_rt_merge(const char *symbol, const attn_merge_args *args,
                          const attn_context *context) {
  merge_call call;
  int64_t tasks = 1;
  attn_status status = attn_rt_check_context(symbol, context);
  if (status)
    return status;
  if (!args || args->size < sizeof(attn_merge_args) ||
      args->abi != ATTN_ABI_VERSION)
    return attn_rt_fail(context, ATTN_BAD_ARGS,
                        "%s: args is NULL, too small or of another ABI: begin "
                        "with ATTN_MERGE_ARGS_INIT",
                        symbol);
  attn_rt_clear(&call, sizeof(call));
  call.symbol = symbol;
  call.context = context;
  call.outputs.name = "outputs";
  call.outputs.tensor = args->outputs;
  call.lses.name = "lses";
  call.lses.tensor = args->lses;
  call.sinks.name = "sinks";
  call.sinks.tensor = args->sinks;
  call.output.name = "output";
  call.output.tensor = args->output;
  call.lse.name = "lse";
  call.lse.tensor = args->lse;
  status = check_shapes(&call);
  if (status || !has_elements(&call, 1))
    return status;
  for (int d = 1; d < call.rank - 2; ++d)
    tasks *= call.extent[d];
  if (context->parallel_for && tasks > 1)
    context->parallel_for(context->pool, tasks, merge_task, &call);
  else
    for (int64_t task = 0; task < tasks; ++task)
      merge_task(&call, task);
  return ATTN_OK;
}
