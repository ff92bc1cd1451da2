// RUN: attn-opt %s --attn-expand-layers=scopes=attend | FileCheck %s
// RUN: attn-opt %s --attn-expand-layers=scopes=attend --remarks-filter='.*' \
// RUN:   --remark-format=emitRemark 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARKS
// RUN: attn-opt %s --attn-expand-layers='scopes=attend steps=false' | FileCheck %s --check-prefix=WHOLE
// RUN: attn-opt %s --attn-expand-layers=scopes=core,layer | FileCheck %s --check-prefix=WHOLE

// Scope attend of a latent layer has the steps of absorbed attention too, so that
// an engine may do the products with kv_b_proj.weight itself. What is between the
// steps is f32, whatever the layer stores.

// WHOLE-NOT: func.func @{{.*}}_absorb_query_attend
// WHOLE-NOT: func.func @{{.*}}_absorbed_attend
// WHOLE-NOT: func.func @{{.*}}_expand_output_attend

// CHECK-LABEL: func.func @stored_attend_prefill(

// The key half of the weight: [heads, nope_dim, kv_rank].
// CHECK-LABEL: func.func @stored_absorb_query_attend(
// CHECK-SAME: %[[QUERY:[^:]+]]: !h3x12_heads_bf16 {attn.name = "query"}
// CHECK-SAME: %[[WEIGHT:[^:]+]]: tensor<42x16xbf16> {attn.name = "kv_b_proj.weight"})
// CHECK-SAME: -> (!h3x16_heads {attn.name = "absorbed_query"})
// CHECK-SAME: attn.kernel = "stored_absorb_query_attend", attn.layers = #attn.layers<0, 1>, attn.max_queries = 2147483647 : i64, attn.scope = #attn.scope<attend>
// CHECK: %[[NOPE:.+]] = attn.slice %[[QUERY]] {dim = 3, offset = 0} : !h3x12_heads_bf16 -> !h3x8_heads_bf16
// CHECK: %[[HEADS:.+]] = attn.unflatten %[[WEIGHT]] {dim = 0} : tensor<42x16xbf16> -> tensor<3x14x16xbf16>
// CHECK: %[[UP:.+]] = attn.slice %[[HEADS]] {dim = 1, offset = 0} : tensor<3x14x16xbf16> -> tensor<3x8x16xbf16>
// CHECK: %[[ABSORBED:.+]] = attn.head_linear %[[NOPE]], %[[UP]] {transposed}
// CHECK-SAME: !h3x8_heads_bf16, tensor<3x8x16xbf16> -> !h3x16_heads
// CHECK: return %[[ABSORBED]]

// CHECK-LABEL: func.func @stored_absorbed_attend(
// CHECK-SAME: %[[ABSORBED:[^:]+]]: !h3x16_heads {attn.name = "absorbed_query"}
// CHECK-SAME: %[[ROPE:[^:]+]]: !h3x4_heads_bf16 {attn.name = "rope_query"}
// CHECK-SAME: !h20_rows_bf16 {attn.name = "latent_and_rope_key"}
// CHECK-SAME: %[[POSITIONS:[^:]+]]: tensor<?x?xi32> {attn.name = "position_ids"}
// CHECK-SAME: %[[LATENT_CACHE:[^:]+]]: !h16_rows_f16 {attn.name = "latent_cache"}
// CHECK-SAME: %[[ROPE_CACHE:[^:]+]]: !h4_rows_f16 {attn.name = "rope_key_cache"}
// CHECK-SAME: {attn.name = "kv_lengths"}
// CHECK-SAME: {attn.name = "kv_a_layernorm.weight"})
// CHECK-SAME: -> (!h16_rows_f16 {attn.updates = "latent_cache"}, !h4_rows_f16 {attn.updates = "rope_key_cache"}, !h3x16_heads {attn.name = "latent_output"})
// CHECK: %[[LATENTS:.+]] = attn.cache_append %[[LATENT_CACHE]]
// CHECK: %[[ROPES:.+]] = attn.cache_append %[[ROPE_CACHE]]
// CHECK: %[[VALUE:.+]] = attn.expand %[[LATENTS]] {dim = 2}
// CHECK: %[[KEY:.+]] = attn.concat %[[VALUE]], %{{.+}} {dim = 3}
// CHECK: %[[ROTATED:.+]] = attn.rope %[[ROPE]] positions(%[[POSITIONS]]
// CHECK: %[[QUERY:.+]] = attn.concat %[[ABSORBED]], %[[ROTATED]] {dim = 3}
// CHECK-SAME: !h3x16_heads, !h3x4_heads_bf16 -> !h3x20_heads
// CHECK: attn.score %[[QUERY]], %[[KEY]]
// CHECK: attn.weighted_sum %{{.+}}, %[[VALUE]]

// The value half, behind the key half of each head.
// CHECK-LABEL: func.func @stored_expand_output_attend(
// CHECK-SAME: %[[LATENT:[^:]+]]: !h3x16_heads {attn.name = "latent_output"}
// CHECK-SAME: %[[WEIGHT:[^:]+]]: tensor<42x16xbf16> {attn.name = "kv_b_proj.weight"})
// CHECK-SAME: -> (!h3x6_heads_bf16 {attn.name = "output"})
// CHECK: %[[HEADS:.+]] = attn.unflatten %[[WEIGHT]] {dim = 0}
// CHECK: %[[UP:.+]] = attn.slice %[[HEADS]] {dim = 1, offset = 8} : tensor<3x14x16xbf16> -> tensor<3x6x16xbf16>
// CHECK: attn.head_linear %[[LATENT]], %[[UP]]

// REMARKS: wrote 2 layers as 'stored_absorb_query_attend': 3 query heads of size 8 as 16 elements, by the up-projection of keys
// REMARKS: wrote 2 layers as 'stored_absorbed_attend': 3 query heads over 1 key/value heads of size 20, whose first 16 elements are the value
// REMARKS: wrote 2 layers as 'stored_expand_output_attend': 3 heads of 16 elements as values of 6, by the up-projection of values
attn.latent @stored {
  hidden = 40, heads = 3, query_rank = 20, kv_rank = 16, nope_dim = 8,
  rope_dim = 4, value_dim = 6, layers = [0, 1],
  storage = #attn.storage<activation = bf16, key = f16, value = f16>,
  position = #attn.rope<theta = 1.0e4>, mask = #attn.causal}

// The mask that calls bring is for the step that sees keys.

// CHECK-LABEL: func.func @masked_attend_decode(
// CHECK-SAME: {attn.name = "kv_lengths"}, %[[MASK:[^:]+]]: tensor<?x3x?x?xi1> {attn.name = "mask"}
// CHECK: %[[HIDDEN:.+]] = attn.not %[[MASK]]
// CHECK-NEXT: attn.masked_fill %{{.+}}, %[[HIDDEN]]
// CHECK-LABEL: func.func @masked_attend_prefill(
// CHECK-SAME: {attn.name = "mask"}
// CHECK-LABEL: func.func @masked_absorb_query_attend(
// CHECK-NOT: {attn.name = "mask"}
// CHECK-LABEL: func.func @masked_absorbed_attend(
// CHECK-SAME: {attn.name = "kv_lengths"}, %[[MASK:[^:]+]]: tensor<?x3x?x?xi1> {attn.name = "mask"}
// CHECK: %[[HIDDEN:.+]] = attn.not %[[MASK]]
// CHECK-NEXT: attn.masked_fill %{{.+}}, %[[HIDDEN]]
// CHECK-LABEL: func.func @masked_expand_output_attend(
// CHECK-NOT: {attn.name = "mask"}
attn.latent @masked {
  hidden = 40, heads = 3, kv_rank = 16, nope_dim = 8, rope_dim = 4,
  value_dim = 6, layers = [3], mask = #attn.causal, mask_operand = i1}

// A rank so small that absorbed attention is always less work: whole functions
// have one form, and the steps are there.

// CHECK-LABEL: func.func @narrow_attend(
// CHECK: func.func @narrow_absorb_query_attend(
// CHECK-NOT: position_ids
// CHECK: func.func @narrow_absorbed_attend(
// CHECK: func.func @narrow_expand_output_attend(
attn.latent @narrow {
  hidden = 40, heads = 3, kv_rank = 4, nope_dim = 8, rope_dim = 4,
  value_dim = 6, layers = [2], mask = #attn.causal}
