/* The workspace: which part belongs to which task.
   Claims need no initialisation: a word of claims counts only if it carries a
   tag made from its own address, and any other contents mean "all free". */
#include "runtime/attn_rt_impl.h"

#include <stdatomic.h>

/* Claims of one word: 16 slots below a tag of 48 bits. */
#define SLOTS_PER_WORD 16
#define CLAIMS ((uint64_t)0xffff)

static uint64_t tag_of(const void *word) {
  uint64_t tag = (uint64_t)(uintptr_t)word * 0x9e3779b97f4a7c15u;
  return (tag ^ 0x61747472746e2e31u) & ~CLAIMS;
}

uint64_t attn_rt_add(uint64_t a, uint64_t b) {
  uint64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

uint64_t attn_rt_multiply(uint64_t a, uint64_t b) {
  uint64_t product;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t round_up(uint64_t bytes) {
  bytes = attn_rt_add(bytes, ATTN_RT_CACHE_LINE - 1);
  return bytes == UINT64_MAX ? bytes
                             : bytes & ~(uint64_t)(ATTN_RT_CACHE_LINE - 1);
}

static uint64_t blocks_of(int64_t count, int64_t block) {
  return (uint64_t)(count / block + (count % block != 0));
}

uint64_t attn_rt_state_bytes(const attn_rt_kernel *kernel,
                             const attn_rt_program *program,
                             attn_rt_extents extents) {
  uint64_t splits, blocks;
  if (!program->state_bytes)
    return 0;
  splits = blocks_of(extents.keys, program->split_keys);
  blocks = blocks_of(extents.rows, program->query_block);
  if (splits > (uint64_t)program->max_splits)
    splits = (uint64_t)program->max_splits;
  blocks = attn_rt_multiply(attn_rt_multiply(blocks, (uint64_t)extents.batch),
                            (uint64_t)kernel->kv_heads);
  return round_up(attn_rt_multiply(attn_rt_multiply(blocks, splits),
                                   (uint64_t)program->state_bytes));
}

uint64_t attn_rt_room(const attn_rt_buffer *buffer, attn_rt_extents extents) {
  const int64_t size[ATTN_RT_SYMBOLS] = {extents.batch, extents.rows,
                                         extents.capacity};
  uint64_t bytes = (uint64_t)buffer->bytes;
  for (int s = 0; s < ATTN_RT_SYMBOLS; ++s)
    for (int64_t n = 0; n < buffer->power[s]; ++n)
      bytes = attn_rt_multiply(bytes, (uint64_t)size[s]);
  return bytes;
}

uint64_t attn_rt_buffer_bytes(const attn_rt_program *program,
                              attn_rt_extents extents) {
  uint64_t bytes = 0;
  for (int64_t i = 0; i < program->buffer_count; ++i)
    bytes = attn_rt_add(bytes, attn_rt_room(&program->buffers[i], extents));
  return bytes;
}

attn_rt_layout attn_rt_lay_out(int64_t workers, uint64_t scratch,
                               int64_t pieces, uint64_t memory) {
  uint64_t words = blocks_of(workers, SLOTS_PER_WORD);
  uint64_t rows = pieces ? (uint64_t)pieces + 1 : 0;
  attn_rt_layout layout;
  layout.places = round_up(attn_rt_multiply(words, 8));
  layout.slots = attn_rt_add(
      layout.places, round_up(attn_rt_multiply(rows, sizeof(attn_rt_place))));
  layout.slot = round_up(scratch);
  layout.memory = attn_rt_add(layout.slots,
                              attn_rt_multiply(layout.slot, (uint64_t)workers));
  layout.bytes = attn_rt_add(layout.memory, memory);
  return layout;
}

/* Claims a slot among the `count` of one word, -1 if all are taken. */
static int64_t claim_in(_Atomic uint64_t *word, int64_t count) {
  uint64_t tag = tag_of((void *)word), all = ((uint64_t)1 << count) - 1;
  uint64_t seen = atomic_load_explicit(word, memory_order_relaxed);
  for (;;) {
    uint64_t taken = (seen & ~CLAIMS) == tag ? seen & CLAIMS : 0;
    uint64_t bit = ~taken & (taken + 1);
    if (taken == all)
      return -1;
    /* It fails only when another task has claimed or released meanwhile. */
    if (atomic_compare_exchange_strong_explicit(word, &seen, tag | taken | bit,
                                                memory_order_acquire,
                                                memory_order_relaxed))
      return __builtin_ctzll(bit);
  }
}

int64_t attn_rt_claim(char *workspace, int64_t workers) {
  /* With several words, a slot may come free behind the scan while another is
     taken ahead of it; a second look finds it. */
  for (int pass = 0; pass < 64; ++pass) {
    for (int64_t first = 0; first < workers; first += SLOTS_PER_WORD) {
      void *word = workspace + first / SLOTS_PER_WORD * 8;
      int64_t left = workers - first;
      int64_t slot =
          claim_in(word, left < SLOTS_PER_WORD ? left : SLOTS_PER_WORD);
      if (slot >= 0)
        return first + slot;
    }
  }
  return -1;
}

void attn_rt_release(char *workspace, int64_t slot) {
  _Atomic uint64_t *word =
      (_Atomic uint64_t *)(void *)(workspace + slot / SLOTS_PER_WORD * 8);
  atomic_fetch_and_explicit(word, ~((uint64_t)1 << slot % SLOTS_PER_WORD),
                            memory_order_release);
}
