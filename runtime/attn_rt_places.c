/* The table in the workspace that says where the pieces of a call are. Whoever
   finds no table of its own call writes it: its rows carry tags made from what
   the table is for, the row and its contents, so that it needs no
   initialisation, whole rows of it are never waited for, and what another call
   left there is not mistaken for it. */
#include "runtime/attn_rt_places.h"

#include <stdatomic.h>

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

static uint64_t tag_of(uint64_t key, int64_t row, const uint64_t *words) {
  uint64_t tag = stir(key, (uint64_t)row);
  for (int w = 0; w < ATTN_RT_PLACE_WORDS; ++w)
    tag = stir(tag, words[w]);
  return tag ^ tag >> 32;
}

/*===----------------------------------------------------------------------===
  Rows
  ===----------------------------------------------------------------------===*/

/* Tasks that write it at once write the same. */
static void write_row(attn_rt_place *places, int64_t row, uint64_t key,
                      const uint64_t *words) {
  attn_rt_place *place = &places[row];
  for (int w = 0; w < ATTN_RT_PLACE_WORDS; ++w)
    atomic_store_explicit(&place->word[w], words[w], memory_order_relaxed);
  atomic_store_explicit(&place->tag, tag_of(key, row, words),
                        memory_order_relaxed);
}

static int read_row(const attn_rt_place *places, int64_t row, uint64_t key,
                    uint64_t *words) {
  const attn_rt_place *place = &places[row];
  for (int w = 0; w < ATTN_RT_PLACE_WORDS; ++w)
    words[w] = atomic_load_explicit(&place->word[w], memory_order_relaxed);
  return atomic_load_explicit(&place->tag, memory_order_relaxed) ==
         tag_of(key, row, words);
}

/*===----------------------------------------------------------------------===
  The table
  ===----------------------------------------------------------------------===*/

/* Row 0 says what the call needs, row i + 1 where piece i is. */
static void write_needs(attn_rt_place *places, uint64_t key,
                        attn_rt_needs needs) {
  const uint64_t words[ATTN_RT_PLACE_WORDS] = {needs.scratch, needs.memory};
  write_row(places, 0, key, words);
}

int attn_rt_read_needs(const attn_rt_place *places, uint64_t key,
                       attn_rt_needs *needs) {
  uint64_t words[ATTN_RT_PLACE_WORDS];
  if (!read_row(places, 0, key, words))
    return 0;
  needs->scratch = words[0];
  needs->memory = words[1];
  return 1;
}

/* The tasks of a phase of the span's program on what `piece` is open for. */
static uint64_t tasks_of(const attn_rt_span *span, const attn_rt_piece *piece,
                         int64_t phase) {
  int64_t tasks[ATTN_MAX_PHASES];
  if (phase >= span->program->phases)
    return 0;
  span->program->grid(&piece->frame, tasks);
  return (uint64_t)tasks[phase];
}

/* Writes the rows of a span's pieces, whose sums the plan has found not to
   overflow; `*end` and `*memory` are where those
   before it end. Tasks of all its tokens count as the first piece's. */
static void write_span(const attn_rt_call *call, const attn_rt_span *span,
                       int64_t phase, uint64_t key, uint64_t *end,
                       uint64_t *memory, attn_rt_piece *piece,
                       attn_rt_place *places) {
  uint64_t words[ATTN_RT_PLACE_WORDS] = {0, 0, *memory, (uint64_t)span->begin,
                                         (uint64_t)span->end};
  int is_joined = attn_rt_joins_tokens(span, phase);
  *memory += attn_rt_span_bytes(call, span);
  if (is_joined) {
    attn_rt_open_tokens(call, span, 0, piece);
    *end += tasks_of(span, piece, phase);
  }
  for (int64_t i = span->begin; i < span->end; ++i) {
    if (!is_joined) {
      attn_rt_open_piece(call, span, i, 0, 0, piece);
      *end += tasks_of(span, piece, phase);
    }
    words[ATTN_RT_TASKS_END] = *end;
    words[ATTN_RT_PARTIALS] = *memory;
    write_row(places, i + 1, key, words);
    *memory += attn_rt_piece_bytes(call, span, i);
  }
}

void attn_rt_write_places(const attn_rt_call *call, uint32_t kinds,
                          int64_t phase, const attn_context *context,
                          uint64_t key, attn_rt_needs needs,
                          attn_rt_place *places) {
  int64_t pieces = attn_rt_pieces(call);
  uint64_t end = 0, memory = 0;
  attn_rt_span span = {0, 0, 0};
  attn_rt_piece piece;
  attn_rt_begin_pieces(call, &piece);
  while (span.end < pieces &&
         !attn_rt_find_span(call, kinds, span.end, context, &span))
    write_span(call, &span, phase, key, &end, &memory, &piece, places);
  write_needs(places, key, needs);
}

int attn_rt_find_owner(const attn_rt_place *places, uint64_t key,
                       int64_t pieces, int64_t *task, attn_rt_owner *owner) {
  int64_t low = 0, high = pieces;
  uint64_t words[ATTN_RT_PLACE_WORDS], before[ATTN_RT_PLACE_WORDS] = {0};
  /* The first piece that ends behind the task. */
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (!read_row(places, middle + 1, key, words))
      return 0;
    if (words[ATTN_RT_TASKS_END] > (uint64_t)*task)
      high = middle;
    else
      low = middle + 1;
  }
  if (low == pieces || !read_row(places, low + 1, key, words) ||
      (low && !read_row(places, low, key, before)))
    return 0;
  owner->index = low;
  owner->span_begin = (int64_t)words[ATTN_RT_SPAN_BEGIN];
  owner->span_end = (int64_t)words[ATTN_RT_SPAN_END];
  owner->partials = words[ATTN_RT_PARTIALS];
  owner->buffers = words[ATTN_RT_BUFFERS];
  *task -= (int64_t)before[ATTN_RT_TASKS_END];
  return 1;
}
