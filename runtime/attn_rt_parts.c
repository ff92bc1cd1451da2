/* The parts of a call, and the table in the workspace that says where they
   are. Whoever finds no table of its own call writes it: its rows carry tags
   made from what the table is for, the row and its contents, so that it needs
   no initialisation, whole rows of it are never waited for, and what another
   call left there is not mistaken for it. */
#include "runtime/attn_rt_parts.h"

#include <stdatomic.h>

/*===----------------------------------------------------------------------===
  Parts
  ===----------------------------------------------------------------------===*/

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
                      "%s: a sequence has %d query rows, this phase takes at "
                      "most %d",
                      call->kernel->symbol, rows, most);
}

static attn_rt_extents extents_of(const attn_rt_call *call, int64_t part) {
  attn_rt_extents extents = {call->symbol[ATTN_RT_BATCH],
                             call->symbol[ATTN_RT_QUERY_LENGTH], call->longest,
                             call->symbol[ATTN_RT_KV_CAPACITY]};
  if (attn_rt_is_cut(call)) {
    extents.batch = 1;
    extents.rows = attn_rt_rows(call, part);
    extents.keys = attn_rt_length(call, part);
  }
  return extents;
}

void attn_rt_begin_parts(const attn_rt_call *call, attn_rt_part *part) {
  part->frame.views = call->views;
  part->frame.constants = call->constants;
  if (!attn_rt_is_cut(call))
    return;
  attn_rt_copy(part->views, call->views,
               (uint64_t)call->kernel->tensor_count * sizeof(attn_rt_view));
  part->frame.views = part->views;
}

/* Rows stand where the whole sequence ends. */
static void place_rows(const attn_rt_call *call, int64_t index,
                       attn_rt_part *part) {
  part->row_end = call->batch.whole[index] - call->batch.part_begins[index];
  for (int64_t i = 0; i < call->kernel->tensor_count; ++i)
    if (call->kernel->tensors[i].role & ATTN_RT_KV_LENGTHS) {
      part->views[i].data = &part->row_end;
      part->views[i].extent[0] = 1;
    }
}

attn_status attn_rt_open_part(const attn_rt_call *call, uint32_t kinds,
                              int64_t index, char *memory,
                              const attn_context *context, attn_rt_part *part) {
  attn_status status;
  part->extents = extents_of(call, index);
  status =
      choose_program(call, kinds, part->extents.rows, context, &part->program);
  if (status)
    return status;
  if (attn_rt_is_cut(call))
    attn_rt_cut_views(call, index, part->views);
  if (call->batch.part_begins)
    place_rows(call, index, part);
  part->frame.longest =
      attn_rt_takes_packed(call->kernel) ? part->extents.keys : -1;
  part->frame.partials = memory;
  part->frame.buffers =
      memory ? memory + attn_rt_state_bytes(call->kernel, part->program,
                                            part->extents)
             : 0;
  return ATTN_OK;
}

uint64_t attn_rt_part_memory(const attn_rt_call *call,
                             const attn_rt_part *part) {
  return attn_rt_add(
      attn_rt_state_bytes(call->kernel, part->program, part->extents),
      attn_rt_buffer_bytes(part->program, part->extents));
}

void attn_rt_part_tasks(const attn_rt_part *part, int64_t *tasks) {
  part->program->grid(&part->frame, tasks);
}

/*===----------------------------------------------------------------------===
  Keys and tags
  ===----------------------------------------------------------------------===*/

#define LANES 4

/* Numbers that depend on each other lane by lane alone. */
typedef struct {
  uint64_t lane[LANES];
} digest;

static uint64_t stir(uint64_t sum, uint64_t word) {
  sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
  return sum << 29 | sum >> 35;
}

/* Of an array that may be absent. */
static void add_numbers(digest *d, const int32_t *numbers, int64_t count) {
  int64_t i = 0;
  if (!numbers)
    return;
  for (; i + LANES <= count; i += LANES)
    for (int lane = 0; lane < LANES; ++lane)
      d->lane[lane] = stir(d->lane[lane], (uint32_t)numbers[i + lane]);
  for (; i < count; ++i)
    d->lane[0] = stir(d->lane[0], (uint32_t)numbers[i]);
}

uint64_t attn_rt_places_key(const attn_rt_call *call, uint32_t kinds,
                            int64_t phase, const attn_context *context) {
  int64_t batch = call->symbol[ATTN_RT_BATCH];
  uint64_t key = (uint64_t)(uintptr_t)call->kernel;
  digest d = {{1, 2, 3, 4}};
  add_numbers(&d, call->batch.q_indptr, batch + 1);
  add_numbers(&d, call->lengths, batch);
  add_numbers(&d, call->batch.part_begins, batch);
  add_numbers(&d, call->batch.whole, batch);
  key = stir(key, (uint64_t)(uintptr_t)call->target);
  key = stir(key, (uint64_t)(uintptr_t)context->workspace);
  key = stir(key, (uint64_t)context->workers);
  key = stir(key, (uint64_t)(uintptr_t)call->constants);
  key = stir(key, (uint64_t)phase);
  key = stir(key, kinds);
  key = stir(key, call->given);
  for (int s = 0; s < ATTN_RT_ALL_SYMBOLS; ++s)
    key = stir(key, (uint64_t)call->symbol[s]);
  for (int lane = 0; lane < LANES; ++lane)
    key = stir(key, d.lane[lane]);
  return key;
}

static uint64_t tag_of(uint64_t key, int64_t row, uint64_t end,
                       uint64_t memory) {
  uint64_t tag = stir(stir(stir(key, (uint64_t)row), end), memory);
  return tag ^ tag >> 32;
}

/*===----------------------------------------------------------------------===
  The table
  ===----------------------------------------------------------------------===*/

/* Tasks that write it at once write the same. */
static void write_row(attn_rt_place *places, int64_t row, uint64_t key,
                      uint64_t end, uint64_t memory) {
  attn_rt_place *place = &places[row];
  atomic_store_explicit(&place->end, end, memory_order_relaxed);
  atomic_store_explicit(&place->memory, memory, memory_order_relaxed);
  atomic_store_explicit(&place->tag, tag_of(key, row, end, memory),
                        memory_order_relaxed);
}

/* Row 0 says what the call needs; row i + 1 where part i ends, and where its
   memory begins. */
static int read_row(const attn_rt_place *places, int64_t row, uint64_t key,
                    uint64_t *end, uint64_t *memory) {
  const attn_rt_place *place = &places[row];
  *end = atomic_load_explicit(&place->end, memory_order_relaxed);
  *memory = atomic_load_explicit(&place->memory, memory_order_relaxed);
  return atomic_load_explicit(&place->tag, memory_order_relaxed) ==
         tag_of(key, row, *end, *memory);
}

void attn_rt_write_places(const attn_rt_call *call, uint32_t kinds,
                          int64_t phase, const attn_context *context,
                          uint64_t key, attn_rt_needs needs,
                          attn_rt_place *places) {
  int64_t parts = attn_rt_parts(call), tasks[ATTN_MAX_PHASES];
  uint64_t memory = 0, end = 0;
  attn_rt_part part;
  attn_rt_begin_parts(call, &part);
  for (int64_t i = 0; i < parts; ++i) {
    attn_rt_open_part(call, kinds, i, 0, context, &part);
    attn_rt_part_tasks(&part, tasks);
    end += phase < part.program->phases ? (uint64_t)tasks[phase] : 0;
    write_row(places, i + 1, key, end, memory);
    memory += attn_rt_part_memory(call, &part);
  }
  write_row(places, 0, key, needs.scratch, needs.memory);
}

int attn_rt_read_needs(const attn_rt_place *places, uint64_t key,
                       attn_rt_needs *needs) {
  return read_row(places, 0, key, &needs->scratch, &needs->memory);
}

int attn_rt_find_place(const attn_rt_place *places, uint64_t key, int64_t parts,
                       int64_t *task, int64_t *index, uint64_t *memory) {
  int64_t low = 0, high = parts;
  uint64_t end, begin = 0, unused;
  /* The first part that ends behind the task. */
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (!read_row(places, middle + 1, key, &end, &unused))
      return 0;
    if (end > (uint64_t)*task)
      high = middle;
    else
      low = middle + 1;
  }
  if (low == parts || !read_row(places, low + 1, key, &end, memory) ||
      (low && !read_row(places, low, key, &begin, &unused)))
    return 0;
  *index = low;
  *task -= (int64_t)begin;
  return 1;
}
