/* What follows the tensors in the args of every kernel, in order: fields are
   appended and never moved. The args of NAME.h, the runtime, TVM-FFI's entries
   and the compiler's own calls take them from this list.
   SCALE and GROUP are room for quantised caches, tensors and numbers that this
   version refuses; TENSOR is a tensor that may be NULL. */
#ifndef RUNTIME_ATTN_RT_TAIL_H
#define RUNTIME_ATTN_RT_TAIL_H

#include "runtime/attn.h"

#define ATTN_RT_TAIL(SCALE, GROUP, TENSOR)                                     \
  SCALE(key_scale)                                                             \
  SCALE(value_scale)                                                           \
  GROUP(key_scale_group)                                                       \
  GROUP(value_scale_group)                                                     \
  TENSOR(q_indptr)                                                             \
  TENSOR(page_table)                                                           \
  TENSOR(page_indptr)                                                          \
  TENSOR(slot_mapping)                                                         \
  TENSOR(packed_weights)                                                       \
  TENSOR(key_offsets)                                                          \
  TENSOR(sequence_lengths)

/* For kinds of fields that a user of the list leaves out. */
#define ATTN_RT_NO_FIELD(name)

#define ATTN_RT_TENSOR_FIELD(name) const DLTensor *name;
#define ATTN_RT_NUMBER_FIELD(name) uint32_t name;
typedef struct attn_rt_tail {
  ATTN_RT_TAIL(ATTN_RT_TENSOR_FIELD, ATTN_RT_NUMBER_FIELD, ATTN_RT_TENSOR_FIELD)
} attn_rt_tail;
#undef ATTN_RT_TENSOR_FIELD
#undef ATTN_RT_NUMBER_FIELD

#endif /* RUNTIME_ATTN_RT_TAIL_H */
