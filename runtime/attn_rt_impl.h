/* What the runtime's own files share: a call after its checks, and messages. */
#ifndef RUNTIME_ATTN_RT_IMPL_H
#define RUNTIME_ATTN_RT_IMPL_H

#include "runtime/attn_rt.h"
#include "runtime/attn_rt_tail.h"

/* The head of every args structure; DLTensor pointers follow it. */
typedef struct attn_rt_args {
  uint32_t size, abi, layer, flags;
  const DLTensor *tensors[];
} attn_rt_args;

/* Beside the symbols of generated code: those of ragged rows and of pages. */
enum {
  ATTN_RT_TOKENS = ATTN_RT_SYMBOLS,
  ATTN_RT_PAGES,
  ATTN_RT_PAGE_ROWS,
  ATTN_RT_ALL_SYMBOLS
};

/* A tensor beside those of the kernel. */
typedef struct attn_rt_aside {
  const char *name;
  uint64_t element_bytes;
  attn_rt_view view;
} attn_rt_aside;

/* How the rows and caches of a call are spread. */
typedef struct attn_rt_batch {
  attn_rt_aside asides[7];
  int aside_count;
  /* Sequences follow each other along one dimension of rows; those of sequence
     b are [q_indptr[b], q_indptr[b + 1]). */
  const int32_t *q_indptr;
  /* Caches are pages; those of sequence b, at most most_pages, begin at
     starts[b] of the table, or at b * pitch. */
  const int32_t *pages, *starts;
  int64_t pitch, most_pages;
  const int64_t *slots;
  int64_t slot_pitch, slot_step;
  int is_paged, is_ring;
  /* The keys of sequence b are those from part_begins[b] on of whole[b]. */
  const int32_t *part_begins, *whole;
} attn_rt_batch;

/* A call whose arguments are sound. */
typedef struct attn_rt_call {
  const attn_rt_kernel *kernel;
  const attn_rt_target *target;
  const char *constants;
  int64_t layer, reach, part_step; /* args.layer, and what is known of it */
  attn_rt_batch batch;
  int64_t symbol[ATTN_RT_ALL_SYMBOLS];
  int64_t longest; /* valid keys of the longest sequence */
  const int32_t *lengths;
  uint64_t given;     /* bits of the tensors that are there */
  const char *packed; /* the weights, packed; NULL: they are as they are */
  attn_rt_view views[ATTN_RT_MAX_TENSORS];
} attn_rt_call;

/* Puts a message into the context's text and returns `status`. `format` knows
   %s, %d (an int64_t), %x (an uint64_t), %t (a DLDataType) and %k (the targets
   of an attn_rt_kernel). */
attn_status attn_rt_fail(const attn_context *context, attn_status status,
                         const char *format, ...);

/* Plain loops: the runtime needs no memset and no memcpy. */
static inline void attn_rt_clear(void *to, uint64_t bytes) {
  for (uint64_t i = 0; i < bytes; ++i)
    ((char *)to)[i] = 0;
}
static inline void attn_rt_copy(void *to, const void *from, uint64_t bytes) {
  for (uint64_t i = 0; i < bytes; ++i)
    ((char *)to)[i] = ((const char *)from)[i];
}

/* The best target of the kernel that this CPU has, or the one asked for. */
attn_status attn_rt_choose_target(const attn_rt_kernel *kernel,
                                  const attn_context *context,
                                  const attn_rt_target **chosen);

/* The tasks of one call that may run at once. */
int64_t attn_rt_workers(const attn_context *context);

/* Calls body(closure, t) once for each t in [0, tasks), never more at once than
   the context has workers, however many threads the caller's pool has. */
void attn_rt_for(const attn_context *context, int64_t tasks, attn_body body,
                 void *closure);

/* Checks the context's own fields. Without a message when there is none. */
attn_status attn_rt_check_context(const char *symbol,
                                  const attn_context *context);

/* Far beyond what later versions may append to args: a larger size is garbage,
   or was not set. */
#define ATTN_RT_MOST_ARGS 4096

/* Checks that what lies behind the `known` bytes of args of `size` bytes is
   clear: a newer caller may have appended fields. */
attn_status attn_rt_check_rest(const char *symbol, const void *args,
                               uint64_t size, uint64_t known,
                               const attn_context *context);

/* Checks every argument against the kernel and fills the call from `views` and
   `symbol` to `constants`. Which pages the table names is checked by
   attn_rt_check_pages alone. */
attn_status attn_rt_check_args(attn_rt_call *call, const void *args,
                               const attn_context *context);

/* Checks the head of the args and the weights among their tensors. */
attn_status attn_rt_check_weights(attn_rt_call *call, const void *args,
                                  const attn_context *context);

/* Checks packed weights, if there are any. */
attn_status attn_rt_read_packed(attn_rt_call *call, const DLTensor *packed,
                                const attn_context *context);

/* Where weight `index` of a call of packed weights is. */
void attn_rt_bind_packed(const attn_rt_call *call, int64_t index,
                         attn_rt_view *view);

/* Checks one tensor and describes it by `view`. */
attn_status attn_rt_check_tensor(attn_rt_call *call,
                                 const attn_context *context,
                                 const attn_rt_tensor *expected,
                                 const DLTensor *tensor, attn_rt_view *view);

/* Whether rows may be ragged: sequences end to end, as q_indptr says. */
int attn_rt_takes_ragged(const attn_rt_kernel *kernel);
/* Whether tensors between phases have as many rows as the caches. */
int attn_rt_expands_caches(const attn_rt_call *call);

/* Reads the rest of the args that says how rows and caches are spread, before
   any tensor is checked. */
attn_status attn_rt_read_batch(attn_rt_call *call, const attn_rt_tail *tail,
                               uint32_t flags, const attn_context *context);

/* What the tensor has to be in this call: with ragged rows, or in pages. The
   answer may be `own`. */
const attn_rt_tensor *attn_rt_expect(const attn_rt_call *call,
                                     const attn_rt_tensor *tensor,
                                     attn_rt_tensor *own);

/* Binds the capacity of caches by the pages of `tensor`. */
attn_status attn_rt_bind_pages(attn_rt_call *call, const attn_rt_tensor *tensor,
                               const attn_context *context);

/* [batch, query_length, ...], or [tokens, ...] in a call of ragged rows. */
int attn_rt_is_of_rows(const attn_rt_tensor *tensor);

/* Of sequence `b`: its pages in the table; the rows that it has room for; its
   query rows; its valid keys. */
int64_t attn_rt_pages(const attn_rt_call *call, int64_t b);
int64_t attn_rt_capacity(const attn_rt_call *call, int64_t b);
int64_t attn_rt_rows(const attn_rt_call *call, int64_t b);
int64_t attn_rt_length(const attn_rt_call *call, int64_t b);

/* Checks ragged rows, slots and parts of the keys, once all tensors are. */
attn_status attn_rt_check_batch(attn_rt_call *call, const attn_rt_tail *tail,
                                const attn_context *context);

/* Turns what views say of tensors into what generated code sees. */
void attn_rt_arrange(attn_rt_call *call);

/* Checks the entries of the page table that the lengths reach. */
attn_status attn_rt_check_pages(const attn_rt_call *call,
                                const attn_context *context);

/* Whether each sequence runs on its own, or the whole call as one. */
int attn_rt_is_cut(const attn_rt_call *call);
/* How many run on their own. */
int64_t attn_rt_pieces(const attn_rt_call *call);
/* Cuts `views`, a copy of the call's, whatever they were cut to before, to
   sequence `begin`, and rows of tokens to those of sequences before `end`. */
void attn_rt_cut_views(const attn_rt_call *call, int64_t begin, int64_t end,
                       attn_rt_view *views);

/* Checks that no output shares a byte with another tensor. */
attn_status attn_rt_check_overlap(const attn_rt_call *call,
                                  const attn_context *context);

/* 1 when two views share a byte, or when in doubt. */
int attn_rt_overlap(const attn_rt_view *a, uint64_t a_bytes,
                    const attn_rt_view *b, uint64_t b_bytes);

/* 1 when two elements of the view share a byte. Conservative for strides that
   interleave in other ways than nesting. */
int attn_rt_overlaps_itself(const attn_rt_view *view);

/* Batch, query rows, valid keys and room for keys that memory has to serve. */
typedef struct attn_rt_extents {
  int64_t batch, rows, keys, capacity;
} attn_rt_extents;

/* Bytes of a program's partial results, of one tensor between its phases, and
   of all such tensors. UINT64_MAX when they overflow. */
uint64_t attn_rt_state_bytes(const attn_rt_kernel *kernel,
                             const attn_rt_program *program,
                             attn_rt_extents extents);
uint64_t attn_rt_room(const attn_rt_buffer *buffer, attn_rt_extents extents);
uint64_t attn_rt_buffer_bytes(const attn_rt_program *program,
                              attn_rt_extents extents);

/* What the table of places says of a piece. */
enum {
  ATTN_RT_TASKS_END, /* in a phase, of all pieces up to this one */
  ATTN_RT_PARTIALS,  /* offset in the memory */
  ATTN_RT_BUFFERS,   /* those of its span */
  ATTN_RT_SPAN_BEGIN,
  ATTN_RT_SPAN_END,
  ATTN_RT_PLACE_WORDS
};
typedef struct attn_rt_place {
  _Atomic uint64_t word[ATTN_RT_PLACE_WORDS], tag;
} attn_rt_place;

/* Workspace: slots' claims, places of pieces, slots, memory. Where the places
   are follows from `workers` alone. */
typedef struct attn_rt_layout {
  uint64_t places; /* offset */
  uint64_t slots;  /* offset of slot 0 */
  uint64_t slot;   /* bytes of one */
  uint64_t memory; /* offset */
  uint64_t bytes;  /* of all; UINT64_MAX when it overflows */
} attn_rt_layout;
/* With room for the places of `pieces` pieces, 0: for none. */
attn_rt_layout attn_rt_lay_out(int64_t workers, uint64_t scratch,
                               int64_t pieces, uint64_t memory);

/* a + b, UINT64_MAX when it overflows. */
uint64_t attn_rt_add(uint64_t a, uint64_t b);
uint64_t attn_rt_multiply(uint64_t a, uint64_t b);

/* The bytes of workspace that this very call needs. */
attn_status attn_rt_measure(const attn_rt_kernel *kernel, uint32_t kinds,
                            const void *args, const attn_context *context,
                            uint64_t *bytes);

/* Claims a slot that no other task holds, -1 if all are taken. */
int64_t attn_rt_claim(char *workspace, int64_t workers);
void attn_rt_release(char *workspace, int64_t slot);

#endif /* RUNTIME_ATTN_RT_IMPL_H */
