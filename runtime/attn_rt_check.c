/* Every argument of a call is checked before a byte is touched; the rules are
   those of the header's comments on attn_status. */
#include "runtime/attn_rt_checked.h"

attn_status attn_rt_check_context(const char *symbol,
                                  const attn_context *context) {
  if (!context || context->size < sizeof(attn_context))
    return ATTN_BAD_CONTEXT;
  if (context->abi != ATTN_ABI_VERSION)
    return attn_rt_fail(context, ATTN_BAD_CONTEXT,
                        "%s: context.abi is %d, expected %d: begin with "
                        "ATTN_CONTEXT_INIT",
                        symbol, (int64_t)context->abi,
                        (int64_t)ATTN_ABI_VERSION);
  if (context->workers < 0)
    return attn_rt_fail(context, ATTN_BAD_CONTEXT,
                        "%s: context.workers is %d, expected 0 or more", symbol,
                        context->workers);
  return ATTN_OK;
}

/* A ring holds what the first of a call's rows looks back at, and the rows. */
static int fits_ring(const attn_rt_call *call, int64_t b, int64_t capacity) {
  return call->batch.is_ring && call->reach <= capacity &&
         attn_rt_rows(call, b) - 1 <= capacity - call->reach;
}

/* Whether all lengths are from 0 to `capacity`, the longest of which is
   `longest` then. Without a branch, for every task looks. */
static int are_within(const int32_t *lengths, int64_t count, int64_t capacity,
                      int64_t *longest) {
  int32_t least = 0, most = 0;
  for (int64_t b = 0; b < count; ++b) {
    least = lengths[b] < least ? lengths[b] : least;
    most = lengths[b] > most ? lengths[b] : most;
  }
  *longest = most;
  return least == 0 && most <= capacity;
}

static attn_status beyond_ring(const checked *c, int64_t b, int64_t capacity) {
  const int32_t *lengths = c->view->data;
  int64_t rows = attn_rt_rows(c->call, b);
  if (c->call->reach >= INT32_MAX)
    return FAIL(c, ATTN_BAD_LENGTH,
                "[%d] is %d, beyond a ring of %d rows: the layer looks back at "
                "all keys",
                b, (int64_t)lengths[b], capacity);
  return FAIL(c, ATTN_BAD_LENGTH,
              "[%d] is %d, beyond a ring of %d rows: a layer that looks back "
              "at %d keys needs %d rows for %d new ones",
              b, (int64_t)lengths[b], capacity, c->call->reach,
              c->call->reach + (rows > 0 ? rows - 1 : 0), rows);
}

static attn_status beyond_capacity(const checked *c, int64_t b,
                                   int64_t capacity) {
  int64_t length = ((const int32_t *)c->view->data)[b];
  if (c->call->batch.is_paged)
    return FAIL(c, ATTN_BAD_LENGTH,
                "[%d] is %d, expected 0 to %d (%d pages of %d rows)", b, length,
                capacity, attn_rt_pages(c->call, b),
                c->call->symbol[ATTN_RT_PAGE_ROWS]);
  return FAIL(c, ATTN_BAD_LENGTH,
              "[%d] is %d, expected 0 to %d (the keys' capacity)", b, length,
              capacity);
}

static attn_status check_lengths(const checked *c) {
  const int32_t *lengths = c->view->data;
  int64_t *longest = &c->call->longest;
  c->call->lengths = lengths;
  if (!c->call->batch.starts &&
      are_within(lengths, c->view->extent[0], attn_rt_capacity(c->call, 0),
                 longest))
    return ATTN_OK;
  *longest = 0;
  for (int64_t b = 0; b < c->view->extent[0]; ++b) {
    int64_t capacity = attn_rt_capacity(c->call, b);
    if (lengths[b] > capacity && fits_ring(c->call, b, capacity))
      capacity = INT32_MAX;
    if (lengths[b] > capacity && c->call->batch.is_ring)
      return beyond_ring(c, b, capacity);
    if (lengths[b] < 0 || lengths[b] > capacity)
      return beyond_capacity(c, b, capacity);
    *longest = lengths[b] > *longest ? lengths[b] : *longest;
  }
  return ATTN_OK;
}

/* Where the tensors of the kernel's args end. */
static uint64_t tensors_end(const attn_rt_kernel *kernel) {
  return sizeof(attn_rt_args) +
         (uint64_t)kernel->tensor_count * sizeof(DLTensor *);
}

/* sizeof(NAME_core_args) */
static uint64_t args_end(const attn_rt_kernel *kernel) {
  return tensors_end(kernel) + sizeof(attn_rt_tail);
}

static attn_status check_size(const attn_rt_kernel *kernel,
                              const attn_rt_args *args,
                              const attn_context *context) {
  if (args->size >= sizeof(attn_rt_args) && args->size <= ATTN_RT_MOST_ARGS)
    return ATTN_OK;
  return attn_rt_fail(context, ATTN_BAD_ARGS,
                      "%s: args.size is %d, expected %d: set it to "
                      "sizeof(%s_args)",
                      kernel->symbol, (int64_t)args->size,
                      (int64_t)args_end(kernel), kernel->symbol);
}

/* What there is of the rest of the args: an older caller has not all of it. */
static attn_rt_tail tail_of(const attn_rt_kernel *kernel,
                            const attn_rt_args *args) {
  attn_rt_tail found = {0};
  uint64_t begin = tensors_end(kernel);
  for (uint64_t i = 0; i < sizeof(found) && begin + i < args->size; ++i)
    ((char *)&found)[i] = ((const char *)args)[begin + i];
  return found;
}

static attn_status check_reserved(const attn_rt_kernel *kernel,
                                  const attn_rt_tail *tail,
                                  const attn_context *context) {
#define SCALE(field) {#field, (uint64_t)(uintptr_t)tail->field, 1},
#define GROUP(field) {#field, tail->field, 0},
  const struct {
    const char *name;
    uint64_t value;
    int is_tensor;
  } fields[] = {ATTN_RT_TAIL(SCALE, GROUP, ATTN_RT_NO_FIELD)};
#undef SCALE
#undef GROUP
  for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); ++i)
    if (fields[i].value)
      return attn_rt_fail(context, ATTN_BAD_ARGS,
                          fields[i].is_tensor
                              ? "%s: args.%s is %x, expected NULL: %s"
                              : "%s: args.%s is %d, expected 0: %s",
                          kernel->symbol, fields[i].name, fields[i].value,
                          "quantised caches are not supported yet; clear args "
                          "before filling it");
  return ATTN_OK;
}

attn_status attn_rt_check_rest(const char *symbol, const void *args,
                               uint64_t size, uint64_t known,
                               const attn_context *context) {
  for (uint64_t i = known; i < size; ++i)
    if (((const char *)args)[i])
      return attn_rt_fail(context, ATTN_BAD_ARGS,
                          "%s: args.size is %d and byte %d is set, but this "
                          "version knows %d bytes only: clear args before "
                          "filling it",
                          symbol, (int64_t)size, (int64_t)i, (int64_t)known);
  return ATTN_OK;
}

static attn_status check_layer(const attn_rt_kernel *kernel, uint32_t layer,
                               const attn_context *context) {
  int64_t first = 0;
  if (layer >= kernel->layer_count)
    return attn_rt_fail(
        context, ATTN_BAD_LAYER, "%s: args.layer is %d, expected 0 to %d",
        kernel->symbol, (int64_t)layer, kernel->layer_count - 1);
  if (kernel->layer_rows[layer] >= 0)
    return ATTN_OK;
  while (first < kernel->layer_count - 1 && kernel->layer_rows[first] < 0)
    ++first;
  return attn_rt_fail(context, ATTN_BAD_LAYER,
                      "%s: args.layer is %d, which this kernel does not serve; "
                      "the first that it serves is %d, and the manifest lists "
                      "all",
                      kernel->symbol, (int64_t)layer, first);
}

static attn_status check_head(attn_rt_call *call, const attn_rt_args *args,
                              const attn_context *context) {
  const attn_rt_kernel *kernel = call->kernel;
  attn_status status;
  if (!args)
    return attn_rt_fail(context, ATTN_BAD_ARGS, "%s: args is NULL",
                        kernel->symbol);
  status = check_size(kernel, args, context);
  if (status)
    return status;
  if (args->abi != ATTN_ABI_VERSION)
    return attn_rt_fail(context, ATTN_BAD_ARGS,
                        "%s: args.abi is %d, expected %d: set it to "
                        "ATTN_ABI_VERSION",
                        kernel->symbol, (int64_t)args->abi,
                        (int64_t)ATTN_ABI_VERSION);
  if (args->flags & ~(ATTN_FLAG_NO_SINK | ATTN_FLAG_RING))
    return attn_rt_fail(context, ATTN_BAD_FLAGS,
                        "%s: args.flags is %x, expected ATTN_FLAG_NO_SINK "
                        "(0x1), ATTN_FLAG_RING (0x2), both or 0",
                        kernel->symbol, (uint64_t)args->flags);
  status = check_layer(kernel, args->layer, context);
  if (!status)
    status = attn_rt_check_rest(kernel->symbol, args, args->size,
                                args_end(kernel), context);
  if (!status) {
    call->constants =
        call->target->constants +
        kernel->layer_rows[args->layer] * call->target->constants_bytes;
    call->layer = args->layer;
    call->reach = kernel->layer_reach[args->layer];
    call->part_step = kernel->layer_part_step[args->layer];
  }
  return status;
}

static attn_status missing(const checked *c, const attn_rt_args *args,
                           uint64_t end) {
  const attn_rt_kernel *kernel = c->call->kernel;
  if (end <= args->size)
    return FAIL(c, ATTN_MISSING_TENSOR, "is NULL%s", "");
  return FAIL(c, ATTN_MISSING_TENSOR,
              "lies beyond args.size, which is %d, expected %d: set it to "
              "sizeof(%s_args)",
              (int64_t)args->size, (int64_t)args_end(kernel), kernel->symbol);
}

/* Tensor `index` of the args. */
static attn_status check_argument(attn_rt_call *call, const attn_rt_args *args,
                                  int64_t index, const attn_context *context) {
  const attn_rt_tensor *declared = &call->kernel->tensors[index];
  uint64_t end =
      sizeof(attn_rt_args) + (uint64_t)(index + 1) * sizeof(DLTensor *);
  int dropped =
      (declared->role & ATTN_RT_SINKS) && (args->flags & ATTN_FLAG_NO_SINK);
  const DLTensor *tensor =
      end <= args->size && !dropped ? args->tensors[index] : 0;
  attn_rt_tensor own;
  const checked c = {call, context, declared, tensor, &call->views[index]};
  attn_status status;
  if (call->packed && (declared->role & ATTN_RT_WEIGHT)) {
    attn_rt_clear(c.view, sizeof(*c.view));
    if (!dropped)
      attn_rt_bind_packed(call, index, c.view);
    return ATTN_OK;
  }
  if (tensor)
    call->given |= (uint64_t)1 << index;
  if (!tensor) {
    attn_rt_clear(c.view, sizeof(*c.view));
    return (declared->role & (ATTN_RT_OPTIONAL | ATTN_RT_NEW_ROWS)) || dropped
               ? ATTN_OK
               : missing(&c, args, end);
  }
  status = attn_rt_check_tensor(
      call, context, attn_rt_expect(call, declared, &own), tensor, c.view);
  if (!status && (declared->role & ATTN_RT_CACHE))
    status = attn_rt_bind_pages(call, declared, context);
  return status;
}

/* The capacity is known once all tensors are, in whatever order they come. */
static attn_status check_all_lengths(attn_rt_call *call,
                                     const attn_context *context) {
  call->longest = call->symbol[ATTN_RT_KV_CAPACITY];
  call->lengths = 0;
  for (int64_t i = 0; i < call->kernel->tensor_count; ++i) {
    checked c = {call, context, &call->kernel->tensors[i], 0, &call->views[i]};
    if (!(c.expected->role & ATTN_RT_KV_LENGTHS))
      continue;
    if (c.view->data)
      return check_lengths(&c);
    if (call->batch.is_paged)
      return FAIL(&c, ATTN_MISSING_TENSOR,
                  "is NULL, which a call with a page_table needs%s", "");
  }
  return ATTN_OK;
}

/* The keys of the longest sequence, of which the call may have a part. */
static int64_t longest_whole(const attn_rt_call *call) {
  int64_t longest = 0;
  if (!call->batch.whole)
    return call->longest;
  for (int64_t b = 0; b < call->symbol[ATTN_RT_BATCH]; ++b)
    if (call->batch.whole[b] > longest)
      longest = call->batch.whole[b];
  return longest;
}

/* What is said of keys is said of each, in a call of a part too. */
static attn_status check_of_keys(attn_rt_call *call,
                                 const attn_context *context) {
  int64_t longest = longest_whole(call);
  for (int64_t i = 0; i < call->kernel->tensor_count; ++i) {
    checked c = {call, context, &call->kernel->tensors[i], 0, &call->views[i]};
    int last = c.expected->rank - 1;
    if (c.expected->role & ATTN_RT_OF_KEYS && c.view->extent[last] < longest)
      return FAIL(&c, ATTN_BAD_SHAPE,
                  "has extent %d in dimension %d (%s), expected at least the "
                  "%d %s of the longest sequence",
                  c.view->extent[last], (int64_t)last, c.expected->axis[last],
                  longest, call->batch.whole ? "keys" : "valid keys");
  }
  return ATTN_OK;
}

attn_status attn_rt_check_args(attn_rt_call *call, const void *raw,
                               const attn_context *context) {
  const attn_rt_kernel *kernel = call->kernel;
  const attn_rt_args *args = raw;
  attn_rt_tail tail;
  attn_status status = check_head(call, args, context);
  if (status)
    return status;
  for (int s = 0; s < ATTN_RT_ALL_SYMBOLS; ++s)
    call->symbol[s] = -1;
  call->given = 0;
  tail = tail_of(kernel, args);
  status = check_reserved(kernel, &tail, context);
  if (!status)
    status = attn_rt_read_batch(call, &tail, args->flags, context);
  if (!status)
    status = attn_rt_read_packed(call, tail.packed_weights, context);
  for (int64_t i = 0; i < kernel->tensor_count && !status; ++i)
    status = check_argument(call, args, i, context);
  if (!status)
    status = check_all_lengths(call, context);
  if (!status)
    status = attn_rt_check_batch(call, &tail, context);
  if (!status)
    status = check_of_keys(call, context);
  if (!status)
    status = attn_rt_check_overlap(call, context);
  if (!status)
    attn_rt_arrange(call);
  return status;
}

attn_status attn_rt_check_weights(attn_rt_call *call, const void *raw,
                                  const attn_context *context) {
  const attn_rt_kernel *kernel = call->kernel;
  const attn_rt_args *args = raw;
  attn_status status = check_head(call, args, context);
  if (!status && args->flags)
    status = attn_rt_fail(context, ATTN_BAD_FLAGS,
                          "%s: args.flags is %x, expected 0: weights are "
                          "packed for every call",
                          kernel->symbol, (uint64_t)args->flags);
  if (status)
    return status;
  for (int s = 0; s < ATTN_RT_ALL_SYMBOLS; ++s)
    call->symbol[s] = -1;
  attn_rt_clear(&call->batch, sizeof(call->batch));
  call->given = 0;
  call->packed = 0;
  for (int64_t i = 0; i < kernel->tensor_count && !status; ++i)
    if (kernel->tensors[i].role & ATTN_RT_WEIGHT)
      status = check_argument(call, args, i, context);
  return status;
}
