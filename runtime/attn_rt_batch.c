/* How the rows and caches of a call are spread: ragged rows, pages, rings and
   slots, read and checked. */
#include "runtime/attn_rt_impl.h"

static const attn_rt_tensor indptr = {
    "q_indptr",   0, 1, {kDLInt, 32, 1}, {-1}, {ATTN_RT_NO_SYMBOL},
    {"batch + 1"}};
static const attn_rt_tensor page_starts = {
    "page_indptr", 0, 1, {kDLInt, 32, 1}, {-1}, {ATTN_RT_NO_SYMBOL},
    {"batch + 1"}};
static const attn_rt_tensor page_list = {"page_table",
                                         0,
                                         1,
                                         {kDLInt, 32, 1},
                                         {-1},
                                         {ATTN_RT_NO_SYMBOL},
                                         {"pages of all sequences"}};
static const attn_rt_tensor page_rows = {"page_table",
                                         0,
                                         2,
                                         {kDLInt, 32, 1},
                                         {-1, -1},
                                         {ATTN_RT_BATCH, ATTN_RT_NO_SYMBOL},
                                         {"batch", "pages of a sequence"}};
static const attn_rt_tensor slots = {
    "slot_mapping",           0,        2,
    {kDLInt, 64, 1},          {-1, -1}, {ATTN_RT_BATCH, ATTN_RT_QUERY_LENGTH},
    {"batch", "query_length"}};

static const attn_rt_tensor part_begins = {
    "key_offsets", 0, 1, {kDLInt, 32, 1}, {-1}, {ATTN_RT_BATCH}, {"batch"}};
static const attn_rt_tensor whole_lengths = {
    "sequence_lengths", 0,        1, {kDLInt, 32, 1}, {-1},
    {ATTN_RT_BATCH},    {"batch"}};

/*===----------------------------------------------------------------------===
  Reading
  ===----------------------------------------------------------------------===*/

static int has_role(const attn_rt_kernel *kernel, int64_t role) {
  for (int64_t i = 0; i < kernel->tensor_count; ++i)
    if ((kernel->tensors[i].role & role) == role)
      return 1;
  return 0;
}

int attn_rt_takes_ragged(const attn_rt_kernel *kernel) {
  return has_role(kernel, ATTN_RT_KV_LENGTHS) || has_role(kernel, ATTN_RT_ROWS);
}

int attn_rt_expands_caches(const attn_rt_call *call) {
  for (int64_t p = 0; p < call->target->program_count; ++p) {
    const attn_rt_program *program = &call->target->programs[p];
    for (int64_t i = 0; i < program->buffer_count; ++i)
      if (program->buffers[i].power[ATTN_RT_KV_CAPACITY])
        return 1;
  }
  return 0;
}

/* Why a kernel takes no parts of the keys, after "this kernel has no". */
static const char *why_no_parts(const attn_rt_kernel *kernel) {
  if (!has_role(kernel, ATTN_RT_KV_LENGTHS))
    return "kv_lengths";
  if (has_role(kernel, ATTN_RT_CACHE | ATTN_RT_OUTPUT))
    return "parts of a sequence: it appends to its caches";
  return "parts of a sequence: it has other steps than attention, or a fixed "
         "number of keys";
}

/* Fields that a kernel has no use for are NULL. */
static attn_status check_use(const attn_rt_call *call, const attn_rt_tail *tail,
                             uint32_t flags, const attn_context *context) {
  const attn_rt_kernel *kernel = call->kernel;
  /* Code reads along pages and rings in caches of layers alone. */
  int is_served =
      has_role(kernel, ATTN_RT_KV_LENGTHS) && has_role(kernel, ATTN_RT_CACHE);
  int appends = has_role(kernel, ATTN_RT_CACHE | ATTN_RT_OUTPUT);
  const char *parts =
      tail->key_offsets || tail->sequence_lengths ? why_no_parts(kernel) : 0;
  const struct {
    const char *name;
    const void *field;
    int is_known;
    const char *why;
  } rows[] = {
      {"q_indptr", tail->q_indptr, attn_rt_takes_ragged(kernel),
       "rows that may be packed"},
      {"page_table", tail->page_table, is_served, "caches of a layer"},
      {"page_indptr", tail->page_indptr, is_served, "caches of a layer"},
      {"slot_mapping", tail->slot_mapping, appends, "caches to append to"},
      {"key_offsets", tail->key_offsets, !!call->part_step, parts},
      {"sequence_lengths", tail->sequence_lengths, !!call->part_step, parts}};
  for (int i = 0; i < 6; ++i)
    if (rows[i].field && !rows[i].is_known)
      return attn_rt_fail(context, ATTN_BAD_ARGS,
                          "%s: args.%s is %x, expected NULL: this kernel has "
                          "no %s",
                          kernel->symbol, rows[i].name,
                          (uint64_t)(uintptr_t)rows[i].field, rows[i].why);
  if (tail->page_indptr && !tail->page_table)
    return attn_rt_fail(context, ATTN_MISSING_TENSOR,
                        "%s: page_table is NULL, but page_indptr is not",
                        kernel->symbol);
  if (!tail->key_offsets != !tail->sequence_lengths)
    return attn_rt_fail(context, ATTN_MISSING_TENSOR,
                        "%s: %s is NULL, but %s is not", kernel->symbol,
                        tail->key_offsets ? "sequence_lengths" : "key_offsets",
                        tail->key_offsets ? "key_offsets" : "sequence_lengths");
  if ((flags & ATTN_FLAG_RING) && tail->key_offsets)
    return attn_rt_fail(context, ATTN_BAD_FLAGS,
                        "%s: args.flags has ATTN_FLAG_RING, but the keys are a "
                        "part of a sequence",
                        kernel->symbol);
  if ((flags & ATTN_FLAG_RING) && (tail->page_table || !is_served))
    return attn_rt_fail(context, ATTN_BAD_FLAGS,
                        "%s: args.flags has ATTN_FLAG_RING, but %s",
                        kernel->symbol,
                        is_served ? "the caches have a page_table"
                                  : "this kernel has no caches of a layer");
  if ((flags & ATTN_FLAG_RING) && attn_rt_expands_caches(call))
    return attn_rt_fail(context, ATTN_BAD_FLAGS,
                        "%s: args.flags has ATTN_FLAG_RING, but this kernel "
                        "expands all rows of its caches",
                        kernel->symbol);
  return ATTN_OK;
}

static attn_status check_end(const attn_rt_call *call, const char *name,
                             const int32_t *offsets, int64_t batch,
                             int64_t most, const attn_context *context) {
  if (offsets[batch] <= most)
    return ATTN_OK;
  return attn_rt_fail(
      context, ATTN_BAD_LENGTH, "%s: %s[%d] is %d, expected at most %d",
      call->kernel->symbol, name, batch, (int64_t)offsets[batch], most);
}

/* Without a branch, for every task looks. */
static int ascends(const int32_t *offsets, int64_t batch) {
  int falls = 0;
  for (int64_t b = 0; b < batch; ++b)
    falls |= offsets[b + 1] < offsets[b];
  return !falls;
}

/* Offsets of `batch` ranges: they ascend from 0 to at most `most`. */
static attn_status check_offsets(const attn_rt_call *call, const char *name,
                                 const int32_t *offsets, int64_t batch,
                                 int64_t most, const attn_context *context) {
  if (offsets[0])
    return attn_rt_fail(context, ATTN_BAD_LENGTH, "%s: %s[0] is %d, expected 0",
                        call->kernel->symbol, name, (int64_t)offsets[0]);
  if (ascends(offsets, batch))
    return check_end(call, name, offsets, batch, most, context);
  int64_t fall = 1;
  while (offsets[fall] >= offsets[fall - 1])
    ++fall;
  return attn_rt_fail(context, ATTN_BAD_LENGTH,
                      "%s: %s[%d] is %d, expected at least the %d before it",
                      call->kernel->symbol, name, fall, (int64_t)offsets[fall],
                      (int64_t)offsets[fall - 1]);
}

/* Checks a tensor beside those of the kernel, and keeps it. */
static attn_status check_aside(attn_rt_call *call,
                               const attn_rt_tensor *expected,
                               const DLTensor *tensor,
                               const attn_context *context,
                               attn_rt_view *view) {
  attn_rt_aside *aside = &call->batch.asides[call->batch.aside_count];
  attn_status status =
      attn_rt_check_tensor(call, context, expected, tensor, view);
  if (status)
    return status;
  aside->name = expected->name;
  aside->element_bytes = expected->dtype.bits / 8;
  attn_rt_copy(&aside->view, view, sizeof(*view));
  ++call->batch.aside_count;
  return ATTN_OK;
}

/* Offsets as a tensor, which binds the batch. */
static attn_status read_offsets(attn_rt_call *call,
                                const attn_rt_tensor *expected,
                                const DLTensor *tensor, int64_t most,
                                const attn_context *context,
                                const int32_t **offsets) {
  int64_t *batch = &call->symbol[ATTN_RT_BATCH];
  attn_rt_view view;
  attn_status status = check_aside(call, expected, tensor, context, &view);
  if (status)
    return status;
  if (view.extent[0] < 1 || (*batch >= 0 && view.extent[0] != *batch + 1))
    return attn_rt_fail(context, ATTN_BAD_SHAPE,
                        *batch < 0 ? "%s: %s has extent %d, expected 1 or more"
                                   : "%s: %s has extent %d, expected %d",
                        call->kernel->symbol, expected->name, view.extent[0],
                        *batch + 1);
  *batch = view.extent[0] - 1;
  *offsets = view.data;
  return check_offsets(call, expected->name, *offsets, *batch, most, context);
}

static attn_status read_ragged(attn_rt_call *call, const DLTensor *tensor,
                               const attn_context *context) {
  const int32_t *offsets = 0;
  int32_t most = 0;
  attn_status status =
      read_offsets(call, &indptr, tensor, INT32_MAX, context, &offsets);
  if (status)
    return status;
  for (int64_t b = 0; b < call->symbol[ATTN_RT_BATCH]; ++b) {
    int32_t rows = offsets[b + 1] - offsets[b];
    most = rows > most ? rows : most;
  }
  call->batch.q_indptr = offsets;
  call->symbol[ATTN_RT_QUERY_LENGTH] = most;
  return ATTN_OK;
}

static attn_status read_pages(attn_rt_call *call, const attn_rt_tail *tail,
                              const attn_context *context) {
  attn_rt_batch *batch = &call->batch;
  attn_rt_view view;
  attn_status status =
      check_aside(call, tail->page_indptr ? &page_list : &page_rows,
                  tail->page_table, context, &view);
  if (status)
    return status;
  batch->is_paged = 1;
  batch->pages = view.data;
  batch->pitch = view.stride[0];
  batch->most_pages = view.extent[1];
  if (!tail->page_indptr)
    return ATTN_OK;
  status = read_offsets(call, &page_starts, tail->page_indptr, view.extent[0],
                        context, &batch->starts);
  batch->most_pages = 0;
  for (int64_t b = 0; !status && b < call->symbol[ATTN_RT_BATCH]; ++b)
    if (attn_rt_pages(call, b) > batch->most_pages)
      batch->most_pages = attn_rt_pages(call, b);
  return status;
}

attn_status attn_rt_read_batch(attn_rt_call *call, const attn_rt_tail *tail,
                               uint32_t flags, const attn_context *context) {
  attn_status status = check_use(call, tail, flags, context);
  attn_rt_clear(&call->batch, sizeof(call->batch));
  call->batch.is_ring = !!(flags & ATTN_FLAG_RING);
  if (!status && tail->q_indptr)
    status = read_ragged(call, tail->q_indptr, context);
  if (!status && tail->page_table)
    status = read_pages(call, tail, context);
  return status;
}

/*===----------------------------------------------------------------------===
  Shapes
  ===----------------------------------------------------------------------===*/

int attn_rt_is_of_rows(const attn_rt_tensor *tensor) {
  return tensor->symbol[0] == ATTN_RT_BATCH &&
         tensor->symbol[1] == ATTN_RT_QUERY_LENGTH;
}

const attn_rt_tensor *attn_rt_expect(const attn_rt_call *call,
                                     const attn_rt_tensor *tensor,
                                     attn_rt_tensor *own) {
  attn_rt_copy(own, tensor, sizeof(*own));
  if (call->batch.q_indptr && attn_rt_is_of_rows(tensor)) {
    own->rank = tensor->rank - 1;
    for (int d = 1; d < own->rank; ++d) {
      own->extent[d] = tensor->extent[d + 1];
      own->symbol[d] = tensor->symbol[d + 1];
      own->axis[d] = tensor->axis[d + 1];
    }
    own->symbol[0] = ATTN_RT_TOKENS;
    own->axis[0] = "tokens";
    own->extent[0] = -1;
  } else if (call->batch.is_paged && (tensor->role & ATTN_RT_CACHE)) {
    own->symbol[0] = ATTN_RT_PAGES;
    own->symbol[1] = ATTN_RT_PAGE_ROWS;
    own->axis[0] = "pages";
    own->axis[1] = "page_rows";
    own->extent[0] = own->extent[1] = -1;
  }
  return own;
}

attn_status attn_rt_bind_pages(attn_rt_call *call, const attn_rt_tensor *tensor,
                               const attn_context *context) {
  int64_t rows = call->symbol[ATTN_RT_PAGE_ROWS], capacity;
  if (!call->batch.is_paged || call->symbol[ATTN_RT_KV_CAPACITY] >= 0)
    return ATTN_OK;
  if (rows < 1)
    return attn_rt_fail(context, ATTN_BAD_SHAPE,
                        "%s: %s has pages of %d rows, expected 1 or more",
                        call->kernel->symbol, tensor->name, rows);
  if (__builtin_mul_overflow(call->batch.most_pages, rows, &capacity) ||
      capacity > INT32_MAX)
    return attn_rt_fail(context, ATTN_BAD_SHAPE,
                        "%s: page_table has %d pages of %d rows for a "
                        "sequence, expected at most %d rows",
                        call->kernel->symbol, call->batch.most_pages, rows,
                        (int64_t)INT32_MAX);
  call->symbol[ATTN_RT_KV_CAPACITY] = capacity;
  return ATTN_OK;
}

int64_t attn_rt_pages(const attn_rt_call *call, int64_t b) {
  const attn_rt_batch *batch = &call->batch;
  return batch->starts ? batch->starts[b + 1] - batch->starts[b]
                       : batch->most_pages;
}

int64_t attn_rt_capacity(const attn_rt_call *call, int64_t b) {
  return call->batch.is_paged
             ? attn_rt_pages(call, b) * call->symbol[ATTN_RT_PAGE_ROWS]
             : call->symbol[ATTN_RT_KV_CAPACITY];
}

int64_t attn_rt_rows(const attn_rt_call *call, int64_t b) {
  const int32_t *offsets = call->batch.q_indptr;
  return offsets ? offsets[b + 1] - offsets[b]
                 : call->symbol[ATTN_RT_QUERY_LENGTH];
}

int64_t attn_rt_length(const attn_rt_call *call, int64_t b) {
  return call->lengths ? call->lengths[b] : attn_rt_capacity(call, b);
}

/*===----------------------------------------------------------------------===
  Contents
  ===----------------------------------------------------------------------===*/

/* Places for rows in all of the caches, whoever they belong to. */
static int64_t places(const attn_rt_call *call) {
  const int64_t *symbol = call->symbol;
  return call->batch.is_paged
             ? symbol[ATTN_RT_PAGES] * symbol[ATTN_RT_PAGE_ROWS]
             : symbol[ATTN_RT_BATCH] * symbol[ATTN_RT_KV_CAPACITY];
}

/* Of rows behind the last sequence nothing is asked. */
static attn_status check_slots(attn_rt_call *call, const DLTensor *tensor,
                               const attn_context *context) {
  int64_t is_ragged = !!call->batch.q_indptr, most = places(call);
  attn_rt_tensor own;
  attn_rt_view view;
  attn_status status = check_aside(call, attn_rt_expect(call, &slots, &own),
                                   tensor, context, &view);
  if (status)
    return status;
  call->batch.slots = view.data;
  call->batch.slot_pitch = is_ragged ? 0 : view.stride[0];
  call->batch.slot_step = view.stride[is_ragged ? 0 : 1];
  int64_t outer = is_ragged ? call->batch.q_indptr[call->symbol[ATTN_RT_BATCH]]
                            : view.extent[0];
  for (int64_t i = 0; i < outer; ++i)
    for (int64_t j = 0; j < view.extent[1]; ++j) {
      int64_t slot = call->batch.slots[i * view.stride[0] + j * view.stride[1]];
      if (slot < -1 || slot >= most)
        return attn_rt_fail(context, ATTN_BAD_LENGTH,
                            "%s: slot_mapping of token %d is %d, expected -1 "
                            "to %d",
                            call->kernel->symbol, i * view.extent[1] + j, slot,
                            most - 1);
    }
  return ATTN_OK;
}

/* A row of zeros that is repeated, in place of rows that nobody appends. */
static attn_status repeat_zeros(attn_rt_call *call,
                                const attn_rt_tensor *tensor,
                                attn_rt_view *view,
                                const attn_context *context) {
  static const char zeros[8192];
  attn_rt_tensor own;
  const attn_rt_tensor *expected = attn_rt_expect(call, tensor, &own);
  int last = expected->rank - 1;
  if (expected->extent[last] * (expected->dtype.bits / 8) >
      (int64_t)sizeof(zeros))
    return attn_rt_fail(context, ATTN_MISSING_TENSOR, "%s: %s is NULL",
                        call->kernel->symbol, tensor->name);
  view->data = (void *)(uintptr_t)zeros;
  for (int d = 0; d < ATTN_RT_MAX_RANK; ++d) {
    int64_t symbol = d <= last ? expected->symbol[d] : ATTN_RT_NO_SYMBOL;
    view->extent[d] = d > last      ? 1
                      : symbol >= 0 ? call->symbol[symbol]
                                    : expected->extent[d];
    view->stride[d] = d == last;
  }
  return ATTN_OK;
}

/* Without new rows a call attends to what the caches hold. */
static attn_status leave_out_rows(attn_rt_call *call,
                                  const attn_context *context) {
  static const int64_t nowhere = -1;
  const attn_rt_tensor *given = 0, *absent = 0;
  for (int64_t i = 0; i < call->kernel->tensor_count; ++i) {
    const attn_rt_tensor *tensor = &call->kernel->tensors[i];
    if (!(tensor->role & ATTN_RT_NEW_ROWS))
      continue;
    if (call->given & (uint64_t)1 << i)
      given = tensor;
    else
      absent = tensor;
  }
  if (!absent)
    return ATTN_OK;
  if (given)
    return attn_rt_fail(context, ATTN_MISSING_TENSOR,
                        "%s: %s is NULL, but %s is not: rows are appended to "
                        "all caches or to none",
                        call->kernel->symbol, absent->name, given->name);
  call->batch.slots = &nowhere;
  call->batch.slot_pitch = call->batch.slot_step = 0;
  for (int64_t i = 0; i < call->kernel->tensor_count; ++i)
    if (call->kernel->tensors[i].role & ATTN_RT_NEW_ROWS) {
      attn_status status = repeat_zeros(call, &call->kernel->tensors[i],
                                        &call->views[i], context);
      if (status)
        return status;
    }
  return ATTN_OK;
}

/* Each part lies within its sequence. */
static attn_status check_parts(attn_rt_call *call, const attn_rt_tail *tail,
                               const attn_context *context) {
  const char *symbol = call->kernel->symbol;
  attn_rt_view begins, whole;
  attn_status status =
      check_aside(call, &part_begins, tail->key_offsets, context, &begins);
  if (!status)
    status = check_aside(call, &whole_lengths, tail->sequence_lengths, context,
                         &whole);
  if (status)
    return status;
  call->batch.part_begins = begins.data;
  call->batch.whole = whole.data;
  for (int64_t b = 0; b < call->symbol[ATTN_RT_BATCH]; ++b) {
    int64_t begin = call->batch.part_begins[b];
    int64_t end = begin + attn_rt_length(call, b);
    if (begin < 0)
      return attn_rt_fail(context, ATTN_BAD_LENGTH,
                          "%s: key_offsets [%d] is %d, expected 0 or more",
                          symbol, b, begin);
    if (begin % call->part_step)
      return attn_rt_fail(context, ATTN_BAD_LENGTH,
                          "%s: key_offsets [%d] is %d, expected a multiple of "
                          "%d, the layer's chunk",
                          symbol, b, begin, call->part_step);
    if (call->batch.whole[b] < end)
      return attn_rt_fail(context, ATTN_BAD_LENGTH,
                          "%s: sequence_lengths [%d] is %d, expected at least "
                          "the %d where the part's keys end: key_offsets and "
                          "kv_lengths, or the capacity without those",
                          symbol, b, (int64_t)call->batch.whole[b], end);
  }
  return ATTN_OK;
}

attn_status attn_rt_check_batch(attn_rt_call *call, const attn_rt_tail *tail,
                                const attn_context *context) {
  attn_status status = ATTN_OK;
  if (call->batch.q_indptr)
    status = check_end(call, "q_indptr", call->batch.q_indptr,
                       call->symbol[ATTN_RT_BATCH],
                       call->symbol[ATTN_RT_TOKENS], context);
  if (!status && tail->slot_mapping)
    status = check_slots(call, tail->slot_mapping, context);
  if (!status && tail->key_offsets)
    status = check_parts(call, tail, context);
  return status ? status : leave_out_rows(call, context);
}

attn_status attn_rt_check_pages(const attn_rt_call *call,
                                const attn_context *context) {
  const attn_rt_batch *batch = &call->batch;
  int64_t rows = call->symbol[ATTN_RT_PAGE_ROWS];
  int64_t most = call->symbol[ATTN_RT_PAGES];
  if (!batch->is_paged)
    return ATTN_OK;
  for (int64_t b = 0; b < call->symbol[ATTN_RT_BATCH]; ++b) {
    int64_t first = batch->starts ? batch->starts[b] : b * batch->pitch;
    int64_t count = (attn_rt_length(call, b) + rows - 1) / rows;
    for (int64_t i = 0; i < count; ++i) {
      int64_t page = batch->pages[first + i];
      if (page < 0 || page >= most)
        return attn_rt_fail(context, ATTN_BAD_LENGTH,
                            "%s: page %d of sequence %d is %d in page_table, "
                            "expected 0 to %d",
                            call->kernel->symbol, i, b, page, most - 1);
    }
  }
  return ATTN_OK;
}
