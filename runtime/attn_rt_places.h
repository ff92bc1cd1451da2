/* The table in the workspace that says where the pieces of a call are. */
#ifndef RUNTIME_ATTN_RT_PLACES_H
#define RUNTIME_ATTN_RT_PLACES_H

#include "runtime/attn_rt_pieces.h"

/* What all pieces of a call need: scratch of one task, and memory. */
typedef struct attn_rt_needs {
  uint64_t scratch, memory;
} attn_rt_needs;

/* What a table of places is for: equal numbers, equal tables. */
uint64_t attn_rt_places_key(const attn_rt_call *call, uint32_t kinds,
                            int64_t phase, const attn_context *context);

/* Writes what the call needs and where its pieces end in a phase. */
void attn_rt_write_places(const attn_rt_call *call, uint32_t kinds,
                          int64_t phase, const attn_context *context,
                          uint64_t key, attn_rt_needs needs,
                          attn_rt_place *places);

/* Reads what a table of `key` says; 0 where there is none, whole or in part. */
int attn_rt_read_needs(const attn_rt_place *places, uint64_t key,
                       attn_rt_needs *needs);

/* What a task belongs to: a piece, the span that it is in, and where their
   memory begins. */
typedef struct attn_rt_owner {
  int64_t index, span_begin, span_end;
  uint64_t partials, buffers;
} attn_rt_owner;

/* The piece that `*task` falls into; `*task` becomes its number there. */
int attn_rt_find_owner(const attn_rt_place *places, uint64_t key,
                       int64_t pieces, int64_t *task, attn_rt_owner *owner);

#endif /* RUNTIME_ATTN_RT_PLACES_H */
