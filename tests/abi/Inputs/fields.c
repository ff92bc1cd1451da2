/* Where version 1.0 put each field, on machines of 64 bits: fields are appended
   and never moved. Compiled only. */
#include "gpt2.h"
#include "mla.h"
#include "smollm2_135m.h"

#include "runtime/attn_rt_tail.h"

#define AT(type, field, place)                                                 \
  _Static_assert(offsetof(type, field) == place, #type "." #field)
#define IS(name, value) _Static_assert(name == value, #name)

/* Head and first fields of every args. */
#define HEAD(type)                                                             \
  AT(type, size, 0);                                                           \
  AT(type, abi, 4);                                                            \
  AT(type, layer, 8);                                                          \
  AT(type, flags, 12)

/* Quantised caches, then what a serving engine has. */
#define TAIL(type, place)                                                      \
  AT(type, key_scale, place);                                                  \
  AT(type, value_scale, place + 8);                                            \
  AT(type, key_scale_group, place + 16);                                       \
  AT(type, value_scale_group, place + 20);                                     \
  AT(type, q_indptr, place + 24);                                              \
  AT(type, page_table, place + 32);                                            \
  AT(type, page_indptr, place + 40);                                           \
  AT(type, slot_mapping, place + 48);                                          \
  AT(type, packed_weights, place + 56);                                        \
  AT(type, key_offsets, place + 64);                                           \
  AT(type, sequence_lengths, place + 72)

/* The header and the runtime's list of what follows the tensors are one. */
#define SAME(field)                                                            \
  AT(gpt2_core_args, field, 64 + offsetof(attn_rt_tail, field));
ATTN_RT_TAIL(SAME, SAME, SAME)
IS(sizeof(gpt2_core_args), 64 + sizeof(attn_rt_tail));

HEAD(gpt2_core_args);
AT(gpt2_core_args, query, 16);
AT(gpt2_core_args, key, 24);
AT(gpt2_core_args, value, 32);
AT(gpt2_core_args, kv_lengths, 40);
AT(gpt2_core_args, output, 48);
AT(gpt2_core_args, lse, 56);
TAIL(gpt2_core_args, 64);

HEAD(mla_absorbed_core_args);
AT(mla_absorbed_core_args, query, 16);
AT(mla_absorbed_core_args, latent, 24);
AT(mla_absorbed_core_args, rope_key, 32);
AT(mla_absorbed_core_args, kv_lengths, 40);
AT(mla_absorbed_core_args, output, 48);
AT(mla_absorbed_core_args, lse, 56);
TAIL(mla_absorbed_core_args, 64);

HEAD(smollm2_135m_attend_args);
AT(smollm2_135m_attend_args, query, 16);
AT(smollm2_135m_attend_args, key, 24);
AT(smollm2_135m_attend_args, value, 32);
AT(smollm2_135m_attend_args, position_ids, 40);
AT(smollm2_135m_attend_args, key_cache, 48);
AT(smollm2_135m_attend_args, value_cache, 56);
AT(smollm2_135m_attend_args, kv_lengths, 64);
AT(smollm2_135m_attend_args, output, 72);
TAIL(smollm2_135m_attend_args, 80);

HEAD(smollm2_135m_layer_args);

AT(attn_context, size, 0);
AT(attn_context, abi, 4);
AT(attn_context, workspace, 8);
AT(attn_context, workspace_bytes, 16);
AT(attn_context, workers, 24);
AT(attn_context, parallel_for, 32);
AT(attn_context, pool, 40);
AT(attn_context, text, 48);
AT(attn_context, text_bytes, 56);
AT(attn_context, target, 64);
AT(attn_maxima, size, 0);
AT(attn_maxima, abi, 4);
AT(attn_maxima, batch, 8);
AT(attn_maxima, query_length, 16);
AT(attn_maxima, workers, 24);
AT(attn_maxima, kv_length, 32);
AT(attn_maxima, tokens, 40);
AT(attn_plan, phases, 0);
AT(attn_plan, tasks, 8);
AT(attn_plan, target, 8 + 8 * 64);
AT(attn_plan, schedule, 16 + 8 * 64);
AT(attn_merge_args, outputs, 8);
AT(attn_merge_args, lses, 16);
AT(attn_merge_args, sinks, 24);
AT(attn_merge_args, output, 32);
AT(attn_merge_args, lse, 40);

IS(ATTN_ABI_VERSION, 1u);
IS(ATTN_FLAG_NO_SINK, 1u);
IS(ATTN_FLAG_RING, 2u);
IS(ATTN_OK, 0);
IS(ATTN_BAD_CONTEXT, 1);
IS(ATTN_BAD_ARGS, 2);
IS(ATTN_BAD_LAYER, 3);
IS(ATTN_BAD_FLAGS, 4);
IS(ATTN_MISSING_TENSOR, 5);
IS(ATTN_BAD_RANK, 6);
IS(ATTN_BAD_DTYPE, 7);
IS(ATTN_BAD_DEVICE, 8);
IS(ATTN_BAD_SHAPE, 9);
IS(ATTN_BAD_STRIDE, 10);
IS(ATTN_BAD_ALIGNMENT, 11);
IS(ATTN_BAD_LENGTH, 12);
IS(ATTN_OVERLAP, 13);
IS(ATTN_BAD_WORKSPACE, 14);
IS(ATTN_BAD_TASK, 15);
IS(ATTN_TOO_MANY_TASKS, 16);
IS(ATTN_BAD_TARGET, 17);
IS(ATTN_UNSUPPORTED, 18);
IS(ATTN_BAD_WEIGHTS, 19);
