/* What the checks of arguments share. */
#ifndef RUNTIME_ATTN_RT_CHECKED_H
#define RUNTIME_ATTN_RT_CHECKED_H

#include "runtime/attn_rt_impl.h"

/* The tensor under check; its fields are the same in every check below. */
typedef struct {
  attn_rt_call *call;
  const attn_context *context;
  const attn_rt_tensor *expected;
  const DLTensor *tensor;
  attn_rt_view *view;
} checked;

/* Refuses the tensor: "KERNEL: NAME ", then what `format` makes of the rest. */
#define FAIL(c, status, format, ...)                                           \
  attn_rt_fail((c)->context, status, "%s: %s " format,                         \
               (c)->call->kernel->symbol, (c)->expected->name, __VA_ARGS__)

#endif /* RUNTIME_ATTN_RT_CHECKED_H */
