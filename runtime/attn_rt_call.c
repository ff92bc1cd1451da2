/* A call from its arguments to its tasks: check, choose a program, plan, run.
   Every entry is a function of its arguments alone, so any thread may call
   any of them at any time. */
#include "runtime/attn_rt_places.h"

#include <stdatomic.h>

/* The work of a call, and what it needs. */
typedef struct {
  attn_plan plan;
  attn_rt_needs needs;
  attn_rt_layout layout;
} call_plan;

/* Tasks of the phases that take all of the span's tokens at once, or of the
   others. */
static void add_tasks(const attn_rt_span *span, const attn_rt_piece *piece,
                      int are_joined, call_plan *plan) {
  int64_t tasks[ATTN_MAX_PHASES];
  span->program->grid(&piece->frame, tasks);
  for (int64_t phase = 0; phase < span->program->phases; ++phase)
    if (attn_rt_joins_tokens(span, phase) == are_joined)
      plan->plan.tasks[phase] += tasks[phase];
}

static void add_span(const attn_rt_call *call, const attn_rt_span *span,
                     attn_rt_piece *piece, call_plan *plan) {
  const attn_rt_program *program = span->program;
  uint64_t memory = attn_rt_span_bytes(call, span);
  if (span->end - span->begin > 1) {
    attn_rt_open_tokens(call, span, 0, piece);
    add_tasks(span, piece, 1, plan);
  }
  for (int64_t i = span->begin; i < span->end; ++i) {
    attn_rt_open_piece(call, span, i, 0, 0, piece);
    add_tasks(span, piece, 0, plan);
    memory = attn_rt_add(memory, attn_rt_piece_bytes(call, span, i));
  }
  plan->needs.memory = attn_rt_add(plan->needs.memory, memory);
  if (program->phases > plan->plan.phases)
    plan->plan.phases = program->phases;
  if ((uint64_t)program->scratch_bytes > plan->needs.scratch)
    plan->needs.scratch = (uint64_t)program->scratch_bytes;
  /* Each name is one string. */
  if (!plan->plan.schedule)
    plan->plan.schedule = program->schedule;
  else if (plan->plan.schedule != program->schedule)
    plan->plan.schedule = "mixed";
}

/* Where all is in the workspace of a call with `needs`. */
static attn_rt_layout layout_of(const attn_rt_call *call,
                                const attn_context *context,
                                attn_rt_needs needs) {
  return attn_rt_lay_out(attn_rt_workers(context), needs.scratch,
                         attn_rt_is_cut(call) ? attn_rt_pieces(call) : 0,
                         needs.memory);
}

static attn_status check_call(attn_rt_call *call, const attn_rt_kernel *kernel,
                              const void *args, const attn_context *context) {
  attn_status status = attn_rt_check_context(kernel->symbol, context);
  call->kernel = kernel;
  if (!status)
    status = attn_rt_choose_target(kernel, context, &call->target);
  return status ? status : attn_rt_check_args(call, args, context);
}

static attn_status plan_call(const attn_rt_call *call, uint32_t kinds,
                             const attn_context *context, call_plan *plan) {
  int64_t pieces = attn_rt_pieces(call);
  attn_rt_span span = {0, 0, 0};
  attn_rt_piece piece;
  attn_rt_clear(plan, sizeof(*plan));
  attn_rt_begin_pieces(call, &piece);
  while (span.end < pieces) {
    attn_status status =
        attn_rt_find_span(call, kinds, span.end, context, &span);
    if (status)
      return status;
    add_span(call, &span, &piece, plan);
  }
  plan->plan.target = call->target->name;
  if (!plan->plan.schedule)
    plan->plan.schedule = call->target->programs[0].schedule;
  plan->layout = layout_of(call, context, plan->needs);
  return ATTN_OK;
}

/* All that the entries have in common. */
static attn_status prepare(attn_rt_call *call, const attn_rt_kernel *kernel,
                           uint32_t kinds, const void *args,
                           const attn_context *context, call_plan *plan) {
  attn_status status = check_call(call, kernel, args, context);
  return status ? status : plan_call(call, kinds, context, plan);
}

/* The kv_length that serves the call: tensors between phases may have as many
   rows as the caches have room. */
static int64_t keys_to_promise(const attn_rt_call *call) {
  return attn_rt_expands_caches(call) ? call->symbol[ATTN_RT_KV_CAPACITY]
                                      : call->longest;
}

/* Rows of all sequences. */
static int64_t tokens_of(const attn_rt_call *call) {
  int64_t batch = call->symbol[ATTN_RT_BATCH];
  return call->batch.q_indptr ? call->batch.q_indptr[batch]
                              : batch * call->symbol[ATTN_RT_QUERY_LENGTH];
}

static attn_status check_workspace(const attn_rt_call *call,
                                   const call_plan *plan,
                                   const attn_context *context) {
  int64_t bytes = (int64_t)plan->layout.bytes;
  if (!context->workspace)
    return attn_rt_fail(context, ATTN_BAD_WORKSPACE,
                        "%s: the workspace is NULL, expected %d bytes",
                        call->kernel->symbol, bytes);
  if ((uintptr_t)context->workspace % ATTN_RT_CACHE_LINE)
    return attn_rt_fail(context, ATTN_BAD_WORKSPACE,
                        "%s: the workspace is at %x, expected a multiple of %d",
                        call->kernel->symbol,
                        (uint64_t)(uintptr_t)context->workspace,
                        (int64_t)ATTN_RT_CACHE_LINE);
  if (context->workspace_bytes < plan->layout.bytes)
    return attn_rt_fail(context, ATTN_BAD_WORKSPACE,
                        "%s: the workspace has %d bytes, expected %d for "
                        "batch %d, query_length %d, %d tokens, kv_length %d "
                        "and %d workers",
                        call->kernel->symbol, (int64_t)context->workspace_bytes,
                        bytes, call->symbol[ATTN_RT_BATCH],
                        call->symbol[ATTN_RT_QUERY_LENGTH], tokens_of(call),
                        keys_to_promise(call), attn_rt_workers(context));
  return ATTN_OK;
}

/* A call that may run now. */
static attn_status open_call(attn_rt_call *call, const attn_rt_kernel *kernel,
                             uint32_t kinds, const void *args,
                             const attn_context *context, call_plan *plan) {
  attn_status status = prepare(call, kernel, kinds, args, context, plan);
  return status ? status : check_workspace(call, plan, context);
}

attn_status attn_rt_measure(const attn_rt_kernel *kernel, uint32_t kinds,
                            const void *args, const attn_context *context,
                            uint64_t *bytes) {
  attn_rt_call call;
  call_plan plan;
  attn_status status = prepare(&call, kernel, kinds, args, context, &plan);
  if (!status)
    *bytes = plan.layout.bytes;
  return status;
}

/* Runs one task of a piece in a slot of its own. */
static attn_status run_task(const attn_rt_piece *piece,
                            const attn_context *context,
                            const attn_rt_layout *layout, int64_t phase,
                            int64_t task) {
  char *workspace = context->workspace;
  int64_t slot = attn_rt_claim(workspace, attn_rt_workers(context));
  if (slot < 0)
    return ATTN_TOO_MANY_TASKS;
  piece->program->phase[phase](
      &piece->frame, workspace + layout->slots + (uint64_t)slot * layout->slot,
      task);
  attn_rt_release(workspace, slot);
  return ATTN_OK;
}

static attn_status too_many(const attn_rt_call *call,
                            const attn_context *context) {
  return attn_rt_fail(
      context, ATTN_TOO_MANY_TASKS,
      "%s: more tasks run at once than the context's %d workers",
      call->kernel->symbol, attn_rt_workers(context));
}

attn_status attn_rt_can_run(const attn_rt_kernel *kernel, uint32_t kinds,
                            const void *args, const attn_context *context) {
  attn_rt_call call;
  call_plan plan;
  attn_status status = open_call(&call, kernel, kinds, args, context, &plan);
  return status ? status : attn_rt_check_pages(&call, context);
}

attn_status attn_rt_plan(const attn_rt_kernel *kernel, uint32_t kinds,
                         const void *args, const attn_context *context,
                         attn_plan *plan) {
  attn_rt_call call;
  call_plan own;
  attn_status status = prepare(&call, kernel, kinds, args, context, &own);
  if (!status)
    status = attn_rt_check_pages(&call, context);
  if (status)
    return status;
  if (!plan)
    return attn_rt_fail(context, ATTN_BAD_ARGS, "%s: the plan is NULL",
                        kernel->symbol);
  attn_rt_copy(plan, &own.plan, sizeof(*plan));
  return ATTN_OK;
}

/* Tasks find what the arguments have said before. */
static attn_status have_changed(const attn_rt_call *call,
                                const attn_context *context) {
  return attn_rt_fail(context, ATTN_BAD_WORKSPACE,
                      "%s: the workspace or the arguments have changed while "
                      "tasks run",
                      call->kernel->symbol);
}

/* Opens what `*task` belongs to, which becomes its number there. */
static int open_owner(const attn_rt_call *call, uint32_t kinds,
                      const attn_context *context, const attn_rt_layout *layout,
                      uint64_t key, int64_t phase, int64_t *task,
                      attn_rt_piece *piece) {
  char *workspace = context->workspace, *memory = workspace + layout->memory;
  attn_rt_owner owner;
  attn_rt_span span;
  if (!attn_rt_find_owner((void *)(workspace + layout->places), key,
                          attn_rt_pieces(call), task, &owner))
    return 0;
  span.program = attn_rt_program_of(call, kinds, owner.index);
  span.begin = owner.span_begin;
  span.end = owner.span_end;
  attn_rt_begin_pieces(call, piece);
  if (attn_rt_joins_tokens(&span, phase))
    attn_rt_open_tokens(call, &span, memory + owner.buffers, piece);
  else
    attn_rt_open_piece(call, &span, owner.index, memory + owner.partials,
                       memory + owner.buffers, piece);
  return 1;
}

/* Opens a call that is one piece. */
static attn_status open_whole(const attn_rt_call *call, uint32_t kinds,
                              const attn_context *context,
                              const attn_rt_layout *layout,
                              attn_rt_piece *piece) {
  char *memory = (char *)context->workspace + layout->memory;
  attn_rt_span span;
  attn_status status = attn_rt_find_span(call, kinds, 0, context, &span);
  if (status)
    return status;
  attn_rt_begin_pieces(call, piece);
  attn_rt_open_piece(call, &span, 0, memory + attn_rt_span_bytes(call, &span),
                     memory, piece);
  return ATTN_OK;
}

/* Opens the task's piece if another task of the phase has written the table of
   places, and the workspace is as large as that found that it has to be. */
static int open_known(const attn_rt_call *call, uint32_t kinds,
                      const attn_context *context, uint64_t key, int64_t phase,
                      attn_rt_layout *layout, int64_t *task,
                      attn_rt_piece *piece) {
  char *workspace = context->workspace;
  attn_rt_needs needs = {0, 0};
  *layout = layout_of(call, context, needs);
  if (!workspace || (uintptr_t)workspace % ATTN_RT_CACHE_LINE ||
      context->workspace_bytes < layout->slots || *task < 0 ||
      !attn_rt_read_needs((void *)(workspace + layout->places), key, &needs))
    return 0;
  *layout = layout_of(call, context, needs);
  return context->workspace_bytes >= layout->bytes &&
         open_owner(call, kinds, context, layout, key, phase, task, piece);
}

/* Opens the task's piece, and writes the table of places for other tasks. */
static attn_status open_task(const attn_rt_call *call, uint32_t kinds,
                             const attn_context *context, uint64_t key,
                             int64_t phase, attn_rt_layout *layout,
                             int64_t *task, attn_rt_piece *piece) {
  char *workspace = context->workspace;
  call_plan plan;
  attn_status status = plan_call(call, kinds, context, &plan);
  if (!status)
    status = check_workspace(call, &plan, context);
  if (status)
    return status;
  if (phase < 0 || phase >= plan.plan.phases)
    return attn_rt_fail(context, ATTN_BAD_TASK,
                        "%s: there is no phase %d, the call has %d phases",
                        call->kernel->symbol, phase, plan.plan.phases);
  if (*task < 0 || *task >= plan.plan.tasks[phase])
    return attn_rt_fail(context, ATTN_BAD_TASK,
                        "%s: there is no task %d, phase %d has %d tasks",
                        call->kernel->symbol, *task, phase,
                        plan.plan.tasks[phase]);
  *layout = plan.layout;
  if (!attn_rt_is_cut(call))
    return open_whole(call, kinds, context, layout, piece);
  attn_rt_write_places(call, kinds, phase, context, key, plan.needs,
                       (void *)(workspace + layout->places));
  return open_owner(call, kinds, context, layout, key, phase, task, piece)
             ? ATTN_OK
             : have_changed(call, context);
}

attn_status attn_rt_task(const attn_rt_kernel *kernel, uint32_t kinds,
                         const void *args, const attn_context *context,
                         int64_t phase, int64_t task) {
  attn_rt_call call;
  attn_rt_piece piece;
  attn_rt_layout layout;
  uint64_t key = 0;
  int is_known = 0;
  attn_status status = check_call(&call, kernel, args, context);
  if (status)
    return status;
  if (attn_rt_is_cut(&call) && phase >= 0 && phase < ATTN_MAX_PHASES) {
    key = attn_rt_places_key(&call, kinds, phase, context);
    is_known =
        open_known(&call, kinds, context, key, phase, &layout, &task, &piece);
  }
  if (!is_known)
    status =
        open_task(&call, kinds, context, key, phase, &layout, &task, &piece);
  if (status)
    return status;
  status = run_task(&piece, context, &layout, phase, task);
  return status ? too_many(&call, context) : ATTN_OK;
}

/* One phase of a call. */
typedef struct {
  const attn_rt_call *call;
  const attn_context *context;
  const attn_rt_layout *layout;
  uint32_t kinds;
  int64_t phase;
  uint64_t key;               /* of the table of places, if there is one */
  const attn_rt_piece *piece; /* NULL: the one that has its place */
  _Atomic int32_t status;
} parallel_phase;

static void run_one(void *closure, int64_t task) {
  parallel_phase *p = closure;
  const attn_rt_piece *piece = p->piece;
  attn_status status = ATTN_OK;
  attn_rt_piece own;
  if (!piece) {
    if (!open_owner(p->call, p->kinds, p->context, p->layout, p->key, p->phase,
                    &task, &own))
      status = ATTN_BAD_WORKSPACE;
    piece = &own;
  }
  if (!status)
    status = run_task(piece, p->context, p->layout, p->phase, task);
  if (status)
    atomic_store_explicit(&p->status, (int32_t)status, memory_order_relaxed);
}

static attn_status run_phase(parallel_phase *p, int64_t tasks) {
  attn_rt_for(p->context, tasks, run_one, p);
  if (!p->status)
    return ATTN_OK;
  return p->status == ATTN_TOO_MANY_TASKS ? too_many(p->call, p->context)
                                          : have_changed(p->call, p->context);
}

attn_status attn_rt_run(const attn_rt_kernel *kernel, uint32_t kinds,
                        const void *args, const attn_context *context) {
  attn_rt_call call;
  call_plan plan;
  attn_rt_piece piece;
  attn_status status = open_call(&call, kernel, kinds, args, context, &plan);
  if (!status)
    status = attn_rt_check_pages(&call, context);
  if (!status && !attn_rt_is_cut(&call))
    status = open_whole(&call, kinds, context, &plan.layout, &piece);
  for (int64_t phase = 0; !status && phase < plan.plan.phases; ++phase) {
    parallel_phase p = {&call, context, &plan.layout, kinds,
                        phase, 0,       &piece,       ATTN_OK};
    if (attn_rt_is_cut(&call)) {
      p.piece = 0;
      p.key = attn_rt_places_key(&call, kinds, phase, context);
      attn_rt_write_places(
          &call, kinds, phase, context, p.key, plan.needs,
          (void *)((char *)context->workspace + plan.layout.places));
    }
    status = run_phase(&p, plan.plan.tasks[phase]);
  }
  return status;
}
