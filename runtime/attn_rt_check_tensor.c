/* One tensor of a call against what its kernel declares: type, extents, strides
   and address, in a view that generated code reads. */
#include "runtime/attn_rt_checked.h"

static const char *const symbol_names[ATTN_RT_ALL_SYMBOLS] = {
    "batch", "query_length", "kv_capacity", "tokens", "pages", "page_rows"};

static attn_status check_kind(const checked *c) {
  const DLTensor *t = c->tensor;
  DLDataType want = c->expected->dtype;
  if (t->device.device_type != kDLCPU)
    return FAIL(c, ATTN_BAD_DEVICE,
                "is on device type %d, expected 1 (the CPU)",
                (int64_t)t->device.device_type);
  if (t->dtype.code != want.code || t->dtype.bits != want.bits ||
      t->dtype.lanes != want.lanes)
    return FAIL(c, ATTN_BAD_DTYPE, "has type %t, expected %t", t->dtype, want);
  if (t->ndim != c->expected->rank)
    return FAIL(c, ATTN_BAD_RANK, "has rank %d, expected %d", (int64_t)t->ndim,
                (int64_t)c->expected->rank);
  if (!t->shape)
    return FAIL(c, ATTN_BAD_SHAPE, "has shape NULL, expected %d extents",
                (int64_t)c->expected->rank);
  return ATTN_OK;
}

/* Whether the extent is the tensor's own: one row for all, or any room for
   keys, which lengths are compared with once they are known. */
static int is_own_extent(const checked *c, int d) {
  return d + 1 == c->expected->rank
             ? c->expected->role & ATTN_RT_OF_KEYS
             : c->expected->role & ATTN_RT_MASK && c->tensor->shape[d] == 1;
}

/* Static extents hold; the first tensor that has a symbol binds it, static or
   not. Lengths are int32, so that no key may lie beyond them. */
static attn_status check_extents(const checked *c) {
  for (int d = 0; d < c->expected->rank; ++d) {
    int64_t want = c->expected->extent[d], have = c->tensor->shape[d];
    int64_t index = c->expected->symbol[d];
    int64_t *symbol = index < 0 ? 0 : &c->call->symbol[index];
    if (have < 0)
      return FAIL(c, ATTN_BAD_SHAPE, "has extent %d in dimension %d (%s)", have,
                  (int64_t)d, c->expected->axis[d]);
    c->view->extent[d] = have;
    if (is_own_extent(c, d))
      continue;
    if (want >= 0 && have != want)
      return FAIL(c, ATTN_BAD_SHAPE,
                  "has extent %d in dimension %d (%s), expected %d", have,
                  (int64_t)d, c->expected->axis[d], want);
    if (symbol && *symbol >= 0 && *symbol != have && index == ATTN_RT_BATCH &&
        c->expected->role & ATTN_RT_CACHE)
      return FAIL(c, ATTN_BAD_SHAPE,
                  "has extent %d in dimension %d (batch), but the batch of the "
                  "tensors before it is %d; caches on pages need page_table",
                  have, (int64_t)d, *symbol);
    if (symbol && *symbol >= 0 && *symbol != have)
      return FAIL(c, ATTN_BAD_SHAPE,
                  "has extent %d in dimension %d (%s), but the %s of the "
                  "tensors before it is %d",
                  have, (int64_t)d, c->expected->axis[d], symbol_names[index],
                  *symbol);
    if (index == ATTN_RT_KV_CAPACITY && have > INT32_MAX)
      return FAIL(c, ATTN_BAD_SHAPE,
                  "has extent %d in dimension %d (%s), expected at most %d",
                  have, (int64_t)d, c->expected->axis[d], (int64_t)INT32_MAX);
    if (symbol)
      *symbol = have;
  }
  return ATTN_OK;
}

/* Fills the view's strides; bytes must fit an address. */
static attn_status check_strides(const checked *c) {
  int rank = c->expected->rank, empty = 0;
  int64_t compact = 1, last = 0, step, bytes = c->expected->dtype.bits / 8;
  for (int d = 0; d < rank; ++d)
    empty |= !c->view->extent[d];
  for (int d = rank - 1; d >= 0; --d) {
    int64_t extent = c->view->extent[d];
    int64_t stride = c->tensor->strides ? c->tensor->strides[d] : compact;
    /* What is one for all is read for all. */
    if (c->expected->role & ATTN_RT_MASK && extent == 1)
      stride = 0;
    c->view->stride[d] = stride;
    if (empty)
      continue;
    if (stride < 0)
      return FAIL(c, ATTN_BAD_STRIDE, "has stride %d in dimension %d (%s)",
                  stride, (int64_t)d, c->expected->axis[d]);
    if (d == rank - 1 && extent > 1 && stride != 1)
      return FAIL(c, ATTN_BAD_STRIDE,
                  "has stride %d in its innermost dimension (%s), expected 1",
                  stride, c->expected->axis[d]);
    if (__builtin_mul_overflow(extent - 1, stride, &step) ||
        __builtin_add_overflow(last, step, &last) ||
        __builtin_add_overflow(last, 1, &step) ||
        __builtin_mul_overflow(step, bytes, &step) ||
        __builtin_mul_overflow(compact, extent, &compact))
      return FAIL(c, ATTN_BAD_STRIDE,
                  "with stride %d in dimension %d (%s) is larger than memory",
                  stride, (int64_t)d, c->expected->axis[d]);
  }
  if ((c->expected->role & ATTN_RT_OUTPUT) && attn_rt_overlaps_itself(c->view))
    return FAIL(c, ATTN_BAD_STRIDE,
                "has strides that give two elements one place%s", "");
  return ATTN_OK;
}

static attn_status check_data(const checked *c) {
  uint64_t address = (uint64_t)(uintptr_t)c->tensor->data;
  uint64_t bytes = c->expected->dtype.bits / 8;
  int64_t elements = 1;
  for (int d = 0; d < c->expected->rank; ++d)
    elements *= !!c->view->extent[d];
  if (!address && elements)
    return FAIL(c, ATTN_MISSING_TENSOR, "has data NULL%s", "");
  if (elements && (address + c->tensor->byte_offset) % bytes)
    return FAIL(c, ATTN_BAD_ALIGNMENT,
                "begins at %x (byte_offset %d), expected a multiple of its "
                "element's %d bytes",
                address + c->tensor->byte_offset,
                (int64_t)c->tensor->byte_offset, (int64_t)bytes);
  /* The address is never NULL here where elements are: absence means NULL. */
  c->view->data = (void *)(uintptr_t)(address + c->tensor->byte_offset);
  return ATTN_OK;
}

attn_status attn_rt_check_tensor(attn_rt_call *call,
                                 const attn_context *context,
                                 const attn_rt_tensor *expected,
                                 const DLTensor *tensor, attn_rt_view *view) {
  const checked c = {call, context, expected, tensor, view};
  attn_status status = check_kind(&c);
  attn_rt_clear(view, sizeof(*view));
  for (int d = 0; d < ATTN_RT_MAX_RANK; ++d)
    view->extent[d] = 1;
  if (!status)
    status = check_extents(&c);
  if (!status)
    status = check_strides(&c);
  if (!status)
    status = check_data(&c);
  return status;
}
