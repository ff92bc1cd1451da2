// RUN: attn-opt %s --attn-expand-layers=scopes=attend,layer | FileCheck %s
// RUN: attn-opt %s --attn-expand-layers=scopes=layer,core,layer | FileCheck %s --check-prefix=ORDER

// Scope attend is what stands between the projections: biases, norms, rotation,
// caches, attention. Scope layer has the projections around the same. Caches
// are updated in place, and weights are called as in checkpoints.

// One function for each scope asked for, once, in the order of the list.

// ORDER: func.func @plain_layer
// ORDER-NOT: _attend
// ORDER: func.func @plain_core
// ORDER-NOT: @plain_layer
// ORDER: func.func @biased_layer

// CHECK-LABEL: func.func @plain_attend(
// CHECK-SAME: %[[QUERY:[^:]+]]: !h6x16_heads {attn.name = "query"}
// CHECK-SAME: %[[KEY:[^:]+]]: !h2x16_heads {attn.name = "key"}
// CHECK-SAME: %[[VALUE:[^:]+]]: !h2x16_heads {attn.name = "value"}
// CHECK-SAME: %[[POSITIONS:[^:]+]]: tensor<?x?xi32> {attn.name = "position_ids"}
// CHECK-SAME: %[[KEY_CACHE:[^:]+]]: !h2x16_heads {attn.name = "key_cache"}
// CHECK-SAME: %[[VALUE_CACHE:[^:]+]]: !h2x16_heads {attn.name = "value_cache"}
// CHECK-SAME: %[[LENGTHS:[^:]+]]: tensor<?xi32> {attn.name = "kv_lengths"})
// CHECK-SAME: -> (!h2x16_heads {attn.updates = "key_cache"}, !h2x16_heads {attn.updates = "value_cache"}, !h6x16_heads {attn.name = "output"})
// CHECK-SAME: attn.layers = #attn.layers<0, 1>, attn.scope = #attn.scope<attend>
// CHECK: %[[ROTATED:.+]] = attn.rope %[[QUERY]] positions(%[[POSITIONS]]
// CHECK: %[[ROTATED_KEY:.+]] = attn.rope %[[KEY]] positions(%[[POSITIONS]]
// CHECK: %[[KEYS:.+]] = attn.cache_append %[[KEY_CACHE]], %[[ROTATED_KEY]] lengths(%[[LENGTHS]]
// CHECK: %[[VALUES:.+]] = attn.cache_append %[[VALUE_CACHE]], %[[VALUE]] lengths(%[[LENGTHS]]
// CHECK: %[[REPEATED:.+]] = attn.repeat_kv %[[KEYS]] {times = 3}
// CHECK: attn.repeat_kv %[[VALUES]] {times = 3}
// CHECK: attn.score %[[ROTATED]], %[[REPEATED]]
// CHECK: attn.mask %{{.+}} lengths(%[[LENGTHS]]
// CHECK: %[[OUTPUT:.+]] = attn.weighted_sum
// CHECK: return %[[KEYS]], %[[VALUES]], %[[OUTPUT]]

// CHECK-LABEL: func.func @plain_layer(
// CHECK-SAME: %[[HIDDEN:[^:]+]]: !h40_rows {attn.name = "hidden_states"}
// CHECK-SAME: {attn.name = "position_ids"}
// CHECK-SAME: {attn.name = "key_cache"}
// CHECK-SAME: {attn.name = "value_cache"}
// CHECK-SAME: {attn.name = "kv_lengths"}
// CHECK-SAME: %[[WQ:[^:]+]]: tensor<96x40xf32> {attn.name = "q_proj.weight"}
// CHECK-SAME: %[[WK:[^:]+]]: tensor<32x40xf32> {attn.name = "k_proj.weight"}
// CHECK-SAME: %[[WV:[^:]+]]: tensor<32x40xf32> {attn.name = "v_proj.weight"}
// CHECK-SAME: %[[WO:[^:]+]]: tensor<40x96xf32> {attn.name = "o_proj.weight"})
// CHECK-SAME: !h40_rows {attn.name = "output"}
// CHECK-SAME: attn.scope = #attn.scope<layer>
// CHECK: %[[Q:.+]] = attn.linear %[[HIDDEN]], %[[WQ]] :
// CHECK: attn.unflatten %[[Q]] {dim = 2} : !h96_rows -> !h6x16_heads
// CHECK: attn.linear %[[HIDDEN]], %[[WK]] :
// CHECK: attn.linear %[[HIDDEN]], %[[WV]] :
// CHECK: %[[OUTPUT:.+]] = attn.weighted_sum
// CHECK: %[[ROWS:.+]] = attn.flatten %[[OUTPUT]] {dim = 2}
// CHECK: attn.linear %[[ROWS]], %[[WO]] :
attn.grouped @plain {
  hidden = 40, heads = 6, kv_heads = 2, head_dim = 16, layers = [0, 1],
  position = #attn.rope<theta = 1.0e4>, mask = #attn.causal}

// Heads that come projected lack their biases; learned positions were added
// before, and need no ids.

// CHECK-LABEL: func.func @biased_attend(
// CHECK-NOT: position_ids
// CHECK-SAME: %[[SINKS:[^:]+]]: tensor<4xf32> {attn.name = "sinks"}
// CHECK-SAME: %[[BQ:[^:]+]]: tensor<64xf32> {attn.name = "q_proj.bias"}
// CHECK-SAME: {attn.name = "k_proj.bias"}
// CHECK-SAME: {attn.name = "v_proj.bias"})
// CHECK: %[[BIAS:.+]] = attn.unflatten %[[BQ]] {dim = 0} : tensor<64xf32> -> tensor<4x16xf32>
// CHECK: attn.add %{{.+}}, %[[BIAS]]
// CHECK-COUNT-2: attn.add
// CHECK-NOT: attn.rope
// CHECK: attn.softmax %{{.+}} sinks(%[[SINKS]]

// CHECK-LABEL: func.func @biased_layer(
// CHECK-SAME: %[[BQ:[^:]+]]: tensor<64xf32> {attn.name = "q_proj.bias"}
// CHECK-SAME: %[[BO:[^:]+]]: tensor<40xf32> {attn.name = "o_proj.bias"})
// CHECK: attn.linear %{{.+}}, %{{.+}} bias(%[[BQ]]
// CHECK-COUNT-2: attn.linear %{{.+}} bias(
// CHECK-NOT: attn.add
// CHECK: attn.linear %{{.+}}, %{{.+}} bias(%[[BO]]
attn.grouped @biased {
  hidden = 40, heads = 4, kv_heads = 4, head_dim = 16, layers = [2],
  qkv_bias, mask = #attn.window<left = 8, right = 1>, sinks, output_bias}

// All queries, all keys, all values; weights [in, out] are products.

// CHECK-LABEL: func.func @stacked_attend(
// CHECK-SAME: %[[BIAS:[^:]+]]: tensor<128xf32> {attn.name = "c_attn.bias"})
// CHECK: %[[BQ:.+]] = attn.slice %[[BIAS]] {dim = 0, offset = 0} : tensor<128xf32> -> tensor<64xf32>
// CHECK: attn.slice %[[BIAS]] {dim = 0, offset = 64} : tensor<128xf32> -> tensor<32xf32>
// CHECK: attn.slice %[[BIAS]] {dim = 0, offset = 96} : tensor<128xf32> -> tensor<32xf32>

// CHECK-LABEL: func.func @stacked_layer(
// CHECK-SAME: %[[W:[^:]+]]: tensor<40x128xf32> {attn.name = "c_attn.weight"}
// CHECK-SAME: %[[BIAS:[^:]+]]: tensor<128xf32> {attn.name = "c_attn.bias"}
// CHECK-SAME: %[[WO:[^:]+]]: tensor<64x40xf32> {attn.name = "c_proj.weight"})
// CHECK: %[[PRODUCT:.+]] = attn.matmul %{{.+}}, %[[W]]
// CHECK: %[[ROWS:.+]] = attn.add %[[PRODUCT]], %[[BIAS]]
// CHECK: attn.slice %[[ROWS]] {dim = 2, offset = 0} : !h128_rows -> !h64_rows
// CHECK: attn.slice %[[ROWS]] {dim = 2, offset = 64} : !h128_rows -> !h32_rows
// CHECK: attn.slice %[[ROWS]] {dim = 2, offset = 96} : !h128_rows -> !h32_rows
// CHECK: %[[OUTPUT:.+]] = attn.matmul %{{.+}}, %[[WO]]
// CHECK: return %{{.+}}, %{{.+}}, %[[OUTPUT]]
attn.grouped @stacked {
  hidden = 40, heads = 4, kv_heads = 2, head_dim = 16, layers = [3],
  projections = #attn.projections<packed = "c_attn", output = "c_proj", input_major = true>,
  qkv_bias, mask = #attn.causal}

// Of each key/value head three queries, a key and a value.

// CHECK-LABEL: func.func @grouped_layer(
// CHECK-SAME: tensor<160x40xf32> {attn.name = "query_key_value.weight"}
// CHECK-SAME: {attn.name = "dense.weight"}
// CHECK: %[[GROUPS:.+]] = attn.unflatten %{{.+}} {dim = 2} : !h160_rows -> !h2x80_heads
// CHECK: %[[QUERIES:.+]] = attn.slice %[[GROUPS]] {dim = 3, offset = 0} : !h2x80_heads -> !h2x48_heads
// CHECK: %[[SPLIT:.+]] = attn.unflatten %[[QUERIES]] {dim = 3} : !h2x48_heads -> tensor<?x?x2x3x16xf32>
// CHECK: attn.flatten %[[SPLIT]] {dim = 2} : tensor<?x?x2x3x16xf32> -> !h6x16_heads
// CHECK: attn.slice %[[GROUPS]] {dim = 3, offset = 48} : !h2x80_heads -> !h2x16_heads
// CHECK: attn.slice %[[GROUPS]] {dim = 3, offset = 64} : !h2x80_heads -> !h2x16_heads
attn.grouped @grouped {
  hidden = 40, heads = 6, kv_heads = 2, head_dim = 16, layers = [4],
  projections = #attn.projections<packed = "query_key_value", packing = grouped, output = "dense">,
  mask = #attn.causal}

// CHECK-LABEL: func.func @normed_attend(
// CHECK-SAME: %[[QUERY:[^:]+]]: !h4x16_heads {attn.name = "query"}
// CHECK-SAME: %[[WQ:[^:]+]]: tensor<16xf32> {attn.name = "q_norm.weight"}
// CHECK-SAME: %[[WK:[^:]+]]: tensor<16xf32> {attn.name = "k_norm.weight"})
// CHECK: %[[NORMED:.+]] = attn.rms_norm %[[QUERY]] weight(%[[WQ]] : tensor<16xf32>) {offset = 1.0, eps = 1.0e-6} : !h4x16_heads
// CHECK: attn.rms_norm %{{.+}} weight(%[[WK]]
// CHECK: attn.rope %[[NORMED]]
attn.grouped @normed {
  hidden = 40, heads = 4, kv_heads = 2, head_dim = 16, layers = [5],
  qk_norm = #attn.norm<eps = 1.0e-6, offset = 1.0>,
  position = #attn.rope<theta = 1.0e4>, mask = #attn.causal}

// CHECK-LABEL: func.func @normed_rows_attend(
// CHECK-SAME: %[[QUERY:[^:]+]]: !h4x16_heads {attn.name = "query"}
// CHECK-SAME: %[[KEY:[^:]+]]: !h2x16_heads {attn.name = "key"}
// CHECK-SAME: %[[WQ:[^:]+]]: tensor<64xf32> {attn.name = "q_norm.weight"}
// CHECK-SAME: %[[WK:[^:]+]]: tensor<32xf32> {attn.name = "k_norm.weight"})
// CHECK: %[[ROWS:.+]] = attn.flatten %[[QUERY]] {dim = 2}
// CHECK: %[[NORMED:.+]] = attn.layer_norm %[[ROWS]] weight(%[[WQ]] : tensor<64xf32>) {eps = 1.0e-5} : !h64_rows
// CHECK: attn.unflatten %[[NORMED]] {dim = 2} : !h64_rows -> !h4x16_heads
// CHECK: %[[KEYS:.+]] = attn.flatten %[[KEY]] {dim = 2}
// CHECK: attn.layer_norm %[[KEYS]] weight(%[[WK]]
attn.grouped @normed_rows {
  hidden = 40, heads = 4, kv_heads = 2, head_dim = 16, layers = [6],
  qk_norm = #attn.norm<kind = layer, eps = 1.0e-5, span = all>,
  mask = #attn.causal}

// Values are normed before they are cached, with a weight or without.

// CHECK-LABEL: func.func @normed_values_attend(
// CHECK-SAME: %[[VALUE:[^:]+]]: !h2x16_heads {attn.name = "value"}
// CHECK-SAME: %[[VALUE_CACHE:[^:]+]]: !h2x16_heads {attn.name = "value_cache"}
// CHECK-SAME: %[[WV:[^:]+]]: tensor<16xf32> {attn.name = "v_norm.weight"})
// CHECK: %[[NORMED:.+]] = attn.rms_norm %[[VALUE]] weight(%[[WV]] : tensor<16xf32>) {eps = 1.0e-5} : !h2x16_heads
// CHECK: attn.cache_append %[[VALUE_CACHE]], %[[NORMED]]
// CHECK-LABEL: func.func @normed_values_layer(
// CHECK-SAME: {attn.name = "v_norm.weight"}
// CHECK: attn.rms_norm
attn.grouped @normed_values {
  hidden = 40, heads = 4, kv_heads = 2, head_dim = 16, layers = [9],
  value_norm = #attn.norm<eps = 1.0e-5>, mask = #attn.causal}

// CHECK-LABEL: func.func @weightless_attend(
// CHECK-SAME: %[[VALUE:[^:]+]]: !h2x16_heads {attn.name = "value"}
// CHECK-NOT: v_norm
// CHECK-SAME: {attn.name = "q_norm.weight"}
// CHECK-NOT: v_norm
// CHECK: attn.rms_norm %[[VALUE]] {eps = 1.0e-6} : !h2x16_heads
attn.grouped @weightless {
  hidden = 40, heads = 4, kv_heads = 2, head_dim = 16, layers = [10],
  qk_norm = #attn.norm<eps = 1.0e-6>,
  value_norm = #attn.norm<eps = 1.0e-6, weighted = false>, mask = #attn.causal}

// A mask that calls bring comes after all else that attention looks at.

// CHECK-LABEL: func.func @masked_attend(
// CHECK-SAME: {attn.name = "sinks"}, %[[MASK:[^:]+]]: !h4_scores_f16 {attn.name = "mask"}
// CHECK: %[[SCALED:.+]] = attn.scale
// CHECK-NEXT: %[[ADDED:.+]] = attn.add %[[SCALED]], %[[MASK]]
// CHECK-NEXT: attn.mask %[[ADDED]]
attn.grouped @masked {
  hidden = 40, heads = 4, kv_heads = 2, head_dim = 16, layers = [11], sinks,
  mask = #attn.causal, mask_operand = f16}

// CHECK-LABEL: func.func @shown_attend(
// CHECK-SAME: %[[MASK:[^:]+]]: tensor<?x4x?x?xi1> {attn.name = "mask"}
// CHECK: %[[HIDDEN:.+]] = attn.not %[[MASK]]
// CHECK-NEXT: %[[FILLED:.+]] = attn.masked_fill %{{.+}}, %[[HIDDEN]] {value = 0xFFF0000000000000 : f64}
// CHECK-NEXT: attn.mask %[[FILLED]]
attn.grouped @shown {
  hidden = 40, heads = 4, kv_heads = 2, head_dim = 16, layers = [12],
  mask = #attn.causal, mask_operand = i1}

// The caches of a latent layer hold the latent after its norm and the one
// rotated key; keys and values of all heads are made of what they hold. There is
// a function for calls of few queries, which will be absorbed, and one for others.

// CHECK-LABEL: func.func @latent_attend_decode(
// CHECK-SAME: %[[QUERY:[^:]+]]: !h3x12_heads {attn.name = "query"}
// CHECK-SAME: %[[BOTH:[^:]+]]: !h20_rows {attn.name = "latent_and_rope_key"}
// CHECK-SAME: {attn.name = "position_ids"}
// CHECK-SAME: %[[LATENT_CACHE:[^:]+]]: !h16_rows {attn.name = "latent_cache"}
// CHECK-SAME: %[[ROPE_CACHE:[^:]+]]: !h4_rows {attn.name = "rope_key_cache"}
// CHECK-SAME: {attn.name = "kv_lengths"}
// CHECK-SAME: %[[WN:[^:]+]]: tensor<16xf32> {attn.name = "kv_a_layernorm.weight"}
// CHECK-SAME: %[[WB:[^:]+]]: tensor<42x16xf32> {attn.name = "kv_b_proj.weight"})
// CHECK-SAME: -> (!h16_rows {attn.updates = "latent_cache"}, !h4_rows {attn.updates = "rope_key_cache"}, !h3x6_heads {attn.name = "output"})
// CHECK-SAME: attn.kernel = "latent_attend"
// CHECK-SAME: attn.max_queries = 12 : i64
// CHECK: %[[PART:.+]] = attn.slice %[[BOTH]] {dim = 2, offset = 0}
// CHECK: %[[NORMED:.+]] = attn.rms_norm %[[PART]] weight(%[[WN]] : tensor<16xf32>) {eps = 1.0e-6}
// CHECK: attn.slice %[[BOTH]] {dim = 2, offset = 16}
// CHECK: %[[ROPE:.+]] = attn.flatten %{{.+}} {dim = 2} : !h1x4_heads -> !h4_rows
// CHECK: %[[LATENTS:.+]] = attn.cache_append %[[LATENT_CACHE]], %[[NORMED]]
// CHECK: %[[ROPES:.+]] = attn.cache_append %[[ROPE_CACHE]], %[[ROPE]]
// CHECK: attn.linear %[[LATENTS]], %[[WB]]
// CHECK: attn.expand %[[ROPES]] {dim = 2}
// CHECK: attn.slice %[[QUERY]] {dim = 3, offset = 8}

// CHECK-LABEL: func.func @latent_attend_prefill(
// CHECK-SAME: attn.kernel = "latent_attend"
// CHECK-NOT: attn.max_queries

// Its steps: expand-layers-steps.mlir.
// CHECK-LABEL: func.func @latent_absorb_query_attend(

// CHECK-LABEL: func.func @latent_layer_decode(
// CHECK-SAME: tensor<20x40xf32> {attn.name = "q_a_proj.weight"}
// CHECK-SAME: %[[BA:[^:]+]]: tensor<20xf32> {attn.name = "q_a_proj.bias"}
// CHECK-SAME: tensor<20xf32> {attn.name = "q_a_layernorm.weight"}
// CHECK-SAME: tensor<36x20xf32> {attn.name = "q_b_proj.weight"}
// CHECK-NOT: q_b_proj.bias
// CHECK-SAME: tensor<20x40xf32> {attn.name = "kv_a_proj_with_mqa.weight"}
// CHECK-SAME: {attn.name = "kv_a_proj_with_mqa.bias"}
// CHECK-SAME: {attn.name = "kv_a_layernorm.weight"}
// CHECK-SAME: {attn.name = "kv_b_proj.weight"}
// CHECK-NOT: kv_b_proj.bias
// CHECK-SAME: tensor<40x18xf32> {attn.name = "o_proj.weight"}
// CHECK-SAME: {attn.name = "o_proj.bias"}
// CHECK: attn.linear %{{.+}}, %{{.+}} bias(%[[BA]]
// CHECK: attn.rms_norm %{{.+}} {eps = 1.0e-6} : !h20_rows
attn.latent @latent {
  hidden = 40, heads = 3, query_rank = 20, kv_rank = 16, nope_dim = 8,
  rope_dim = 4, value_dim = 6, layers = [7], projection_bias,
  position = #attn.rope<theta = 1.0e4, pairing = interleaved>,
  mask = #attn.causal}

// CHECK-LABEL: func.func @direct_layer_decode(
// CHECK-NOT: q_a_proj
// CHECK-SAME: tensor<36x40xf32> {attn.name = "q_proj.weight"}
// CHECK-NOT: q_proj.bias
// CHECK: attn.rms_norm %{{.+}} {eps = 1.0e-5} : !h16_rows
attn.latent @direct {
  hidden = 40, heads = 3, kv_rank = 16, nope_dim = 8, rope_dim = 4,
  value_dim = 6, layers = [8], projection_bias, norm_eps = 1.0e-5,
  mask = #attn.causal}
