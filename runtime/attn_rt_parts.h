/* What of a call runs on its own, and where each part's tasks and memory are:
   the sequences of packed rows, or one dense call. */
#ifndef RUNTIME_ATTN_RT_PARTS_H
#define RUNTIME_ATTN_RT_PARTS_H

#include "runtime/attn_rt_impl.h"

typedef struct attn_rt_part {
  const attn_rt_program *program;
  attn_rt_extents extents;
  attn_rt_frame frame;
  attn_rt_view views[ATTN_RT_MAX_TENSORS];
  /* Where the rows end, counted from the first key that the call has of the
     sequence: the length that generated code sees. Keys end with the caches. */
  int32_t row_end;
} attn_rt_part;

/* Makes `part` ready to be opened, any number of times. */
void attn_rt_begin_parts(const attn_rt_call *call, attn_rt_part *part);

/* Part `index` of the call; its memory begins at `memory`, which may be 0. */
attn_status attn_rt_open_part(const attn_rt_call *call, uint32_t kinds,
                              int64_t index, char *memory,
                              const attn_context *context, attn_rt_part *part);

/* Bytes of the part's memory; the tasks of its phases. */
uint64_t attn_rt_part_memory(const attn_rt_call *call,
                             const attn_rt_part *part);
void attn_rt_part_tasks(const attn_rt_part *part, int64_t *tasks);

/* What a table of places is for: equal numbers, equal tables. */
uint64_t attn_rt_places_key(const attn_rt_call *call, uint32_t kinds,
                            int64_t phase, const attn_context *context);

/* What all parts of a call need: scratch of one task, and memory. */
typedef struct attn_rt_needs {
  uint64_t scratch, memory;
} attn_rt_needs;

/* Writes what the call needs and where its parts end in a phase. */
void attn_rt_write_places(const attn_rt_call *call, uint32_t kinds,
                          int64_t phase, const attn_context *context,
                          uint64_t key, attn_rt_needs needs,
                          attn_rt_place *places);

/* Reads what a table of `key` says; 0 where there is none, whole or in part. */
int attn_rt_read_needs(const attn_rt_place *places, uint64_t key,
                       attn_rt_needs *needs);
/* The part that `*task` falls into becomes `*index`, `*task` its number there,
   and `*memory` the offset of the part's memory. */
int attn_rt_find_place(const attn_rt_place *places, uint64_t key, int64_t parts,
                       int64_t *task, int64_t *index, uint64_t *memory);

#endif /* RUNTIME_ATTN_RT_PARTS_H */
