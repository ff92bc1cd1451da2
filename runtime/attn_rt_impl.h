/* What the runtime's own files share: a call after its checks, and messages. */
#ifndef RUNTIME_ATTN_RT_IMPL_H
#define RUNTIME_ATTN_RT_IMPL_H

#include "runtime/attn_rt.h"

/* The head of every args structure; DLTensor pointers follow it. */
typedef struct attn_rt_args {
  uint32_t size, abi, layer, flags;
  const DLTensor *tensors[];
} attn_rt_args;

/* What follows the tensors in the args of this version. */
typedef struct attn_rt_reserved {
  const DLTensor *key_scale, *value_scale;
  uint32_t key_scale_group, value_scale_group;
} attn_rt_reserved;

/* The bytes that a tensor's elements occupy: [begin, end). */
typedef struct attn_rt_span {
  uint64_t begin, end;
} attn_rt_span;

/* A call whose arguments are sound. */
typedef struct attn_rt_call {
  const attn_rt_kernel *kernel;
  const attn_rt_target *target;
  const attn_rt_program *program;
  attn_rt_frame frame;
  int64_t symbol[ATTN_RT_SYMBOLS];
  int64_t longest; /* valid keys of the longest sequence */
  int64_t tasks[ATTN_MAX_PHASES];
  attn_rt_view views[ATTN_RT_MAX_TENSORS];
} attn_rt_call;

/* Puts a message into the context's text and returns `status`. `format` knows
   %s, %d (an int64_t), %x (an uint64_t) and %t (a DLDataType). */
attn_status attn_rt_fail(const attn_context *context, attn_status status,
                         const char *format, ...);

/* The best target of the kernel that this CPU has, or the one asked for. */
attn_status attn_rt_choose_target(const attn_rt_kernel *kernel,
                                  const attn_context *context,
                                  const attn_rt_target **chosen);

/* Checks the context's own fields. Without a message when there is none. */
attn_status attn_rt_check_context(const attn_rt_kernel *kernel,
                                  const attn_context *context);

/* Checks every argument against the kernel and fills call->views, ->symbol,
   ->longest and ->frame.constants. */
attn_status attn_rt_check_args(attn_rt_call *call, const void *args,
                               const attn_context *context);

/* Checks that no output shares a byte with another tensor. */
attn_status attn_rt_check_overlap(const attn_rt_call *call,
                                  const attn_context *context);

/* 1 when two elements of the view share a byte. Conservative for strides that
   interleave in other ways than nesting. */
int attn_rt_overlaps_itself(const attn_rt_view *view);

/* Workspace: slots' claims, slots, partial results, tensors between phases. */
typedef struct attn_rt_layout {
  uint64_t slots;    /* offset of slot 0 */
  uint64_t slot;     /* bytes of one */
  uint64_t partials; /* offset */
  uint64_t buffers;  /* offset */
  uint64_t bytes;    /* of all; UINT64_MAX when it overflows */
} attn_rt_layout;

/* Batch, query rows, valid keys and room for keys that a workspace has to
   serve. */
typedef struct attn_rt_extents {
  int64_t batch, rows, keys, capacity;
} attn_rt_extents;
attn_rt_layout attn_rt_lay_out(const attn_rt_kernel *kernel,
                               const attn_rt_program *program, int64_t workers,
                               attn_rt_extents extents);

/* The bytes of workspace that this very call needs. */
attn_status attn_rt_measure(const attn_rt_kernel *kernel, uint32_t kinds,
                            const void *args, const attn_context *context,
                            uint64_t *bytes);

/* Claims a slot that no other task holds, -1 if all are taken. */
int64_t attn_rt_claim(char *workspace, int64_t workers);
void attn_rt_release(char *workspace, int64_t slot);

#endif /* RUNTIME_ATTN_RT_IMPL_H */
