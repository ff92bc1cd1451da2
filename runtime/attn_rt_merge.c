/* Attention over parts of the keys, as one: each part's output counts by the
   share of its denominator (SEMANTICS: lse = m + ln(denominator)). Parts are
   taken ascending, in double; a row depends on nothing but its own parts. */
#include "runtime/attn_rt_impl.h"
#include "runtime/attn_rt_numbers.h"

/* Columns of a row that are summed at once. */
#define COLUMNS 64

#define INFINITE (1.0 / 0.0)

/* The tensors of the args, in order. */
enum { OUTPUTS, LSES, SINKS, OUTPUT, LSE, TENSORS };

/* A merge is checked like a call of a kernel that has these tensors. */
typedef struct {
  attn_rt_kernel kernel;
  attn_rt_tensor tensors[TENSORS];
  attn_rt_call call;
  int rank; /* of outputs: [parts, ..., heads, dim] */
  DLDataType type;
} merge_call;

/*===----------------------------------------------------------------------===
  Elements
  ===----------------------------------------------------------------------===*/

static double load(const merge_call *merge, const char *data, int64_t index) {
  union {
    uint32_t bits;
    float value;
  } number;
  if (merge->type.bits == 32)
    return ((const float *)(const void *)data)[index];
  if (merge->type.code == kDLFloat)
    return attn_rt_half_value(((const uint16_t *)(const void *)data)[index]);
  number.bits = (uint32_t)((const uint16_t *)(const void *)data)[index] << 16;
  return number.value;
}

static void store(const merge_call *merge, char *data, int64_t index,
                  double value) {
  if (merge->type.bits == 32)
    ((float *)(void *)data)[index] = (float)value;
  else
    ((uint16_t *)(void *)data)[index] = merge->type.code == kDLFloat
                                            ? attn_rt_half_bits((float)value)
                                            : attn_rt_bfloat_bits((float)value);
}

/*===----------------------------------------------------------------------===
  Checks
  ===----------------------------------------------------------------------===*/

/* A tensor with dimensions [first, last) of outputs. */
static void describe(merge_call *merge, int index, const char *name,
                     int64_t role, DLDataType type, int first, int last) {
  static const char *const axes[][5] = {
      {"parts", "tokens", "query_heads", "dim"},
      {"parts", "batch", "query_length", "query_heads", "dim"}};
  attn_rt_tensor *tensor = &merge->tensors[index];
  const int64_t *extents = merge->tensors[OUTPUTS].extent;
  tensor->name = name;
  tensor->role = role;
  tensor->rank = last - first;
  tensor->dtype = type;
  for (int d = 0; d < tensor->rank; ++d) {
    tensor->extent[d] = extents[first + d];
    tensor->symbol[d] = ATTN_RT_NO_SYMBOL;
    tensor->axis[d] = axes[merge->rank - 4][first + d];
  }
}

/* Outputs say what the others have to be. */
static attn_status describe_all(merge_call *merge, const DLTensor *outputs,
                                const attn_context *context) {
  static const DLDataType f32 = {kDLFloat, 32, 1};
  const char *symbol = merge->kernel.symbol;
  int rank;
  if (!outputs)
    return attn_rt_fail(context, ATTN_MISSING_TENSOR, "%s: outputs is NULL",
                        symbol);
  rank = merge->rank = outputs->ndim;
  if (rank < 4 || rank > 5)
    return attn_rt_fail(context, ATTN_BAD_RANK,
                        "%s: outputs has rank %d, expected 4 or 5", symbol,
                        (int64_t)rank);
  merge->type = outputs->dtype;
  if (outputs->dtype.lanes != 1 ||
      !((outputs->dtype.code == kDLFloat && outputs->dtype.bits == 32) ||
        ((outputs->dtype.code == kDLFloat ||
          outputs->dtype.code == kDLBfloat) &&
         outputs->dtype.bits == 16)))
    return attn_rt_fail(context, ATTN_BAD_DTYPE,
                        "%s: outputs has type %t, expected f32, f16 or bf16",
                        symbol, outputs->dtype);
  if (!outputs->shape)
    return attn_rt_fail(context, ATTN_BAD_SHAPE,
                        "%s: outputs has shape NULL, expected %d extents",
                        symbol, (int64_t)rank);
  for (int d = 0; d < rank; ++d)
    merge->tensors[OUTPUTS].extent[d] = outputs->shape[d];
  describe(merge, OUTPUTS, "outputs", 0, merge->type, 0, rank);
  describe(merge, LSES, "lses", 0, f32, 0, rank - 1);
  describe(merge, SINKS, "sinks", ATTN_RT_OPTIONAL, merge->type, rank - 2,
           rank - 1);
  describe(merge, OUTPUT, "output", ATTN_RT_OUTPUT, merge->type, 1, rank);
  describe(merge, LSE, "lse", ATTN_RT_OUTPUT | ATTN_RT_OPTIONAL, f32, 1,
           rank - 1);
  return ATTN_OK;
}

static attn_status check_all(merge_call *merge, const attn_merge_args *args,
                             const attn_context *context) {
  const DLTensor *given[TENSORS] = {args->outputs, args->lses, args->sinks,
                                    args->output, args->lse};
  attn_status status = describe_all(merge, args->outputs, context);
  for (int i = 0; i < TENSORS && !status; ++i) {
    const attn_rt_tensor *expected = &merge->tensors[i];
    if (given[i])
      status = attn_rt_check_tensor(&merge->call, context, expected, given[i],
                                    &merge->call.views[i]);
    else if (!(expected->role & ATTN_RT_OPTIONAL))
      status = attn_rt_fail(context, ATTN_MISSING_TENSOR, "%s: %s is NULL",
                            merge->kernel.symbol, expected->name);
  }
  return status ? status : attn_rt_check_overlap(&merge->call, context);
}

/*===----------------------------------------------------------------------===
  Merging
  ===----------------------------------------------------------------------===*/

/* Where the row's elements of a tensor begin, which has `first` dimensions
   before those of the row. */
static int64_t offset_of(const merge_call *merge, int index, int first,
                         const int64_t *row) {
  const attn_rt_view *view = &merge->call.views[index];
  int64_t offset = 0;
  for (int d = 0; d < merge->rank - 2; ++d)
    offset += row[d] * view->stride[first + d];
  return offset;
}

/* One row of the lses, its part's being the first dimension. */
typedef struct {
  const float *first;
  int64_t stride, parts;
  /* ln of the denominator is largest + ln(total). */
  double largest, total;
  int is_empty; /* no key, no sink: every weight is 0 */
} row_weights;

static double weight_of(const row_weights *weights, int64_t part) {
  double lse = weights->first[part * weights->stride];
  return attn_rt_exp(lse - weights->largest) / weights->total;
}

static row_weights weigh(const merge_call *merge, const int64_t *row) {
  const attn_rt_view *lses = &merge->call.views[LSES];
  const attn_rt_view *sinks = &merge->call.views[SINKS];
  int64_t head = row[merge->rank - 3];
  row_weights weights = {(const float *)lses->data +
                             offset_of(merge, LSES, 1, row),
                         lses->stride[0],
                         lses->extent[0],
                         -INFINITE,
                         0,
                         0};
  double sink = weights.largest;
  if (sinks->data)
    sink = load(merge, sinks->data, head * sinks->stride[0]);
  weights.largest = sink;
  for (int64_t p = 0; p < weights.parts; ++p) {
    double lse = weights.first[p * weights.stride];
    weights.largest =
        lse > weights.largest || __builtin_isnan(lse) ? lse : weights.largest;
  }
  weights.is_empty = weights.largest == -INFINITE;
  if (weights.is_empty)
    weights.largest = 0;
  weights.total = 1;
  double total = attn_rt_exp(sink - weights.largest);
  for (int64_t p = 0; p < weights.parts; ++p)
    total += weight_of(&weights, p);
  weights.total = total == 0 ? 1 : total;
  return weights;
}

static void sum_columns(const merge_call *merge, const row_weights *weights,
                        const int64_t *row, int64_t first, int64_t count) {
  const attn_rt_view *from = &merge->call.views[OUTPUTS];
  const attn_rt_view *to = &merge->call.views[OUTPUT];
  int last = merge->rank - 1;
  int64_t begin = offset_of(merge, OUTPUTS, 1, row);
  int64_t end = offset_of(merge, OUTPUT, 0, row);
  double sum[COLUMNS];
  attn_rt_clear(sum, sizeof(sum));
  for (int64_t p = 0; p < weights->parts; ++p) {
    double weight = weight_of(weights, p);
    /* A part without weight is left out, whatever it holds. */
    for (int64_t d = 0; weight != 0 && d < count; ++d)
      sum[d] += weight * load(merge, from->data,
                              p * from->stride[0] + begin +
                                  (first + d) * from->stride[last]);
  }
  for (int64_t d = 0; d < count; ++d)
    store(merge, to->data, end + (first + d) * to->stride[last - 1], sum[d]);
}

static void merge_row(const merge_call *merge, const int64_t *row) {
  const attn_rt_view *lse = &merge->call.views[LSE];
  int64_t dim = merge->tensors[OUTPUTS].extent[merge->rank - 1];
  row_weights weights = weigh(merge, row);
  for (int64_t first = 0; first < dim; first += COLUMNS)
    sum_columns(merge, &weights, row, first,
                dim - first < COLUMNS ? dim - first : COLUMNS);
  if (lse->data)
    ((float *)lse->data)[offset_of(merge, LSE, 0, row)] =
        (float)(weights.is_empty ? -INFINITE
                : __builtin_isnan(weights.total)
                    ? weights.total
                    : weights.largest + attn_rt_log(weights.total));
}

/* A task is a row of all heads. */
static void merge_task(void *closure, int64_t task) {
  const merge_call *merge = closure;
  const int64_t *extents = &merge->tensors[OUTPUTS].extent[1];
  int64_t row[ATTN_RT_MAX_RANK], heads = extents[merge->rank - 3];
  for (int d = merge->rank - 4; d >= 0; --d) {
    row[d] = task % extents[d];
    task /= extents[d];
  }
  for (int64_t head = 0; head < heads; ++head) {
    row[merge->rank - 3] = head;
    merge_row(merge, row);
  }
}

/* 0 where no head has an element. */
static int64_t count_tasks(const merge_call *merge) {
  const int64_t *extents = merge->tensors[OUTPUTS].extent;
  int64_t tasks = extents[merge->rank - 1] && extents[merge->rank - 2];
  for (int d = 1; d < merge->rank - 2; ++d)
    tasks *= extents[d];
  return tasks;
}

static attn_status check_head(const char *symbol, const attn_merge_args *args,
                              const attn_context *context) {
  if (!args)
    return attn_rt_fail(context, ATTN_BAD_ARGS, "%s: args is NULL", symbol);
  if (args->size < sizeof(attn_merge_args) || args->size > ATTN_RT_MOST_ARGS ||
      args->abi != ATTN_ABI_VERSION)
    return attn_rt_fail(context, ATTN_BAD_ARGS,
                        "%s: args.size is %d and args.abi %d, expected %d and "
                        "%d: begin with ATTN_MERGE_ARGS_INIT",
                        symbol, (int64_t)args->size, (int64_t)args->abi,
                        (int64_t)sizeof(attn_merge_args),
                        (int64_t)ATTN_ABI_VERSION);
  return attn_rt_check_rest(symbol, args, args->size, sizeof(attn_merge_args),
                            context);
}

attn_status attn_rt_merge(const char *symbol, const attn_merge_args *args,
                          const attn_context *context) {
  merge_call merge;
  attn_status status = attn_rt_check_context(symbol, context);
  if (!status)
    status = check_head(symbol, args, context);
  if (status)
    return status;
  attn_rt_clear(&merge, sizeof(merge));
  merge.kernel.symbol = symbol;
  merge.kernel.tensor_count = TENSORS;
  merge.kernel.tensors = merge.tensors;
  merge.call.kernel = &merge.kernel;
  status = check_all(&merge, args, context);
  if (status)
    return status;
  attn_rt_for(context, count_tasks(&merge), merge_task, &merge);
  return ATTN_OK;
}
