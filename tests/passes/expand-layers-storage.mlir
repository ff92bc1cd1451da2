// RUN: attn-opt %s --attn-expand-layers="scopes=core,attend,layer" | FileCheck %s

// Arguments and results are what the layer declares: caches apart from the rest.
// What is appended becomes what the cache is stored in.

// CHECK-LABEL: func.func @caches_core(
// CHECK-SAME: %{{[^:]+}}: !h4x16_heads {attn.name = "query"}
// CHECK-SAME: %{{[^:]+}}: !h2x16_heads_f16 {attn.name = "key"}
// CHECK-SAME: %{{[^:]+}}: !h2x16_heads_bf16 {attn.name = "value"}
// CHECK-LABEL: func.func @caches_attend(
// CHECK-SAME: %{{[^:]+}}: !h4x16_heads {attn.name = "query"}
// CHECK-SAME: %{{[^:]+}}: !h2x16_heads {attn.name = "key"}
// CHECK-SAME: %{{[^:]+}}: !h2x16_heads {attn.name = "value"}
// CHECK-SAME: %{{[^:]+}}: !h2x16_heads_f16 {attn.name = "key_cache"}
// CHECK-SAME: %{{[^:]+}}: !h2x16_heads_bf16 {attn.name = "value_cache"}
// CHECK-SAME: !h4x16_heads {attn.name = "output"}
// CHECK: attn.cache_append {{.*}} : !h2x16_heads_f16, !h2x16_heads
// CHECK: attn.cache_append {{.*}} : !h2x16_heads_bf16, !h2x16_heads
// CHECK-LABEL: func.func @caches_layer(
// CHECK-SAME: %{{[^:]+}}: !h64_rows {attn.name = "hidden_states"}
// CHECK-SAME: tensor<64x64xf32> {attn.name = "q_proj.weight"}
attn.grouped @caches {hidden = 64, heads = 4, kv_heads = 2, head_dim = 16,
                      layers = [0], mask = #attn.causal,
                      storage = #attn.storage<activation = f32, key = f16, value = bf16>}

// CHECK-LABEL: func.func @latent_attend_decode(
// CHECK-SAME: %{{[^:]+}}: !h4x12_heads_bf16 {attn.name = "query"}
// CHECK-SAME: %{{[^:]+}}: !h20_rows_bf16 {attn.name = "latent_and_rope_key"}
// CHECK-SAME: %{{[^:]+}}: !h16_rows_f16 {attn.name = "latent_cache"}
// CHECK-SAME: %{{[^:]+}}: !h4_rows_f16 {attn.name = "rope_key_cache"}
// CHECK-SAME: tensor<16xbf16> {attn.name = "kv_a_layernorm.weight"}
// CHECK: attn.linear {{.*}} : !h16_rows_f16, tensor<64x16xbf16> -> !h64_rows_f16
// CHECK-LABEL: func.func @latent_layer_decode(
// CHECK-SAME: %{{[^:]+}}: !h64_rows_bf16 {attn.name = "hidden_states"}
// CHECK-SAME: !h64_rows_bf16 {attn.name = "output"}
attn.latent @latent {hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8,
                     rope_dim = 4, value_dim = 8, layers = [1], mask = #attn.causal,
                     storage = #attn.storage<activation = bf16, key = f16, value = f16>}
