/* A call from its arguments to its tasks: check, choose a program, plan, run.
   Every entry is a function of its arguments alone, so any thread may call
   any of them at any time. */
#include "runtime/attn_rt_impl.h"

#include <stdatomic.h>

static int64_t workers_of(const attn_context *context) {
  return context->workers ? context->workers : 1;
}

/* What one program runs: a sequence of packed rows, or a whole dense call. */
typedef struct {
  const attn_rt_program *program;
  attn_rt_extents extents;
  attn_rt_frame frame;
  attn_rt_view views[ATTN_RT_MAX_TENSORS];
} call_part;

/* The work of a call, and what it needs. */
typedef struct {
  attn_plan plan;
  uint64_t scratch; /* of one task */
  uint64_t memory;  /* of all parts */
  attn_rt_layout layout;
} call_plan;

/* The first program that takes as many query rows as the sequences have. */
static attn_status choose_program(const attn_rt_call *call, uint32_t kinds,
                                  int64_t rows, const attn_context *context,
                                  const attn_rt_program **chosen) {
  int64_t most = -1;
  for (int64_t i = 0; i < call->target->program_count; ++i) {
    const attn_rt_program *program = &call->target->programs[i];
    if (!(program->kind & kinds))
      continue;
    if (rows <= program->max_queries) {
      *chosen = program;
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

static attn_rt_extents extents_of(const attn_rt_call *call, int64_t part) {
  attn_rt_extents extents = {call->symbol[ATTN_RT_BATCH],
                             call->symbol[ATTN_RT_QUERY_LENGTH], call->longest,
                             call->symbol[ATTN_RT_KV_CAPACITY]};
  if (call->batch.q_indptr) {
    extents.batch = 1;
    extents.rows = attn_rt_rows(call, part);
    extents.keys = attn_rt_length(call, part);
  }
  return extents;
}

/* Part `index` of the call; its memory begins at `memory`, which may be 0. */
static attn_status open_part(const attn_rt_call *call, uint32_t kinds,
                             int64_t index, char *memory,
                             const attn_context *context, call_part *part) {
  part->extents = extents_of(call, index);
  part->frame.views = attn_rt_part_views(call, index, part->views);
  part->frame.constants = call->constants;
  attn_status status =
      choose_program(call, kinds, part->extents.rows, context, &part->program);
  if (status)
    return status;
  part->frame.partials = memory;
  part->frame.buffers =
      memory ? memory + attn_rt_state_bytes(call->kernel, part->program,
                                            part->extents)
             : 0;
  return ATTN_OK;
}

static uint64_t memory_of(const attn_rt_call *call, const call_part *part) {
  return attn_rt_add(
      attn_rt_state_bytes(call->kernel, part->program, part->extents),
      attn_rt_buffer_bytes(part->program, part->extents));
}

static void count_tasks(const call_part *part, int64_t *tasks) {
  part->program->grid(&part->frame, tasks);
}

static void add_part(const attn_rt_call *call, const call_part *part,
                     call_plan *plan) {
  int64_t tasks[ATTN_MAX_PHASES];
  const attn_rt_program *program = part->program;
  count_tasks(part, tasks);
  for (int64_t phase = 0; phase < program->phases; ++phase)
    plan->plan.tasks[phase] += tasks[phase];
  if (program->phases > plan->plan.phases)
    plan->plan.phases = program->phases;
  if ((uint64_t)program->scratch_bytes > plan->scratch)
    plan->scratch = (uint64_t)program->scratch_bytes;
  plan->memory = attn_rt_add(plan->memory, memory_of(call, part));
  /* Each name is one string. */
  if (!plan->plan.schedule)
    plan->plan.schedule = program->schedule;
  else if (plan->plan.schedule != program->schedule)
    plan->plan.schedule = "mixed";
}

/* All that the entries have in common. */
static attn_status prepare(attn_rt_call *call, const attn_rt_kernel *kernel,
                           uint32_t kinds, const void *args,
                           const attn_context *context, call_plan *plan) {
  attn_status status = attn_rt_check_context(kernel->symbol, context);
  int64_t parts;
  call_part part;
  call->kernel = kernel;
  if (!status)
    status = attn_rt_choose_target(kernel, context, &call->target);
  if (!status)
    status = attn_rt_check_args(call, args, context);
  if (status)
    return status;
  attn_rt_clear(plan, sizeof(*plan));
  parts = attn_rt_parts(call);
  for (int64_t i = 0; i < parts; ++i) {
    status = open_part(call, kinds, i, 0, context, &part);
    if (status)
      return status;
    add_part(call, &part, plan);
  }
  plan->plan.target = call->target->name;
  if (!plan->plan.schedule)
    plan->plan.schedule = call->target->programs[0].schedule;
  plan->layout =
      attn_rt_lay_out(workers_of(context), plan->scratch,
                      call->batch.q_indptr ? parts : 0, plan->memory);
  return ATTN_OK;
}

/* The kv_length that serves the call: tensors between phases may have as many
   rows as the caches have room. */
static int64_t keys_to_promise(const attn_rt_call *call) {
  for (int64_t p = 0; p < call->target->program_count; ++p) {
    const attn_rt_program *program = &call->target->programs[p];
    for (int64_t i = 0; i < program->buffer_count; ++i)
      if (program->buffers[i].power[ATTN_RT_KV_CAPACITY])
        return call->symbol[ATTN_RT_KV_CAPACITY];
  }
  return call->longest;
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
                        "batch %d, query_length %d, kv_length %d and %d "
                        "workers",
                        call->kernel->symbol, (int64_t)context->workspace_bytes,
                        bytes, call->symbol[ATTN_RT_BATCH],
                        call->symbol[ATTN_RT_QUERY_LENGTH],
                        keys_to_promise(call), workers_of(context));
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

/* Runs one task of a part in a slot of its own. */
static attn_status run_task(const call_part *part, const attn_context *context,
                            const attn_rt_layout *layout, int64_t phase,
                            int64_t task) {
  char *workspace = context->workspace;
  int64_t slot = attn_rt_claim(workspace, workers_of(context));
  if (slot < 0)
    return ATTN_TOO_MANY_TASKS;
  part->program->phase[phase](
      &part->frame, workspace + layout->slots + (uint64_t)slot * layout->slot,
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

/* Finds the part that `*task` of a phase falls into, and its number there. */
static void find_part(const attn_rt_call *call, uint32_t kinds, int64_t phase,
                      const attn_context *context, char *memory,
                      call_part *part, int64_t *task) {
  int64_t tasks[ATTN_MAX_PHASES];
  for (int64_t i = 0;; ++i) {
    open_part(call, kinds, i, memory, context, part);
    count_tasks(part, tasks);
    if (phase < part->program->phases && *task < tasks[phase])
      return;
    if (phase < part->program->phases)
      *task -= tasks[phase];
    memory += memory_of(call, part);
  }
}

attn_status attn_rt_task(const attn_rt_kernel *kernel, uint32_t kinds,
                         const void *args, const attn_context *context,
                         int64_t phase, int64_t task) {
  attn_rt_call call;
  call_plan plan;
  call_part part;
  attn_status status = open_call(&call, kernel, kinds, args, context, &plan);
  if (status)
    return status;
  if (phase < 0 || phase >= plan.plan.phases)
    return attn_rt_fail(context, ATTN_BAD_TASK,
                        "%s: there is no phase %d, the call has %d phases",
                        kernel->symbol, phase, plan.plan.phases);
  if (task < 0 || task >= plan.plan.tasks[phase])
    return attn_rt_fail(context, ATTN_BAD_TASK,
                        "%s: there is no task %d, phase %d has %d tasks",
                        kernel->symbol, task, phase, plan.plan.tasks[phase]);
  find_part(&call, kinds, phase, context,
            (char *)context->workspace + plan.layout.memory, &part, &task);
  status = run_task(&part, context, &plan.layout, phase, task);
  return status ? too_many(&call, context) : ATTN_OK;
}

/* One phase of a call whose parts have places in the workspace. */
typedef struct {
  const attn_rt_call *call;
  const attn_context *context;
  const attn_rt_layout *layout;
  uint32_t kinds;
  int64_t phase;
  const attn_rt_place *places; /* NULL: the call is `part` */
  const call_part *part;
  _Atomic int32_t status;
} parallel_phase;

/* The first place that ends behind `task`. */
static int64_t place_of(const attn_rt_place *places, int64_t count,
                        int64_t task) {
  int64_t low = 0;
  while (low < count - 1) {
    int64_t middle = low + (count - 1 - low) / 2;
    if (places[middle].end > task)
      count = middle + 1;
    else
      low = middle + 1;
  }
  return low;
}

static void parallel_body(void *closure, int64_t task) {
  parallel_phase *p = closure;
  char *workspace = p->context->workspace;
  attn_status status;
  call_part own;
  if (p->places) {
    int64_t index = place_of(p->places, attn_rt_parts(p->call), task);
    open_part(p->call, p->kinds, index,
              workspace + p->layout->memory + p->places[index].memory,
              p->context, &own);
    task -= index ? p->places[index - 1].end : 0;
  }
  status = run_task(p->places ? &own : p->part, p->context, p->layout, p->phase,
                    task);
  if (status)
    atomic_store_explicit(&p->status, (int32_t)status, memory_order_relaxed);
}

/* Where the tasks and the memory of each part end in a phase. */
static void write_places(const parallel_phase *p, attn_rt_place *places) {
  int64_t parts = attn_rt_parts(p->call), end = 0;
  uint64_t memory = 0;
  for (int64_t i = 0; i < parts; ++i) {
    int64_t tasks[ATTN_MAX_PHASES];
    call_part part;
    open_part(p->call, p->kinds, i, 0, p->context, &part);
    count_tasks(&part, tasks);
    end += p->phase < part.program->phases ? tasks[p->phase] : 0;
    places[i].end = end;
    places[i].memory = memory;
    memory += memory_of(p->call, &part);
  }
}

attn_status attn_rt_run(const attn_rt_kernel *kernel, uint32_t kinds,
                        const void *args, const attn_context *context) {
  attn_rt_call call;
  call_plan plan;
  call_part part;
  attn_status status = open_call(&call, kernel, kinds, args, context, &plan);
  if (!status)
    status = attn_rt_check_pages(&call, context);
  if (status)
    return status;
  for (int64_t phase = 0; phase < plan.plan.phases; ++phase) {
    int64_t tasks = plan.plan.tasks[phase];
    parallel_phase p = {&call, context, &plan.layout, kinds,
                        phase, 0,       &part,        ATTN_OK};
    char *workspace = context->workspace;
    if (call.batch.q_indptr) {
      attn_rt_place *places = (void *)(workspace + plan.layout.places);
      write_places(&p, places);
      p.places = places;
    } else {
      open_part(&call, kinds, 0, workspace + plan.layout.memory, context,
                &part);
    }
    if (context->parallel_for && tasks > 1)
      context->parallel_for(context->pool, tasks, parallel_body, &p);
    else
      for (int64_t task = 0; task < tasks; ++task)
        parallel_body(&p, task);
    if (p.status)
      return too_many(&call, context);
  }
  return ATTN_OK;
}

/* What the programs of a target need for calls within `extents`: sequences of
   one call may need different ones. */
static uint64_t bytes_for(const attn_rt_kernel *kernel,
                          const attn_rt_target *target, uint32_t kinds,
                          int64_t workers, int64_t places,
                          attn_rt_extents extents) {
  int64_t below = -1;
  uint64_t scratch = 0, memory = 0;
  for (int64_t i = 0; i < target->program_count; ++i) {
    const attn_rt_program *program = &target->programs[i];
    attn_rt_extents own = extents;
    uint64_t bytes;
    /* A program serves the counts above those of the one before it. */
    if (!(program->kind & kinds) || extents.rows <= below)
      continue;
    below = program->max_queries;
    own.rows = own.rows < below ? own.rows : below;
    bytes = attn_rt_add(attn_rt_state_bytes(kernel, program, own),
                        attn_rt_buffer_bytes(program, own));
    memory = bytes > memory ? bytes : memory;
    if ((uint64_t)program->scratch_bytes > scratch)
      scratch = (uint64_t)program->scratch_bytes;
  }
  return attn_rt_lay_out(workers, scratch, places, memory).bytes;
}

uint64_t attn_rt_workspace(const attn_rt_kernel *kernel, uint32_t kinds,
                           const attn_maxima *maxima) {
  uint64_t most = 0;
  int64_t keys, places;
  if (!maxima || maxima->size < offsetof(attn_maxima, kv_length) ||
      maxima->abi != ATTN_ABI_VERSION)
    return UINT64_MAX;
  /* An older caller promises nothing about its keys. */
  keys = maxima->size < sizeof(attn_maxima) ? 0 : maxima->kv_length;
  if (maxima->batch < 0 || maxima->query_length < 0 || maxima->workers < 0 ||
      keys < 0)
    return UINT64_MAX;
  places = attn_rt_takes_packed(kernel) ? maxima->batch : 0;
  for (int64_t t = 0; t < kernel->target_count; ++t) {
    int64_t promised = keys ? keys : INT64_MAX;
    attn_rt_extents extents = {maxima->batch, maxima->query_length, promised,
                               promised};
    uint64_t bytes =
        bytes_for(kernel, &kernel->targets[t], kinds,
                  maxima->workers ? maxima->workers : 1, places, extents);
    most = bytes > most ? bytes : most;
  }
  return most;
}
