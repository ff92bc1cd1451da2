/* What generated code and descriptors look like to the runtime.
   attnc writes these structures into objects; see compiler/artifact/Entries. */
#ifndef RUNTIME_ATTN_RT_H
#define RUNTIME_ATTN_RT_H

#include "runtime/attn.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ATTN_RT_MAX_RANK 5
#define ATTN_RT_MAX_TENSORS 64
#define ATTN_RT_MAX_BUFFERS 64
#define ATTN_RT_CACHE_LINE 64

/* A tensor as generated code sees it: strides in elements, byte_offset added.
   Dimensions past the rank have extent 1 and stride 0. An absent optional
   tensor has NULL data and extents 0.

   Row `r` of sequence `b` of a cache stands on a page:
     data + b * stride[0] + page * page_stride + r % page_rows * stride[1],
     page = pages ? pages[(starts ? starts[b] : b * pitch) + r / page_rows] : 0
   A cache in one piece is one page of INT64_MAX rows, a ring one of its
   capacity.

   Appended row `i` of the call's rows of sequence `b` goes where the cache's
   row of its position is; with `slots`, to the slot
   slots[b * slot_pitch + i * slot_step], at
     data + slot_origin + slot / slot_rows * slot_stride
          + slot % slot_rows * stride[1]
   or nowhere if that is negative.

   A weight that is given packed has `panels` in place of data, as
   attn_rt_packing says. */
typedef struct attn_rt_view {
  void *data;
  int64_t extent[ATTN_RT_MAX_RANK];
  int64_t stride[ATTN_RT_MAX_RANK];
  int64_t page_rows;
  int64_t page_stride;
  const int32_t *pages;
  const int32_t *starts;
  int64_t pitch;
  const int64_t *slots;
  int64_t slot_pitch;
  int64_t slot_step;
  int64_t slot_rows;
  int64_t slot_stride;
  int64_t slot_origin;
  const char *panels;
} attn_rt_view;

/* What every generated function gets. */
typedef struct attn_rt_frame {
  const attn_rt_view *views; /* in the order of the program's arguments */
  const char *constants;     /* the layer's row: 8 bytes for each parameter */
  char *partials;            /* states between phases, shared by all tasks */
  char *const *buffers;      /* tensors between phases, shared by all tasks */
  int64_t first_token;       /* of the views, in tensors between phases that
                                are [batch, query_length, ...] */
  int64_t longest;           /* valid keys of the longest; -1: not known */
  int64_t first_key;         /* keys of the sequence before those of the call,
                                which views of lengths and caches begin with */
} attn_rt_frame;

/* Writes the number of tasks of each phase. */
typedef void (*attn_rt_grid)(const attn_rt_frame *frame, int64_t *tasks);

/* Runs one task; `scratch` is the task's own, 64-byte aligned. */
typedef void (*attn_rt_phase)(const attn_rt_frame *frame, char *scratch,
                              int64_t task);

/* The schedules, as bits: an entry allows a set of them. */
enum { ATTN_RT_PREFILL = 1, ATTN_RT_SHORT = 2, ATTN_RT_DECODE = 4 };

/* What extents count that are equal wherever they occur in a call. */
enum {
  ATTN_RT_NO_SYMBOL = -1, /* heads and head sizes: always static */
  ATTN_RT_BATCH = 0,
  ATTN_RT_QUERY_LENGTH,
  ATTN_RT_KV_CAPACITY,
  ATTN_RT_SYMBOLS
};

/* Room for tensors between the phases of a graph: `bytes`, a multiple of a
   cache line, times each symbol as often as `power` says. */
typedef struct attn_rt_buffer {
  int64_t bytes;
  int64_t power[ATTN_RT_SYMBOLS];
} attn_rt_buffer;

/* One schedule of a kernel on one target. */
typedef struct attn_rt_program {
  const char *schedule;
  int64_t kind;        /* ATTN_RT_PREFILL, _SHORT or _DECODE */
  int64_t max_queries; /* rows of a sequence, INT64_MAX where unbounded */
  int64_t phases;
  /* Bits of the phases that treat tokens one by one, so that those of several
     sequences may be one sequence to them; 0 where a buffer has other rows. */
  uint64_t token_phases;
  attn_rt_grid grid;
  const attn_rt_phase *phase;
  int64_t scratch_bytes;
  /* States that wait between phases: one for each batch, KV head, block of
     query_block query rows, and split; 0 bytes: none. A sequence has at most
     max_splits splits of at least split_keys keys each. */
  int64_t state_bytes;
  int64_t query_block;
  int64_t split_keys;
  int64_t max_splits;
  /* They follow each other in the workspace, after the states. */
  int64_t buffer_count;
  const attn_rt_buffer *buffers;
} attn_rt_program;

/* Where packed weights have a weight of the kernel, and how: row-major as it
   is, or, if it has panels, a tensor [columns, inner] in blocks of `block`
   columns. A block is panels of `panel` columns, each [depth][panel], with
   zeros beyond `inner` and beyond `columns`. */
typedef struct attn_rt_packing {
  int64_t tensor; /* its number among the kernel's */
  int64_t offset; /* bytes, a multiple of a cache line */
  int64_t block;  /* 0: no panels */
  int64_t panel;
  int64_t depth;
} attn_rt_packing;

/* The programs of a kernel for one target, ascending in max_queries. */
typedef struct attn_rt_target {
  const char *name;
  uint64_t features; /* bits of attn_rt_features() that its code needs */
  int64_t program_count;
  const attn_rt_program *programs;
  const char *constants; /* rows of constants_bytes */
  int64_t constants_bytes;
  /* One for each weight; packed weights have so many bytes, and `layout` tells
     them from those of other kernels and of targets with other panels. */
  int64_t packing_count;
  const attn_rt_packing *packings;
  int64_t packed_bytes;
  uint64_t packed_layout;
} attn_rt_target;

/* Roles of a tensor. */
enum {
  ATTN_RT_OUTPUT = 1,     /* written or updated, must not overlap anything */
  ATTN_RT_OPTIONAL = 2,   /* may be NULL */
  ATTN_RT_KV_LENGTHS = 4, /* int32 lengths, 0 to what the caches hold */
  ATTN_RT_SINKS = 8,      /* dropped by ATTN_FLAG_NO_SINK */
  ATTN_RT_CACHE = 16,     /* [batch, kv_capacity, ...], or pages of rows */
  ATTN_RT_NEW_ROWS = 32,  /* becomes rows of caches: all are there or none */
  ATTN_RT_WEIGHT = 64,    /* may be given packed */
  ATTN_RT_ROWS = 128,     /* [batch, query_length, ...]: rows may be ragged */
  ATTN_RT_MASK = 256,     /* all extents but the last may be 1 */
  /* The last extent is any that holds the keys of the longest sequence, in a
     call of parts too. */
  ATTN_RT_OF_KEYS = 512
};

typedef struct attn_rt_tensor {
  const char *name;
  int64_t role;
  int32_t rank;
  DLDataType dtype;
  int64_t extent[ATTN_RT_MAX_RANK];   /* negative: only the call knows it */
  int64_t symbol[ATTN_RT_MAX_RANK];   /* of a static extent too */
  const char *axis[ATTN_RT_MAX_RANK]; /* names for messages */
} attn_rt_tensor;

/* All a call needs to know about one kernel. */
typedef struct attn_rt_kernel {
  const char *symbol;
  int64_t abi;
  int64_t kv_heads;
  int64_t tensor_count;
  const attn_rt_tensor *tensors;
  int64_t layer_count;
  const int32_t *layer_rows; /* row of the constants, -1: not this kernel's */
  /* Keys, its own among them, that a row of the layer looks back at; INT32_MAX:
     all. */
  const int64_t *layer_reach;
  /* What parts of a sequence begin at multiples of; 0: the layer takes none. */
  const int64_t *layer_part_step;
  int64_t target_count;
  const attn_rt_target *targets; /* best first */
} attn_rt_kernel;

/* Features of this CPU that the operating system lets programs use; the bits
   are positions in the list of attn_rt_features.h. */
uint64_t attn_rt_features(void);

/* The exported entries forward to these; `kinds` is the set of schedules. */
attn_status attn_rt_run(const attn_rt_kernel *kernel, uint32_t kinds,
                        const void *args, const attn_context *context);
attn_status attn_rt_plan(const attn_rt_kernel *kernel, uint32_t kinds,
                         const void *args, const attn_context *context,
                         attn_plan *plan);
attn_status attn_rt_task(const attn_rt_kernel *kernel, uint32_t kinds,
                         const void *args, const attn_context *context,
                         int64_t phase, int64_t task);
attn_status attn_rt_can_run(const attn_rt_kernel *kernel, uint32_t kinds,
                            const void *args, const attn_context *context);
uint64_t attn_rt_workspace(const attn_rt_kernel *kernel, uint32_t kinds,
                           const attn_maxima *maxima);

/* NAME_layer_pack_weights, and its size for any target. */
attn_status attn_rt_pack_weights(const attn_rt_kernel *kernel, const void *args,
                                 const DLTensor *packed,
                                 const attn_context *context);
uint64_t attn_rt_packed_weights_bytes(const attn_rt_kernel *kernel);

/* NAME_merge; messages call it `symbol`. */
attn_status attn_rt_merge(const char *symbol, const attn_merge_args *args,
                          const attn_context *context);

/* NAME_pool_create, _run and _destroy; see NAME.h. */
void *attn_rt_pool_create(int64_t threads);
void attn_rt_pool_run(void *pool, int64_t tasks, attn_body body, void *closure);
void attn_rt_pool_destroy(void *pool);

#ifdef __cplusplus
}
#endif
#endif /* RUNTIME_ATTN_RT_H */
