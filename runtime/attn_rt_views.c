/* Ragged rows, pages, rings and slots become the views that generated code
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

int attn_rt_is_cut(const attn_rt_call *call) {
  return call->batch.q_indptr || call->batch.part_begins;
}

int64_t attn_rt_pieces(const attn_rt_call *call) {
  return attn_rt_is_cut(call) ? call->symbol[ATTN_RT_BATCH] : 1;
}

static void move(const attn_rt_tensor *tensor, const attn_rt_view *all,
                 int64_t elements, attn_rt_view *view) {
  if (all->data)
    view->data = (char *)all->data + elements * (tensor->dtype.bits / 8);
}

/* The view of a tensor of all sequences becomes what sequence `b` has of it,
   or, of rows of tokens, what the sequences before `end` have. */
static void cut(const attn_rt_call *call, int64_t b, int64_t end,
                const attn_rt_tensor *tensor, const attn_rt_view *all,
                attn_rt_view *view) {
  const int32_t *offsets = call->batch.q_indptr;
  int64_t row = offsets ? offsets[b] : 0;
  if (offsets && attn_rt_is_of_rows(tensor)) {
    move(tensor, all, row * all->stride[1], view);
    view->extent[1] = all->data ? offsets[end] - row : 0;
    return;
  }
  move(tensor, all, b * all->stride[0], view);
  view->slot_origin = -b * all->stride[0];
  view->extent[0] = 1;
  if (all->slots)
    view->slots = all->slots + row * all->slot_step;
  if (all->pages)
    view->pages = all->pages + (all->starts ? all->starts[b] : b * all->pitch);
  view->starts = 0;
  if (call->batch.part_begins && (tensor->role & ATTN_RT_CACHE))
    view->extent[1] = attn_rt_length(call, b);
}

void attn_rt_cut_views(const attn_rt_call *call, int64_t begin, int64_t end,
                       attn_rt_view *views) {
  for (int64_t i = 0; i < call->kernel->tensor_count; ++i)
    if (call->kernel->tensors[i].symbol[0] == ATTN_RT_BATCH)
      cut(call, begin, end, &call->kernel->tensors[i], &call->views[i],
          &views[i]);
}
