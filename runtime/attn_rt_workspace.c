/* The workspace that serves every call within some maxima. */
#include "runtime/attn_rt_impl.h"

#include <stddef.h>

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* Rounded up. */
static uint64_t quotient(uint64_t a, uint64_t b) {
  return a / b + (a % b != 0);
}

static uint64_t memory_of(const attn_rt_kernel *kernel,
                          const attn_rt_program *program,
                          attn_rt_extents extents) {
  return attn_rt_add(attn_rt_state_bytes(kernel, program, extents),
                     attn_rt_buffer_bytes(program, extents));
}

/* The memory of calls within some maxima. A call of dense rows is one piece. Of
   ragged rows, and of parts of the keys, each sequence needs what a call of its
   own would, by whatever program it takes, and sequences whose tokens are
   joined no more than that together. */
typedef struct {
  uint64_t dense, empty; /* of all sequences as one piece; of no sequence */
  uint64_t sequence;     /* of the sequence that needs most */
  /* A sequence of any rows needs no more than `first`, and `each` for each. */
  uint64_t first, each;
  int is_of_batch; /* no tensor grows faster than the batch */
} memory_bounds;

/* What a row adds to a sequence of one row, at most. Tensors that grow with a
   power of the rows stay below the chord to `most.rows`; partial results come
   with each block of rows, and are rounded up to lines. */
static uint64_t growth_of(const attn_rt_kernel *kernel,
                          const attn_rt_program *program,
                          attn_rt_extents most) {
  attn_rt_extents first = most, next = most;
  uint64_t tensors, states;
  if (most.rows < 2)
    return 0;
  first.rows = 1;
  next.rows = 1 + program->query_block;
  tensors = attn_rt_buffer_bytes(program, most) -
            attn_rt_buffer_bytes(program, first);
  states = attn_rt_state_bytes(kernel, program, next) -
           attn_rt_state_bytes(kernel, program, first);
  if (program->state_bytes)
    states = attn_rt_add(states, ATTN_RT_CACHE_LINE - 1);
  return attn_rt_add(quotient(tensors, (uint64_t)most.rows - 1),
                     quotient(states, (uint64_t)program->query_block));
}

/* Counts a program that takes up to extents.rows rows of a sequence, of up to
   `tokens` in all. */
static void add_program(const attn_rt_kernel *kernel,
                        const attn_rt_program *program, attn_rt_extents extents,
                        int64_t tokens, memory_bounds *bounds) {
  attn_rt_extents one = extents;
  bounds->dense = larger(bounds->dense, memory_of(kernel, program, extents));
  one.batch = 0;
  bounds->empty = larger(bounds->empty, memory_of(kernel, program, one));
  one.batch = 1;
  bounds->sequence = larger(bounds->sequence, memory_of(kernel, program, one));
  one.rows = one.rows < tokens ? one.rows : tokens;
  bounds->each = larger(bounds->each, growth_of(kernel, program, one));
  one.rows = 1;
  bounds->first = larger(bounds->first, memory_of(kernel, program, one));
  for (int64_t i = 0; i < program->buffer_count; ++i)
    bounds->is_of_batch &= program->buffers[i].power[ATTN_RT_BATCH] <= 1;
}

/* What they come to. `tokens` are a promise about ragged rows alone. */
static uint64_t memory_within(const attn_rt_kernel *kernel,
                              const memory_bounds *bounds, int64_t batch,
                              int64_t tokens) {
  uint64_t memory = bounds->dense, by_tokens;
  if (!attn_rt_takes_ragged(kernel))
    return memory;
  memory = larger(memory, attn_rt_multiply(bounds->sequence, (uint64_t)batch));
  if (!tokens || !bounds->is_of_batch)
    return memory;
  by_tokens = attn_rt_add(attn_rt_multiply(bounds->first, (uint64_t)batch),
                          attn_rt_multiply(bounds->each, (uint64_t)tokens));
  return larger(bounds->empty, by_tokens < memory ? by_tokens : memory);
}

/* What the programs of a target need for calls within `extents`: sequences of
   one call may need different ones. */
static uint64_t bytes_for(const attn_rt_kernel *kernel,
                          const attn_rt_target *target, uint32_t kinds,
                          const attn_maxima *maxima, attn_rt_extents extents) {
  int64_t below = -1, workers = maxima->workers ? maxima->workers : 1;
  int64_t places = attn_rt_takes_ragged(kernel) ? extents.batch : 0;
  memory_bounds bounds = {0, 0, 0, 0, 0, 1};
  uint64_t scratch = 0;
  for (int64_t i = 0; i < target->program_count; ++i) {
    const attn_rt_program *program = &target->programs[i];
    attn_rt_extents own = extents;
    /* A program serves the counts above those of the one before it. */
    if (!(program->kind & kinds) || extents.rows <= below)
      continue;
    below = program->max_queries;
    own.rows = own.rows < below ? own.rows : below;
    add_program(kernel, program, own, maxima->tokens, &bounds);
    scratch = larger(scratch, (uint64_t)program->scratch_bytes);
  }
  return attn_rt_lay_out(
             workers, scratch, places,
             memory_within(kernel, &bounds, extents.batch, maxima->tokens))
      .bytes;
}

uint64_t attn_rt_workspace(const attn_rt_kernel *kernel, uint32_t kinds,
                           const attn_maxima *given) {
  attn_maxima maxima = {0};
  uint64_t most = 0;
  uint64_t known;
  int64_t keys;
  if (!given || given->size < offsetof(attn_maxima, kv_length) ||
      given->abi != ATTN_ABI_VERSION)
    return UINT64_MAX;
  /* An older caller promises nothing of what it does not know. */
  known = given->size < sizeof(maxima) ? given->size : sizeof(maxima);
  attn_rt_copy(&maxima, given, known / 8 * 8);
  if (maxima.batch < 0 || maxima.query_length < 0 || maxima.workers < 0 ||
      maxima.kv_length < 0 || maxima.tokens < 0)
    return UINT64_MAX;
  keys = maxima.kv_length ? maxima.kv_length : INT64_MAX;
  for (int64_t t = 0; t < kernel->target_count; ++t) {
    attn_rt_extents extents = {maxima.batch, maxima.query_length, keys, keys};
    most = larger(
        most, bytes_for(kernel, &kernel->targets[t], kinds, &maxima, extents));
  }
  return most;
}
