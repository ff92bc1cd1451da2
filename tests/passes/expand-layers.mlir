// RUN: attn-opt %s --attn-expand-layers | FileCheck %s

// Declared layers become functions whose tensors have names; only the steps
// that a layer has are written.

// CHECK-LABEL: func.func @grouped_core
// CHECK-SAME: %[[QUERY:[^:]+]]: !h4x16_heads {attn.name = "query"}
// CHECK-SAME: %[[KEY:[^:]+]]: !h2x16_heads {attn.name = "key"}
// CHECK-SAME: %[[VALUE:[^:]+]]: !h2x16_heads {attn.name = "value"}
// CHECK-SAME: %[[LENGTHS:[^:]+]]: tensor<?xi32> {attn.name = "kv_lengths"})
// CHECK-SAME: !h4x16_heads {attn.name = "output"}
// CHECK-SAME: !h4_rows {attn.name = "lse"}
// CHECK-SAME: attn.layers = #attn.layers<0, 1>, attn.scope = #attn.scope<core>
attn.grouped @grouped {hidden = 64, heads = 4, kv_heads = 2, head_dim = 16,
                       layers = array<i64: 0, 1>, mask = #attn.causal}
// CHECK: %[[KEYS:.+]] = attn.repeat_kv %[[KEY]] {times = 2}
// CHECK: %[[VALUES:.+]] = attn.repeat_kv %[[VALUE]] {times = 2}
// CHECK: %[[SCORE:.+]] = attn.score %[[QUERY]], %[[KEYS]]
// CHECK: %[[SCALED:.+]] = attn.scale %[[SCORE]] {by = 0.25}
// CHECK: %[[MASKED:.+]] = attn.mask %[[SCALED]] lengths(%[[LENGTHS]]
// CHECK-SAME: mask = #attn.causal
// CHECK: %[[P:.+]], %[[LSE:.+]] = attn.softmax %[[MASKED]]
// CHECK-NOT: sinks
// CHECK: %[[OUTPUT:.+]] = attn.weighted_sum %[[P]], %[[VALUES]]
// CHECK: return %[[OUTPUT]], %[[LSE]]

// CHECK-LABEL: func.func @multi_head_core
attn.grouped @multi_head {hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
                          layers = array<i64: 0>, mask = #attn.bidirectional}
// CHECK-NOT: attn.repeat_kv
// CHECK-NOT: attn.softcap

// CHECK-LABEL: func.func @unscaled_core
attn.grouped @unscaled {hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
                        layers = array<i64: 0>, mask = #attn.causal,
                        scale = 1.0}
// CHECK-NOT: attn.scale

// CHECK-LABEL: func.func @capped_core
// CHECK-SAME: %[[SINKS:[^:]+]]: tensor<4xf32> {attn.name = "sinks"}
// CHECK-SAME: !h4x8_heads {attn.name = "output"}
attn.grouped @capped {hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
                      value_dim = 8, layers = array<i64: 0>, softcap = 50.0,
                      mask = #attn.window<left = 128, right = 1>, sinks}
// CHECK: %[[SCALED:.+]] = attn.scale
// CHECK: %[[CAPPED:.+]] = attn.softcap %[[SCALED]]
// CHECK: %[[MASKED:.+]] = attn.mask %[[CAPPED]]
// CHECK-SAME: mask = #attn.window<left = 128, right = 1>
// CHECK: attn.softmax %[[MASKED]] sinks(%[[SINKS]]

// CHECK: attn.refused @refused "alibi positions are not supported"
attn.refused @refused "alibi positions are not supported" {
  layers = array<i64: 5>}

// A latent layer becomes a function for each form: callers choose.

// CHECK-LABEL: func.func @latent_expanded_core
// CHECK-SAME: %[[QUERY:[^:]+]]: !h4x12_heads {attn.name = "query"}
// CHECK-SAME: %[[KEY:[^:]+]]: !h4x12_heads {attn.name = "key"}
// CHECK-SAME: %[[VALUE:[^:]+]]: !h4x6_heads {attn.name = "value"}
// CHECK-SAME: !h4x6_heads {attn.name = "output"}
// CHECK-SAME: attn.layers = #attn.layers<0, 2>
// CHECK: attn.score %[[QUERY]], %[[KEY]]
// CHECK: attn.scale %{{.+}} {by = 0.5}
// CHECK: attn.weighted_sum %{{.+}}, %[[VALUE]]

// CHECK-LABEL: func.func @latent_absorbed_core
// CHECK-SAME: %[[QUERY:[^:]+]]: !h4x20_heads {attn.name = "query"}
// CHECK-SAME: %[[LATENT:[^:]+]]: !h16_rows {attn.name = "latent"}
// CHECK-SAME: %[[ROPE_KEY:[^:]+]]: !h4_rows {attn.name = "rope_key"}
// CHECK-SAME: tensor<?xi32> {attn.name = "kv_lengths"})
// CHECK-SAME: !h4x16_heads {attn.name = "output"}
// CHECK-SAME: attn.layers = #attn.layers<0, 2>
attn.latent @latent {hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8,
                     rope_dim = 4, value_dim = 6, layers = array<i64: 0, 2>,
                     scale = 0.5, mask = #attn.causal}
// CHECK: %[[HEAD:.+]] = attn.expand %[[LATENT]] {dim = 2} : !h16_rows -> !h1x16_heads
// CHECK: %[[ROPE:.+]] = attn.expand %[[ROPE_KEY]] {dim = 2} : !h4_rows -> !h1x4_heads
// CHECK: %[[KEY:.+]] = attn.concat %[[HEAD]], %[[ROPE]] {dim = 3}
// CHECK: attn.score %[[QUERY]], %[[KEY]]
// CHECK: attn.scale %{{.+}} {by = 0.5}
// CHECK: attn.mask
// CHECK: attn.softmax
// CHECK: attn.weighted_sum %{{.+}}, %[[HEAD]]

// Both forms take the mask that calls bring.
// CHECK-LABEL: func.func @masked_latent_expanded_core
// CHECK-SAME: !h4x6_heads {attn.name = "value"}, %{{[^:]+}}: tensor<?xi32> {attn.name = "kv_lengths"}, %[[MASK:[^:]+]]: !h4_scores_f16 {attn.name = "mask"})
// CHECK: %[[SCALED:.+]] = attn.scale
// CHECK-NEXT: attn.add %[[SCALED]], %[[MASK]]
// CHECK-LABEL: func.func @masked_latent_absorbed_core
// CHECK-SAME: !h4_rows {attn.name = "rope_key"}, %{{[^:]+}}: tensor<?xi32> {attn.name = "kv_lengths"}, %[[MASK:[^:]+]]: !h4_scores_f16 {attn.name = "mask"})
// CHECK: %[[SCALED:.+]] = attn.scale
// CHECK-NEXT: attn.add %[[SCALED]], %[[MASK]]
attn.latent @masked_latent {hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8,
                            rope_dim = 4, value_dim = 6, layers = [3],
                            mask = #attn.causal, mask_operand = f16}

// What a mask looks at becomes an argument behind the lengths.
// CHECK-LABEL: func.func @packed_core
// CHECK-SAME: %[[LENGTHS:[^:]+]]: tensor<?xi32> {attn.name = "kv_lengths"}
// CHECK-SAME: %[[PREFIX:[^:]+]]: tensor<?xi32> {attn.name = "prefix_lengths"}
// CHECK-SAME: %[[DOCUMENTS:[^:]+]]: tensor<?x?xi32> {attn.name = "document_ids"}
// CHECK-SAME: tensor<4xf32> {attn.name = "sinks"}
attn.grouped @packed {hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
                      layers = array<i64: 0>, sinks,
                      mask = #attn.all<[#attn.prefix, #attn.document]>}
// CHECK: attn.mask %{{.+}} lengths(%[[LENGTHS]] : tensor<?xi32>) prefix(%[[PREFIX]] : tensor<?xi32>) documents(%[[DOCUMENTS]] : tensor<?x?xi32>)

// Tensors have the types of the storage; scores and lse are f32.

// CHECK-LABEL: func.func @stored_core
// CHECK-SAME: !h4x16_heads_bf16 {attn.name = "query"}
// CHECK-SAME: !h2x16_heads_f16 {attn.name = "key"}
// CHECK-SAME: !h2x16_heads {attn.name = "value"}
// CHECK-SAME: tensor<4xbf16> {attn.name = "sinks"}
// CHECK-SAME: !h4x16_heads_bf16 {attn.name = "output"}
// CHECK-SAME: !h4_rows {attn.name = "lse"}
attn.grouped @stored {hidden = 64, heads = 4, kv_heads = 2, head_dim = 16,
                      layers = array<i64: 0>, mask = #attn.causal, sinks,
                      storage = #attn.storage<activation = bf16, key = f16, value = f32>}
// CHECK: attn.score {{.*}} -> !h4_scores

// CHECK-LABEL: func.func @stored_latent_expanded_core
// CHECK-SAME: !h4x12_heads {attn.name = "query"}
// CHECK-SAME: !h4x12_heads_f16 {attn.name = "key"}
// CHECK-LABEL: func.func @stored_latent_absorbed_core
// CHECK-SAME: !h4x20_heads {attn.name = "query"}
// CHECK-SAME: !h16_rows_f16 {attn.name = "latent"}
// CHECK-SAME: !h4_rows_f16 {attn.name = "rope_key"}
attn.latent @stored_latent {hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8,
                            rope_dim = 4, value_dim = 6, layers = array<i64: 0>,
                            mask = #attn.causal,
                            storage = #attn.storage<activation = f32, key = f16, value = f16>}
