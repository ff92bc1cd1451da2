/* Packed rows, pages, rings and slots become the views that generated code
   sees. */
#include "runtime/attn_rt_impl.h"

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

/* [pages, page_rows, ...] or [batch, kv_capacity, ...] */
static void arrange_cache(const attn_rt_call *call, attn_rt_view *view) {
  const attn_rt_batch *batch = &call->batch;
  view->slots = batch->slots;
  view->slot_pitch = batch->slot_pitch;
  view->slot_step = batch->slot_step;
  view->slot_rows = larger(view->extent[1], 1);
  view->slot_stride = view->stride[0];
  view->page_rows = INT64_MAX;
  if (batch->is_paged) {
    view->page_rows = view->extent[1];
    view->page_stride = view->stride[0];
    view->stride[0] = 0;
    view->pages = batch->pages;
    view->starts = batch->starts;
    view->pitch = batch->pitch;
    view->extent[0] = call->symbol[ATTN_RT_BATCH];
    view->extent[1] = call->symbol[ATTN_RT_KV_CAPACITY];
  } else if (batch->is_ring) {
    view->page_rows = larger(view->extent[1], 1);
    view->extent[1] = larger(view->extent[1], call->longest);
  }
}

/* [tokens, ...] is one sequence, until it is cut. */
static void arrange_rows(attn_rt_view *view) {
  for (int d = ATTN_RT_MAX_RANK - 1; d > 0; --d) {
    view->extent[d] = view->extent[d - 1];
    view->stride[d] = view->stride[d - 1];
  }
  view->extent[0] = 1;
  view->stride[0] = 0;
}

void attn_rt_arrange(attn_rt_call *call) {
  for (int64_t i = 0; i < call->kernel->tensor_count; ++i) {
    const attn_rt_tensor *tensor = &call->kernel->tensors[i];
    attn_rt_view *view = &call->views[i];
    if (tensor->role & ATTN_RT_CACHE)
      arrange_cache(call, view);
    else if (call->batch.q_indptr && attn_rt_is_of_rows(tensor) && view->data)
      arrange_rows(view);
  }
}

int64_t attn_rt_parts(const attn_rt_call *call) {
  return call->batch.q_indptr ? call->symbol[ATTN_RT_BATCH] : 1;
}

static void move(attn_rt_view *view, const attn_rt_tensor *tensor,
                 int64_t elements) {
  if (view->data)
    view->data = (char *)view->data + elements * (tensor->dtype.bits / 8);
}

/* What is left of a tensor of all sequences for sequence `b`. */
static void cut(const attn_rt_call *call, int64_t b,
                const attn_rt_tensor *tensor, attn_rt_view *view) {
  if (tensor->symbol[0] != ATTN_RT_BATCH)
    return;
  if (attn_rt_is_of_rows(tensor)) {
    move(view, tensor, call->batch.q_indptr[b] * view->stride[1]);
    view->extent[1] = view->data ? attn_rt_rows(call, b) : 0;
    return;
  }
  move(view, tensor, b * view->stride[0]);
  view->slot_origin = -b * view->stride[0];
  view->extent[0] = 1;
  if (view->slots)
    view->slots += call->batch.q_indptr[b] * view->slot_step;
  if (view->pages)
    view->pages += view->starts ? view->starts[b] : b * view->pitch;
  view->starts = 0;
}

const attn_rt_view *attn_rt_part_views(const attn_rt_call *call, int64_t part,
                                       attn_rt_view *own) {
  if (!call->batch.q_indptr)
    return call->views;
  for (int64_t i = 0; i < call->kernel->tensor_count; ++i) {
    attn_rt_copy(&own[i], &call->views[i], sizeof(own[i]));
    cut(call, part, &call->kernel->tensors[i], &own[i]);
  }
  return own;
}
