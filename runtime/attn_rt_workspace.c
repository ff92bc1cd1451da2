/* The workspace that serves every call within some maxima. */
#include "runtime/attn_rt_impl.h"

#include <stddef.h>

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

static uint64_t memory_of(const attn_rt_kernel *kernel,
                          const attn_rt_program *program,
                          attn_rt_extents extents) {
  return attn_rt_add(attn_rt_state_bytes(kernel, program, extents),
                     attn_rt_buffer_bytes(program, extents));
}

/* What sequences need whose rows are `tokens` together. Beyond its first row a
   sequence needs partial results for each block of rows and tensors for each
   row, so what it needs grows no faster than by the quotient. */
static uint64_t memory_of_tokens(const attn_rt_kernel *kernel,
                                 const attn_rt_target *target, uint32_t kinds,
                                 attn_rt_extents extents, int64_t tokens) {
  uint64_t first = 0, each = 0;
  for (int64_t i = 0; i < target->program_count; ++i) {
    const attn_rt_program *program = &target->programs[i];
    attn_rt_extents one = extents, more;
    uint64_t least, growth;
    if (!(program->kind & kinds))
      continue;
    one.batch = one.rows = 1;
    more = one;
    more.rows += program->query_block;
    least = memory_of(kernel, program, one);
    /* Partial results are rounded up to lines. */
    growth = attn_rt_add(memory_of(kernel, program, more) - least,
                         ATTN_RT_CACHE_LINE - 1);
    first = larger(first, least);
    each = larger(each, growth / (uint64_t)program->query_block + 1);
  }
  return attn_rt_add(attn_rt_multiply(first, (uint64_t)extents.batch),
                     attn_rt_multiply(each, (uint64_t)tokens));
}

/* What the programs of a target need for calls within `extents`: sequences of
   one call may need different ones. */
static uint64_t bytes_for(const attn_rt_kernel *kernel,
                          const attn_rt_target *target, uint32_t kinds,
                          const attn_maxima *maxima, attn_rt_extents extents) {
  int64_t below = -1, workers = maxima->workers ? maxima->workers : 1;
  int64_t places = attn_rt_takes_packed(kernel) ? extents.batch : 0;
  uint64_t scratch = 0, memory = 0, of_tokens;
  for (int64_t i = 0; i < target->program_count; ++i) {
    const attn_rt_program *program = &target->programs[i];
    attn_rt_extents own = extents;
    /* A program serves the counts above those of the one before it. */
    if (!(program->kind & kinds) || extents.rows <= below)
      continue;
    below = program->max_queries;
    own.rows = own.rows < below ? own.rows : below;
    memory = larger(memory, memory_of(kernel, program, own));
    scratch = larger(scratch, (uint64_t)program->scratch_bytes);
  }
  if (maxima->tokens) {
    of_tokens =
        memory_of_tokens(kernel, target, kinds, extents, maxima->tokens);
    memory = of_tokens < memory ? of_tokens : memory;
  }
  return attn_rt_lay_out(workers, scratch, places, memory).bytes;
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
