/* Outputs share no byte with another tensor. Exact for views that nest in one
   pitch, as slices of a fused buffer do; refuses the rest when in doubt. */
#include "runtime/attn_rt_impl.h"

/* Elements from the first to one past the last, over the dimensions whose
   stride is not a multiple of `pitch` (0: over all). */
static uint64_t reach(const attn_rt_view *view, int64_t pitch) {
  uint64_t last = 0;
  for (int d = 0; d < ATTN_RT_MAX_RANK; ++d)
    if (!pitch || view->stride[d] % pitch)
      last += (uint64_t)(view->extent[d] - 1) * (uint64_t)view->stride[d];
  return last + 1;
}

static int is_empty(const attn_rt_view *view) {
  for (int d = 0; d < ATTN_RT_MAX_RANK; ++d)
    if (!view->extent[d])
      return 1;
  return 0;
}

int attn_rt_overlaps_itself(const attn_rt_view *view) {
  /* Taken in ascending order, each stride must step over all before it. */
  uint64_t reached = 1;
  unsigned done = 0;
  if (is_empty(view))
    return 0;
  for (int n = 0; n < ATTN_RT_MAX_RANK; ++n) {
    int next = -1;
    for (int d = 0; d < ATTN_RT_MAX_RANK; ++d)
      if (!(done >> d & 1) && view->extent[d] > 1 &&
          (next < 0 || view->stride[d] < view->stride[next]))
        next = d;
    if (next < 0)
      return 0;
    if ((uint64_t)view->stride[next] < reached)
      return 1;
    done |= 1u << next;
    reached +=
        (uint64_t)(view->extent[next] - 1) * (uint64_t)view->stride[next];
  }
  return 0;
}

/* Whether both views, folded onto one pitch, keep to disjoint parts of it. */
static int interleave(const attn_rt_view *a, uint64_t a_bytes,
                      const attn_rt_view *b, uint64_t b_bytes, int64_t pitch) {
  uint64_t a_reach = reach(a, pitch), b_reach = reach(b, pitch);
  uint64_t bytes = (uint64_t)pitch * a_bytes, shift;
  if (a_bytes != b_bytes)
    return 0;
  shift = ((uint64_t)(uintptr_t)b->data - (uint64_t)(uintptr_t)a->data);
  /* Reduce the signed distance modulo the pitch. */
  shift = (int64_t)shift < 0 ? bytes - 1 - (~shift % bytes) : shift % bytes;
  return a_reach * a_bytes <= shift && shift + b_reach * b_bytes <= bytes;
}

int attn_rt_overlap(const attn_rt_view *a, uint64_t a_bytes,
                    const attn_rt_view *b, uint64_t b_bytes) {
  uint64_t a_begin = (uint64_t)(uintptr_t)a->data;
  uint64_t b_begin = (uint64_t)(uintptr_t)b->data;
  if (is_empty(a) || is_empty(b) ||
      a_begin + reach(a, 0) * a_bytes <= b_begin ||
      b_begin + reach(b, 0) * b_bytes <= a_begin)
    return 0;
  for (int d = 0; d < ATTN_RT_MAX_RANK; ++d)
    if (a->extent[d] > 1 && a->stride[d] > 1 &&
        interleave(a, a_bytes, b, b_bytes, a->stride[d]))
      return 0;
  return 1;
}

static attn_status fail(const attn_rt_call *call, const char *a,
                        const attn_rt_view *a_view, const char *b,
                        const attn_rt_view *b_view,
                        const attn_context *context) {
  return attn_rt_fail(context, ATTN_OVERLAP, "%s: %s at %x overlaps %s at %x",
                      call->kernel->symbol, a,
                      (uint64_t)(uintptr_t)a_view->data, b,
                      (uint64_t)(uintptr_t)b_view->data);
}

/* Output `i` against all tensors. */
static attn_status check_output(const attn_rt_call *call, int64_t i,
                                const attn_context *context) {
  const attn_rt_tensor *tensors = call->kernel->tensors;
  const attn_rt_view *view = &call->views[i];
  uint64_t bytes = tensors[i].dtype.bits / 8;
  for (int64_t j = 0; j < call->kernel->tensor_count; ++j) {
    /* A pair of outputs is looked at once. */
    if (j == i || (j < i && (tensors[j].role & ATTN_RT_OUTPUT)))
      continue;
    if (attn_rt_overlap(view, bytes, &call->views[j],
                        tensors[j].dtype.bits / 8))
      return fail(call, tensors[i].name, view, tensors[j].name, &call->views[j],
                  context);
  }
  for (int j = 0; j < call->batch.aside_count; ++j) {
    const attn_rt_aside *aside = &call->batch.asides[j];
    if (attn_rt_overlap(view, bytes, &aside->view, aside->element_bytes))
      return fail(call, tensors[i].name, view, aside->name, &aside->view,
                  context);
  }
  return ATTN_OK;
}

attn_status attn_rt_check_overlap(const attn_rt_call *call,
                                  const attn_context *context) {
  for (int64_t i = 0; i < call->kernel->tensor_count; ++i) {
    attn_status status = call->kernel->tensors[i].role & ATTN_RT_OUTPUT
                             ? check_output(call, i, context)
                             : ATTN_OK;
    if (status)
      return status;
  }
  return ATTN_OK;
}
