/* A call from its arguments to its tasks: check, choose a program, plan, run.
   Every entry is a function of its arguments alone, so any thread may call
   any of them at any time. */
#include "runtime/attn_rt_impl.h"

#include <stdatomic.h>

static int64_t workers_of(const attn_context *context) {
  return context->workers ? context->workers : 1;
}

/* The first program that takes as many query rows as each sequence has. */
static attn_status choose_program(attn_rt_call *call, uint32_t kinds,
                                  const attn_context *context) {
  int64_t rows = call->symbol[ATTN_RT_QUERY_LENGTH], most = -1;
  for (int64_t i = 0; i < call->target->program_count; ++i) {
    const attn_rt_program *program = &call->target->programs[i];
    if (!(program->kind & kinds))
      continue;
    if (rows <= program->max_queries) {
      call->program = program;
      return ATTN_OK;
    }
    most = program->max_queries;
  }
  if (most < 0)
    return attn_rt_fail(context, ATTN_UNSUPPORTED,
                        "%s: was compiled without this phase",
                        call->kernel->symbol);
  return attn_rt_fail(context, ATTN_UNSUPPORTED,
                      "%s: query has %d rows in a sequence, this phase takes "
                      "at most %d",
                      call->kernel->symbol, rows, most);
}

/* All that the entries have in common. */
static attn_status prepare(attn_rt_call *call, const attn_rt_kernel *kernel,
                           uint32_t kinds, const void *args,
                           const attn_context *context) {
  attn_status status = attn_rt_check_context(kernel, context);
  call->kernel = kernel;
  call->frame.partials = call->frame.buffers = 0;
  if (!status)
    status = attn_rt_choose_target(kernel, context, &call->target);
  if (!status)
    status = attn_rt_check_args(call, args, context);
  if (!status)
    status = choose_program(call, kinds, context);
  if (!status)
    call->program->grid(&call->frame, call->tasks);
  return status;
}

static attn_rt_layout layout_of(const attn_rt_call *call,
                                const attn_context *context) {
  attn_rt_extents extents = {call->symbol[ATTN_RT_BATCH],
                             call->symbol[ATTN_RT_QUERY_LENGTH], call->longest,
                             call->symbol[ATTN_RT_KV_CAPACITY]};
  return attn_rt_lay_out(call->kernel, call->program, workers_of(context),
                         extents);
}

/* The kv_length that serves the call: tensors between phases may have as many
   rows as the caches have room. */
static int64_t keys_to_promise(const attn_rt_call *call) {
  const attn_rt_program *program = call->program;
  for (int64_t i = 0; i < program->buffer_count; ++i)
    if (program->buffers[i].power[ATTN_RT_KV_CAPACITY])
      return call->symbol[ATTN_RT_KV_CAPACITY];
  return call->longest;
}

static attn_status check_workspace(attn_rt_call *call,
                                   const attn_context *context) {
  attn_rt_layout layout = layout_of(call, context);
  if (!context->workspace)
    return attn_rt_fail(context, ATTN_BAD_WORKSPACE,
                        "%s: the workspace is NULL, expected %d bytes",
                        call->kernel->symbol, (int64_t)layout.bytes);
  if ((uintptr_t)context->workspace % ATTN_RT_CACHE_LINE)
    return attn_rt_fail(context, ATTN_BAD_WORKSPACE,
                        "%s: the workspace is at %x, expected a multiple of %d",
                        call->kernel->symbol,
                        (uint64_t)(uintptr_t)context->workspace,
                        (int64_t)ATTN_RT_CACHE_LINE);
  if (context->workspace_bytes < layout.bytes)
    return attn_rt_fail(context, ATTN_BAD_WORKSPACE,
                        "%s: the workspace has %d bytes, expected %d for "
                        "batch %d, query_length %d, kv_length %d and %d "
                        "workers",
                        call->kernel->symbol, (int64_t)context->workspace_bytes,
                        (int64_t)layout.bytes, call->symbol[ATTN_RT_BATCH],
                        call->symbol[ATTN_RT_QUERY_LENGTH],
                        keys_to_promise(call), workers_of(context));
  call->frame.partials = (char *)context->workspace + layout.partials;
  call->frame.buffers = (char *)context->workspace + layout.buffers;
  return ATTN_OK;
}

/* A call that may run now. */
static attn_status open_call(attn_rt_call *call, const attn_rt_kernel *kernel,
                             uint32_t kinds, const void *args,
                             const attn_context *context) {
  attn_status status = prepare(call, kernel, kinds, args, context);
  return status ? status : check_workspace(call, context);
}

attn_status attn_rt_measure(const attn_rt_kernel *kernel, uint32_t kinds,
                            const void *args, const attn_context *context,
                            uint64_t *bytes) {
  attn_rt_call call;
  attn_status status = prepare(&call, kernel, kinds, args, context);
  if (!status)
    *bytes = layout_of(&call, context).bytes;
  return status;
}

/* Runs one task in a slot of its own. */
static attn_status run_task(const attn_rt_call *call,
                            const attn_context *context,
                            const attn_rt_layout *layout, int64_t phase,
                            int64_t task) {
  char *workspace = context->workspace;
  int64_t slot = attn_rt_claim(workspace, workers_of(context));
  if (slot < 0)
    return ATTN_TOO_MANY_TASKS;
  call->program->phase[phase](
      &call->frame, workspace + layout->slots + (uint64_t)slot * layout->slot,
      task);
  attn_rt_release(workspace, slot);
  return ATTN_OK;
}

static attn_status too_many(const attn_rt_call *call,
                            const attn_context *context) {
  return attn_rt_fail(
      context, ATTN_TOO_MANY_TASKS,
      "%s: more tasks run at once than the context's %d workers",
      call->kernel->symbol, workers_of(context));
}

attn_status attn_rt_can_run(const attn_rt_kernel *kernel, uint32_t kinds,
                            const void *args, const attn_context *context) {
  attn_rt_call call;
  return open_call(&call, kernel, kinds, args, context);
}

attn_status attn_rt_plan(const attn_rt_kernel *kernel, uint32_t kinds,
                         const void *args, const attn_context *context,
                         attn_plan *plan) {
  attn_rt_call call;
  attn_status status = prepare(&call, kernel, kinds, args, context);
  if (status)
    return status;
  if (!plan)
    return attn_rt_fail(context, ATTN_BAD_ARGS, "%s: the plan is NULL",
                        kernel->symbol);
  plan->phases = call.program->phases;
  for (int64_t i = 0; i < ATTN_MAX_PHASES; ++i)
    plan->tasks[i] = i < plan->phases ? call.tasks[i] : 0;
  plan->target = call.target->name;
  plan->schedule = call.program->schedule;
  return ATTN_OK;
}

attn_status attn_rt_task(const attn_rt_kernel *kernel, uint32_t kinds,
                         const void *args, const attn_context *context,
                         int64_t phase, int64_t task) {
  attn_rt_call call;
  attn_rt_layout layout;
  attn_status status = open_call(&call, kernel, kinds, args, context);
  if (status)
    return status;
  if (phase < 0 || phase >= call.program->phases)
    return attn_rt_fail(context, ATTN_BAD_TASK,
                        "%s: there is no phase %d, the call has %d phases",
                        kernel->symbol, phase, call.program->phases);
  if (task < 0 || task >= call.tasks[phase])
    return attn_rt_fail(context, ATTN_BAD_TASK,
                        "%s: there is no task %d, phase %d has %d tasks",
                        kernel->symbol, task, phase, call.tasks[phase]);
  layout = layout_of(&call, context);
  status = run_task(&call, context, &layout, phase, task);
  return status ? too_many(&call, context) : ATTN_OK;
}

/* One phase under the caller's parallel_for. */
typedef struct {
  const attn_rt_call *call;
  const attn_context *context;
  const attn_rt_layout *layout;
  int64_t phase;
  _Atomic int32_t status;
} parallel_phase;

static void parallel_body(void *closure, int64_t task) {
  parallel_phase *p = closure;
  attn_status status = run_task(p->call, p->context, p->layout, p->phase, task);
  if (status)
    atomic_store_explicit(&p->status, (int32_t)status, memory_order_relaxed);
}

attn_status attn_rt_run(const attn_rt_kernel *kernel, uint32_t kinds,
                        const void *args, const attn_context *context) {
  attn_rt_call call;
  attn_rt_layout layout;
  attn_status status = open_call(&call, kernel, kinds, args, context);
  if (status)
    return status;
  layout = layout_of(&call, context);
  for (int64_t phase = 0; phase < call.program->phases; ++phase) {
    parallel_phase p = {&call, context, &layout, phase, ATTN_OK};
    if (context->parallel_for && call.tasks[phase] > 1)
      context->parallel_for(context->pool, call.tasks[phase], parallel_body,
                            &p);
    else
      for (int64_t task = 0; task < call.tasks[phase]; ++task)
        parallel_body(&p, task);
    if (p.status)
      return too_many(&call, context);
  }
  return ATTN_OK;
}

uint64_t attn_rt_workspace(const attn_rt_kernel *kernel, uint32_t kinds,
                           const attn_maxima *maxima) {
  uint64_t most = 0;
  int64_t keys;
  if (!maxima || maxima->size < offsetof(attn_maxima, kv_length) ||
      maxima->abi != ATTN_ABI_VERSION)
    return UINT64_MAX;
  /* An older caller promises nothing about its keys. */
  keys = maxima->size < sizeof(attn_maxima) ? 0 : maxima->kv_length;
  if (maxima->batch < 0 || maxima->query_length < 0 || maxima->workers < 0 ||
      keys < 0)
    return UINT64_MAX;
  for (int64_t t = 0; t < kernel->target_count; ++t) {
    int64_t below = -1;
    for (int64_t i = 0; i < kernel->targets[t].program_count; ++i) {
      const attn_rt_program *program = &kernel->targets[t].programs[i];
      int64_t promised = keys ? keys : INT64_MAX;
      attn_rt_extents extents = {maxima->batch, maxima->query_length, promised,
                                 promised};
      attn_rt_layout layout;
      /* A program serves the counts above those of the one before it. */
      if (!(program->kind & kinds) || extents.rows <= below)
        continue;
      below = program->max_queries;
      extents.rows = extents.rows < below ? extents.rows : below;
      layout = attn_rt_lay_out(kernel, program,
                               maxima->workers ? maxima->workers : 1, extents);
      most = layout.bytes > most ? layout.bytes : most;
    }
  }
  return most;
}
