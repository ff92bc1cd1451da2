/* Weights as the kernels read them, in one buffer that is made once: a head
   that says what it holds, then each weight in panels, or as it is. */
#include "runtime/attn_rt_impl.h"

static const attn_rt_tensor packed_weights = {
    "packed_weights",    0,        1, {kDLUInt, 8, 1}, {-1},
    {ATTN_RT_NO_SYMBOL}, {"bytes"}};

/* The first line of packed weights. */
typedef struct {
  char magic[8];
  uint64_t layout;
  uint64_t layer;
  char target[40]; /* whose panels they are, for messages */
} packed_head;

static const char magic[8] = {'a', 't', 't', 'n', 'p', 'a', 'c', 'k'};

/* Checks the tensor itself: bytes in a line, as many as the target needs. */
static attn_status check_buffer(attn_rt_call *call, const DLTensor *tensor,
                                const attn_context *context,
                                attn_rt_view *view) {
  const char *symbol = call->kernel->symbol;
  attn_status status;
  if (!tensor)
    return attn_rt_fail(context, ATTN_MISSING_TENSOR,
                        "%s: packed_weights is NULL", symbol);
  status = attn_rt_check_tensor(call, context, &packed_weights, tensor, view);
  if (status)
    return status;
  if (view->extent[0] < call->target->packed_bytes)
    return attn_rt_fail(context, ATTN_BAD_SHAPE,
                        "%s: packed_weights has %d bytes, expected at least %d "
                        "(%s_packed_weights_bytes says how many)",
                        symbol, view->extent[0], call->target->packed_bytes,
                        symbol);
  if ((uintptr_t)view->data % ATTN_RT_CACHE_LINE)
    return attn_rt_fail(context, ATTN_BAD_ALIGNMENT,
                        "%s: packed_weights begins at %x (byte_offset %d), "
                        "expected a multiple of %d",
                        symbol, (uint64_t)(uintptr_t)view->data,
                        (int64_t)tensor->byte_offset,
                        (int64_t)ATTN_RT_CACHE_LINE);
  return ATTN_OK;
}

static int is_packed(const packed_head *head) {
  for (int i = 0; i < (int)sizeof(magic); ++i)
    if (head->magic[i] != magic[i])
      return 0;
  /* A message reads it as a string. */
  return !head->target[sizeof(head->target) - 1];
}

attn_status attn_rt_read_packed(attn_rt_call *call, const DLTensor *packed,
                                const attn_context *context) {
  const char *symbol = call->kernel->symbol;
  attn_rt_aside *aside = &call->batch.asides[call->batch.aside_count];
  const packed_head *head;
  attn_status status;
  call->packed = 0;
  if (!packed)
    return ATTN_OK;
  if (!call->target->packing_count)
    return attn_rt_fail(context, ATTN_BAD_ARGS,
                        "%s: args.packed_weights is %x, expected NULL: this "
                        "kernel has no weights",
                        symbol, (uint64_t)(uintptr_t)packed);
  status = check_buffer(call, packed, context, &aside->view);
  if (status)
    return status;
  aside->name = packed_weights.name;
  aside->element_bytes = 1;
  ++call->batch.aside_count;
  head = aside->view.data;
  if (!is_packed(head))
    return attn_rt_fail(context, ATTN_BAD_WEIGHTS,
                        "%s: packed_weights does not begin as packed weights "
                        "do: fill it with %s_pack_weights",
                        symbol, symbol);
  if (head->layout != call->target->packed_layout)
    return attn_rt_fail(context, ATTN_BAD_WEIGHTS,
                        "%s: packed_weights has layout %x of target '%s', "
                        "expected %x of '%s': pack the weights of this kernel "
                        "for this target",
                        symbol, head->layout, head->target,
                        call->target->packed_layout, call->target->name);
  if (head->layer != (uint64_t)call->layer)
    return attn_rt_fail(context, ATTN_BAD_WEIGHTS,
                        "%s: packed_weights were packed with args.layer %d, "
                        "and this call has %d",
                        symbol, (int64_t)head->layer, call->layer);
  call->packed = aside->view.data;
  return ATTN_OK;
}

/* The strides of a row-major tensor. */
static void set_compact(const attn_rt_tensor *tensor, attn_rt_view *view) {
  int64_t stride = 1;
  for (int d = tensor->rank - 1; d >= 0; --d) {
    view->stride[d] = stride;
    stride *= tensor->extent[d];
  }
}

/* Of a weight in panels there is no element to index: its extents stay 0. */
void attn_rt_bind_packed(const attn_rt_call *call, int64_t index,
                         attn_rt_view *view) {
  const attn_rt_tensor *tensor = &call->kernel->tensors[index];
  const attn_rt_packing *packing = call->target->packings;
  while (packing->tensor != index)
    ++packing;
  set_compact(tensor, view);
  if (packing->block) {
    view->panels = call->packed + packing->offset;
    return;
  }
  view->data = (void *)(uintptr_t)(call->packed + packing->offset);
  for (int d = 0; d < ATTN_RT_MAX_RANK; ++d)
    view->extent[d] = d < tensor->rank ? tensor->extent[d] : 1;
}

/*===----------------------------------------------------------------------===
  Packing
  ===----------------------------------------------------------------------===*/

/* One call of pack_weights; its tasks are blocks of panels and whole tensors.
 */
typedef struct {
  const attn_rt_call *call;
  char *packed;
} packing_call;

static int64_t tasks_of(const attn_rt_kernel *kernel,
                        const attn_rt_packing *packing) {
  int64_t columns = kernel->tensors[packing->tensor].extent[0];
  return packing->block ? (columns + packing->block - 1) / packing->block : 1;
}

/* `bytes` is a constant of the caller, so that an element is one move. */
static inline __attribute__((always_inline)) void
pack_panel(const char *from, int64_t stride, int64_t columns, int64_t inner,
           const attn_rt_packing *packing, char *to, int64_t bytes) {
  /* So many steps of a column are read while its line is near. */
  enum { STEPS = 16 };
  static const char zero[8];
  for (int64_t begin = 0; begin < packing->depth; begin += STEPS)
    for (int64_t c = 0; c < packing->panel; ++c)
      for (int64_t i = begin; i < begin + STEPS && i < packing->depth; ++i)
        __builtin_memcpy(
            to + (i * packing->panel + c) * bytes,
            c < columns && i < inner ? from + (c * stride + i) * bytes : zero,
            (size_t)bytes);
}

static void pack_block(const packing_call *p, const attn_rt_packing *packing,
                       int64_t block) {
  const attn_rt_tensor *tensor = &p->call->kernel->tensors[packing->tensor];
  const attn_rt_view *view = &p->call->views[packing->tensor];
  int64_t bytes = tensor->dtype.bits / 8, first = block * packing->block;
  int64_t end = first + packing->block, inner = tensor->extent[1];
  int64_t panels = (packing->block + packing->panel - 1) / packing->panel;
  int64_t panel_bytes = packing->depth * packing->panel * bytes;
  char *to = p->packed + packing->offset + block * panels * panel_bytes;
  end = end < tensor->extent[0] ? end : tensor->extent[0];
  for (; first < end; first += packing->panel, to += panel_bytes) {
    const char *from =
        (const char *)view->data + first * view->stride[0] * bytes;
    if (bytes == 4)
      pack_panel(from, view->stride[0], end - first, inner, packing, to, 4);
    else
      pack_panel(from, view->stride[0], end - first, inner, packing, to, 2);
  }
}

/* The elements of a tensor, row-major. */
static void copy_tensor(const packing_call *p, const attn_rt_packing *packing) {
  const attn_rt_tensor *tensor = &p->call->kernel->tensors[packing->tensor];
  const attn_rt_view *view = &p->call->views[packing->tensor];
  int64_t bytes = tensor->dtype.bits / 8, rows = 1;
  int64_t row_elements = tensor->extent[tensor->rank - 1];
  char *to = p->packed + packing->offset;
  for (int d = 0; d < tensor->rank - 1; ++d)
    rows *= tensor->extent[d];
  for (int64_t row = 0; row < rows; ++row, to += row_elements * bytes) {
    int64_t rest = row, from = 0;
    for (int d = tensor->rank - 2; d >= 0; --d) {
      from += rest % tensor->extent[d] * view->stride[d];
      rest /= tensor->extent[d];
    }
    attn_rt_copy(to, (const char *)view->data + from * bytes,
                 (uint64_t)(row_elements * bytes));
  }
}

static void pack_task(void *closure, int64_t task) {
  const packing_call *p = closure;
  const attn_rt_packing *packing = p->call->target->packings;
  for (;; ++packing) {
    int64_t tasks = tasks_of(p->call->kernel, packing);
    if (task < tasks)
      break;
    task -= tasks;
  }
  if (packing->block)
    pack_block(p, packing, task);
  else
    copy_tensor(p, packing);
}

static void write_head(const attn_rt_call *call, char *packed) {
  const attn_rt_target *target = call->target;
  packed_head *head = (void *)packed;
  attn_rt_clear(head, sizeof(*head));
  for (int i = 0; i < (int)sizeof(head->target) - 1 && target->name[i]; ++i)
    head->target[i] = target->name[i];
  head->layout = target->packed_layout;
  head->layer = (uint64_t)call->layer;
  attn_rt_copy(head->magic, magic, sizeof(magic));
}

static attn_status check_packing(attn_rt_call *call, const void *args,
                                 const DLTensor *packed,
                                 const attn_context *context,
                                 attn_rt_view *view) {
  attn_status status = attn_rt_check_weights(call, args, context);
  if (!status)
    status = check_buffer(call, packed, context, view);
  for (int64_t i = 0; i < call->target->packing_count && !status; ++i) {
    int64_t index = call->target->packings[i].tensor;
    const attn_rt_tensor *tensor = &call->kernel->tensors[index];
    if (attn_rt_overlap(view, 1, &call->views[index], tensor->dtype.bits / 8))
      status = attn_rt_fail(
          context, ATTN_OVERLAP, "%s: packed_weights at %x overlaps %s at %x",
          call->kernel->symbol, (uint64_t)(uintptr_t)view->data, tensor->name,
          (uint64_t)(uintptr_t)call->views[index].data);
  }
  return status;
}

attn_status attn_rt_pack_weights(const attn_rt_kernel *kernel, const void *args,
                                 const DLTensor *packed,
                                 const attn_context *context) {
  attn_rt_call call;
  attn_rt_view view;
  packing_call p = {&call, 0};
  int64_t tasks = 0;
  attn_status status = attn_rt_check_context(kernel->symbol, context);
  call.kernel = kernel;
  if (!status)
    status = attn_rt_choose_target(kernel, context, &call.target);
  if (!status)
    status = check_packing(&call, args, packed, context, &view);
  if (status)
    return status;
  p.packed = view.data;
  for (int64_t i = 0; i < call.target->packing_count; ++i)
    tasks += tasks_of(kernel, &call.target->packings[i]);
  attn_rt_for(context, tasks, pack_task, &p);
  write_head(&call, p.packed);
  return ATTN_OK;
}

uint64_t attn_rt_packed_weights_bytes(const attn_rt_kernel *kernel) {
  int64_t most = 0;
  for (int64_t i = 0; i < kernel->target_count; ++i)
    if (kernel->targets[i].packed_bytes > most)
      most = kernel->targets[i].packed_bytes;
  return (uint64_t)most;
}
