// RUN: attn-opt %s --split-input-file --verify-diagnostics

// One test for each constraint of the declared operations and their attributes.

// expected-error @below {{'attn.grouped' op heads is 0, expected at least 1}}
attn.grouped @grouped_c1 {
  hidden = 64, heads = 0, kv_heads = 1, head_dim = 16, layers = array<i64: 0>,
  mask = #attn.causal}

// -----

// expected-error @below {{'attn.grouped' op value_dim is -8, expected at least 1}}
attn.grouped @grouped_c1_value_dim {
  hidden = 64, heads = 4, kv_heads = 1, head_dim = 16, value_dim = -8,
  layers = array<i64: 0>, mask = #attn.causal}

// -----

// expected-error @below {{'attn.grouped' op kv_heads 3 does not divide heads 4}}
attn.grouped @grouped_c2 {
  hidden = 64, heads = 4, kv_heads = 3, head_dim = 16, layers = array<i64: 0>,
  mask = #attn.causal}

// -----

// expected-error @below {{'attn.grouped' op head_dim is 577, expected at most 576}}
attn.grouped @grouped_c3 {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 577, layers = array<i64: 0>,
  mask = #attn.causal}

// -----

// expected-error @below {{'attn.grouped' op heads is 4611686018427387904, expected at most 65536}}
attn.grouped @grouped_c1_most {
  hidden = 64, heads = 4611686018427387904, kv_heads = 4, head_dim = 16,
  layers = array<i64: 0>, mask = #attn.causal}

// -----

// expected-error @below {{'attn.grouped' op scale is 1.000000e+300, expected a finite number in f32}}
attn.grouped @grouped_c4_single {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, scale = 1.0e300,
  layers = array<i64: 0>, mask = #attn.causal}

// -----

// expected-error @below {{'attn.grouped' op softcap is -1.000000e+00, expected a positive finite number in f32}}
attn.grouped @grouped_c4 {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, softcap = -1.0,
  layers = array<i64: 0>, mask = #attn.causal}

// -----

// expected-error @below {{'attn.grouped' op scale is}}
attn.grouped @grouped_c4_scale {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
  scale = 0x7FF0000000000000 : f64, layers = array<i64: 0>,
  mask = #attn.causal}

// -----

attn.grouped @layers_c1 {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
  // expected-error @below {{layer 1 follows 2, expected layers ascending from 0}}
  layers = array<i64: 2, 1>, mask = #attn.causal}

// -----

attn.grouped @layers_c1_empty {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
  // expected-error @below {{layers are empty, expected at least one}}
  layers = [], mask = #attn.causal}

// -----

attn.grouped @layers_c1_range {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
  // expected-error @below {{layer 3 follows 3, expected layers ascending from 0}}
  layers = [0 to 3, 3 to 5], mask = #attn.causal}

// -----

attn.grouped @layers_c1_most {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
  // expected-error @below {{layer is 65536, expected at most 65535}}
  layers = array<i64: 65536>, mask = #attn.causal}

// -----

attn.grouped @layers_c1_huge {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
  // expected-error @below {{layer is 9000000000000000000, expected at most 65535}}
  layers = [0 to 9000000000000000000], mask = #attn.causal}

// -----

attn.grouped @layers_descend {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
  // expected-error @below {{layer 1 follows 3, expected layers ascending from 0}}
  layers = [3 to 1], mask = #attn.causal}

// -----

attn.grouped @field_twice {
  // expected-error @below {{'heads' is given twice}}
  hidden = 64, heads = 4, heads = 8, kv_heads = 4, head_dim = 16,
  layers = [0], mask = #attn.causal}

// -----

// expected-error @below {{layer -1 follows -1, expected layers ascending from 0}}
attn.refused @layers_c1_negative "for no reason" {layers = array<i64: -1>}

// -----

// expected-error @below {{'attn.grouped' op rotates 32 dims of heads of size 16}}
attn.grouped @grouped_c5 {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = array<i64: 0>,
  position = #attn.rope<theta = 1.0e4, dims = 32>, mask = #attn.causal}

// -----

// expected-error @below {{'attn.grouped' op longrope has 2 factors for 8 pairs}}
attn.grouped @grouped_c5_scaling {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = array<i64: 0>,
  position = #attn.rope<theta = 1.0e4,
      scaling = #attn.longrope<short = [1.0, 1.0], long = [1.0, 1.0],
                               original = 64, max = 128>>,
  mask = #attn.causal}

// -----

// A number of the wrong type is an error, and never ignored.
// expected-error @below {{attribute 'scale' failed to satisfy constraint: 64-bit float attribute}}
attn.grouped @integer_scale {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, scale = 1,
  layers = array<i64: 0>, mask = #attn.causal}

// -----

// expected-error @below {{'attn.grouped' op requires attribute 'mask'}}
attn.grouped @no_mask {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = array<i64: 0>}

// -----

// expected-error @below {{'attn.latent' op kv_rank is 0, expected at least 1}}
attn.latent @latent_c1 {
  hidden = 64, heads = 4, kv_rank = 0, nope_dim = 8, rope_dim = 4, value_dim =
  6, layers = array<i64: 0>, mask = #attn.causal}

// -----

// expected-error @below {{'attn.latent' op query_rank is -1, expected at least 1}}
attn.latent @latent_c1_query_rank {
  hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8, rope_dim = 4, value_dim
  = 6, query_rank = -1, layers = array<i64: 0>, mask = #attn.causal}

// -----

// expected-error @below {{'attn.latent' op heads is 65537, expected at most 65536}}
attn.latent @latent_c1_most {
  hidden = 64, heads = 65537, kv_rank = 16, nope_dim = 8, rope_dim = 4,
  value_dim = 6, layers = array<i64: 0>, mask = #attn.causal}

// -----

// expected-error @below {{'attn.latent' op rope_dim 5 is odd, and a rotation takes pairs}}
attn.latent @latent_c2 {
  hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8, rope_dim = 5, value_dim
  = 6, layers = array<i64: 0>, mask = #attn.causal}

// -----

// expected-error @below {{'attn.latent' op kv_rank + rope_dim is 580, expected at most 576}}
attn.latent @latent_c3 {
  hidden = 64, heads = 4, kv_rank = 576, nope_dim = 8, rope_dim = 4, value_dim
  = 6, layers = array<i64: 0>, mask = #attn.causal}

// -----

// expected-error @below {{'attn.latent' op nope_dim + rope_dim is 578, expected at most 576}}
attn.latent @latent_c3_expanded {
  hidden = 64, heads = 4, kv_rank = 16, nope_dim = 574, rope_dim = 4,
  value_dim = 6, layers = array<i64: 0>, mask = #attn.causal}

// -----

// expected-error @below {{'attn.latent' op value_dim is 577, expected at most 576}}
attn.latent @latent_c3_value_dim {
  hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8, rope_dim = 4, value_dim
  = 577, layers = array<i64: 0>, mask = #attn.causal}

// -----

// expected-error @below {{'attn.latent' op scale is 1.000000e+300, expected a finite number in f32}}
attn.latent @latent_c4 {
  hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8, rope_dim = 4, value_dim
  = 6, scale = 1.0e300, layers = array<i64: 0>, mask = #attn.causal}

// -----

// expected-error @below {{'attn.latent' op rotates 8 dims of heads of size 4}}
attn.latent @latent_c5 {
  hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8, rope_dim = 4, value_dim
  = 6, layers = array<i64: 0>, mask = #attn.causal,
  position = #attn.rope<theta = 1.0e4, dims = 8>}

// -----

// expected-error @below {{'attn.latent' op norm_eps is -1.000000e-06, expected a finite number of at least 0}}
attn.latent @latent_c6 {
  hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8, rope_dim = 4, value_dim
  = 6, norm_eps = -1.0e-6, layers = array<i64: 0>, mask = #attn.causal}

// -----

// expected-error @below {{'attn.latent' op norm_eps is INF, expected a finite number of at least 0}}
attn.latent @latent_c6_infinite {
  hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8, rope_dim = 4, value_dim
  = 6, norm_eps = 0x7FF0000000000000 : f64, layers = array<i64: 0>, mask = #attn.causal}

// -----

attn.grouped @norm_c1 {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  // expected-error @below {{norm eps is -1.000000e+00, expected a finite number of at least 0}}
  qk_norm = #attn.norm<eps = -1.0>, mask = #attn.causal}

// -----

attn.grouped @norm_c1_infinite {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  // expected-error @below {{norm eps is INF, expected a finite number of at least 0}}
  qk_norm = #attn.norm<eps = 0x7FF0000000000000>, mask = #attn.causal}

// -----

attn.grouped @norm_c1_kind {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  // expected-error @below {{norm offset belongs to an rms norm, found one of layer}}
  qk_norm = #attn.norm<kind = layer, eps = 1.0e-6, offset = 1.0>,
  mask = #attn.causal}

// -----

attn.grouped @norm_c1_offset {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  // expected-error @below {{norm offset is INF, expected a finite number}}
  qk_norm = #attn.norm<eps = 1.0e-6, offset = 0x7FF0000000000000>,
  mask = #attn.causal}

// -----

attn.grouped @norm_c2 {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  // expected-error @below {{norm offset is 1.000000e+00, but the norm has no weight}}
  value_norm = #attn.norm<eps = 1.0e-6, offset = 1.0, weighted = false>,
  mask = #attn.causal}

// -----

// expected-error @below {{'attn.grouped' op mask_operand is 'i32', expected i1, f32, f16 or bf16}}
attn.grouped @grouped_c7 {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  mask = #attn.causal, mask_operand = i32}

// -----

attn.grouped @projections_c1 {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  // expected-error @below {{packing is grouped, but no weight is packed}}
  projections = #attn.projections<packing = grouped>, mask = #attn.causal}

// -----

attn.grouped @projections_c1_packed {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  // expected-error @below {{projection 'packed' has an empty name}}
  projections = #attn.projections<packed = "">, mask = #attn.causal}

// -----

attn.grouped @projections_c1_output {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  // expected-error @below {{projection 'output' has an empty name}}
  projections = #attn.projections<output = "">, mask = #attn.causal}

// -----

// expected-error @below {{'attn.grouped' op gate has the projection "o_proj", as another of the layer is called}}
attn.grouped @grouped_c6 {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  gate = #attn.gate<projection = "o_proj">, mask = #attn.causal}

// -----

// expected-error @below {{'attn.grouped' op gate has the projection "qkv", as another of the layer is called}}
attn.grouped @grouped_c6_packed {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  projections = #attn.projections<packed = "qkv">,
  gate = #attn.gate<projection = "qkv">, mask = #attn.causal}

// -----

attn.grouped @gate_c1 {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  // expected-error @below {{gate projection has an empty name}}
  gate = #attn.gate<projection = "">, mask = #attn.causal}

// -----

attn.grouped @gate_c1_bias {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  // expected-error @below {{gate has a bias, but no projection of its own}}
  gate = #attn.gate<bias = true>, mask = #attn.causal}

// -----

attn.grouped @alibi_c1 {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  // expected-error @below {{alibi max_bias is -8.000000e+00, expected a positive finite number}}
  position_bias = #attn.alibi<max_bias = -8.0>, mask = #attn.causal}

// -----

// expected-error @below {{attribute 'position_bias' failed to satisfy constraint}}
attn.grouped @no_bias {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  position_bias = #attn.causal, mask = #attn.causal}

// -----

attn.grouped @storage_c1 {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = array<i64: 0>,
  // expected-error @below {{key is 'f64', expected f32, f16 or bf16}}
  storage = #attn.storage<activation = f32, key = f64, value = f16>,
  mask = #attn.causal}

// -----

// expected-error @below {{'attn.latent' op mask_operand is 'f64', expected i1, f32, f16 or bf16}}
attn.latent @latent_c8 {
  hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8, rope_dim = 4,
  value_dim = 8, layers = [0], mask = #attn.causal, mask_operand = f64}

// -----

// expected-error @below {{'attn.latent' op keeps keys as 'f16' and values as 'bf16', expected one type: the latent is both}}
attn.latent @latent_c7 {
  hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8, rope_dim = 4,
  value_dim = 8, layers = array<i64: 0>, mask = #attn.causal,
  storage = #attn.storage<activation = f32, key = f16, value = bf16>}
