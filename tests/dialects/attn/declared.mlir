// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s

// Declarations print their attributes in the order of a model card, and read
// them in any; layers read as lists of ranges or as an array.

// CHECK: attn.grouped @llama_3_8b {hidden = 4096, heads = 32, kv_heads = 8, head_dim = 128,
// CHECK-NEXT: layers = [0, 1], position = #attn.rope<theta = 5.0e5>, mask = #attn.causal}
attn.grouped @llama_3_8b {
  mask = #attn.causal, position = #attn.rope<theta = 5.0e5>, heads = 32,
  hidden = 4096, kv_heads = 8, head_dim = 128, layers = array<i64: 0, 1>}

// CHECK: attn.grouped @optional {hidden = 64, heads = 4, kv_heads = 1, head_dim = 16,
// CHECK-NEXT: value_dim = 8, layers = [3], scale = 0.0625, softcap = 50.0,
// CHECK-NEXT: mask = #attn.window<left = 4096, right = 1>, sinks}
attn.grouped @optional {
  hidden = 64, heads = 4, kv_heads = 1, head_dim = 16, value_dim = 8,
  layers = array<i64: 3>, scale = 0.0625, softcap = 50.0, sinks,
  mask = #attn.window<left = 4096, right = 1>}

// CHECK: mask = #attn.causal<alignment = top_left>
attn.grouped @top_left {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = array<i64: 0>,
  mask = #attn.causal<alignment = top_left>}

// CHECK: position = #attn.rope<theta = 10000.0, pairing = interleaved,
// CHECK-NEXT: {{^          }}scaling = #attn.yarn<factor = 32.0, original = 4096>>,
attn.grouped @yarn {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = array<i64: 0>,
  position = #attn.rope<theta = 1.0e4, pairing = interleaved,
                        scaling = #attn.yarn<factor = 32.0, original = 4096>>,
  mask = #attn.bidirectional}

// CHECK: attn.refused @refused "alibi positions are not supported" {layers = [0, 1]}
attn.refused @refused "alibi positions are not supported" {
  layers = array<i64: 0, 1>}

// CHECK: layers = [0 to 31], mask
attn.grouped @range {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0 to 31],
  mask = #attn.causal}

// CHECK: layers = [0, 2, 4 to 9, 11, 12, 65535], mask
attn.grouped @ranges {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
  layers = [0, 2, 4 to 4, 5 to 6, 7, 8 to 9, 11 to 12, 65535],
  mask = #attn.causal}

// CHECK: layers = [0 to 2], mask
attn.grouped @array {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
  layers = array<i64: 0, 1, 2>, mask = #attn.causal}

// CHECK: attributes {attn.layers = #attn.layers<0 to 2, 4>, attn.scope = #attn.scope<core>}
func.func private @core() attributes {
  attn.layers = #attn.layers<0 to 2, 4>, attn.scope = #attn.scope<core>}

// CHECK: attn.latent @latent {hidden = 64, heads = 4, query_rank = 24, kv_rank = 16,
// CHECK-NEXT: nope_dim = 8, rope_dim = 4, value_dim = 6, layers = [0],
// CHECK-NEXT: position = #attn.rope<theta = 10000.0, pairing = interleaved>, scale = 0.5,
// CHECK-NEXT: mask = #attn.causal}
attn.latent @latent {
  mask = #attn.causal, scale = 0.5, layers = [0], value_dim = 6,
  rope_dim = 4, nope_dim = 8, kv_rank = 16, query_rank = 24, heads = 4,
  position = #attn.rope<theta = 1.0e4, pairing = interleaved>, hidden = 64}

// CHECK: attn.latent @uncompressed_queries {hidden = 64, heads = 4, kv_rank = 16,
// CHECK-NEXT: nope_dim = 8, rope_dim = 4, value_dim = 6, layers = [0], mask = #attn.causal}
attn.latent @uncompressed_queries {
  hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8, rope_dim = 4,
  value_dim = 6, layers = [0], mask = #attn.causal}

// CHECK: attn.latent @masked_latent {hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8,
// CHECK-NEXT: rope_dim = 4, value_dim = 6, layers = [0], mask = #attn.causal,
// CHECK-NEXT: mask_operand = i1}
attn.latent @masked_latent {
  hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8, rope_dim = 4,
  value_dim = 6, layers = [0], mask_operand = i1, mask = #attn.causal}

// What stands around attention: how a checkpoint spells the projections, and
// norms of queries and keys.

// CHECK: attn.grouped @module {hidden = 64, heads = 4, kv_heads = 2, head_dim = 16,
// CHECK-NEXT: layers = [0],
// CHECK-NEXT: projections = #attn.projections<packed = "qkv", packing = grouped, output = "dense", input_major = true>,
// CHECK-NEXT: qkv_bias, output_bias, qk_norm = #attn.norm<eps = 1.0e-6, offset = 1.0>,
attn.grouped @module {
  hidden = 64, heads = 4, kv_heads = 2, head_dim = 16, layers = [0],
  output_bias, qkv_bias, qk_norm = #attn.norm<offset = 1.0, eps = 1.0e-6>,
  projections = #attn.projections<output = "dense", packing = grouped,
                                  input_major = true, packed = "qkv">,
  mask = #attn.causal}

// CHECK: qk_norm = #attn.norm<kind = layer, eps = 0.0, span = all>
attn.grouped @norm_c1 {
  hidden = 64, heads = 4, kv_heads = 2, head_dim = 16, layers = [0],
  qk_norm = #attn.norm<kind = layer, eps = 0.0, span = all>,
  mask = #attn.causal}

// CHECK: value_norm = #attn.norm<eps = 1.0e-6, weighted = false>, mask = #attn.causal,
// CHECK-NEXT: mask_operand = f16}
attn.grouped @value_norm_and_mask {
  hidden = 64, heads = 4, kv_heads = 2, head_dim = 16, layers = [0],
  mask_operand = f16, mask = #attn.causal,
  value_norm = #attn.norm<weighted = false, eps = 1.0e-6>}

// CHECK: projections = #attn.projections<output = "out">
attn.grouped @projections_c1 {
  hidden = 64, heads = 4, kv_heads = 2, head_dim = 16, layers = [0],
  projections = #attn.projections<packing = stacked, output = "out">,
  mask = #attn.causal}

// Biases of scores stand before the mask, gates behind all that is done to them.

// CHECK: attn.grouped @falcon {hidden = 64, heads = 4, kv_heads = 2, head_dim = 16,
// CHECK-NEXT: layers = [0],
// CHECK-NEXT: position_bias = #attn.alibi<distance = key, factor = 0.25, rounding = bf16>,
// CHECK-NEXT: mask = #attn.causal, gate = #attn.gate}
attn.grouped @falcon {
  hidden = 64, heads = 4, kv_heads = 2, head_dim = 16, layers = [0],
  gate = #attn.gate<function = sigmoid, span = element>, mask = #attn.causal,
  position_bias = #attn.alibi<distance = key, rounding = bf16, factor = 0.25>}

// CHECK: position_bias = #attn.buckets<count = 32, max_distance = 128>,
// CHECK-NEXT: mask = #attn.causal, sinks,
// CHECK-NEXT: gate = #attn.gate<function = tanh, span = head, projection = "g_proj", bias = true>}
attn.grouped @buckets {
  hidden = 64, heads = 4, kv_heads = 2, head_dim = 16, layers = [0],
  position_bias = #attn.buckets<count = 32, max_distance = 128>,
  gate = #attn.gate<projection = "g_proj", bias = true, span = head, function = tanh>,
  mask = #attn.causal, sinks}

// CHECK: attn.latent @latent_c6
// CHECK-NEXT: layers = [0], projection_bias, norm_eps = 0.0,
attn.latent @latent_c6 {
  hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8, rope_dim = 4,
  value_dim = 6, layers = [0], norm_eps = 0.0, projection_bias,
  mask = #attn.causal}

// CHECK: func.func private @attn_updates(tensor<?xf32> {attn.name = "state"}, tensor<?xf32> {attn.name = "x"})
// CHECK-SAME: -> (tensor<?xf32> {attn.updates = "x"}, tensor<?xf32> {attn.updates = "state"})
func.func private @attn_updates(tensor<?xf32> {attn.name = "state"},
                                tensor<?xf32> {attn.name = "x"})
    -> (tensor<?xf32> {attn.updates = "x"},
        tensor<?xf32> {attn.updates = "state"})

// CHECK: attn.grouped @stored {hidden
// CHECK-NEXT: layers = [0], mask = #attn.causal,
// CHECK-NEXT: storage = #attn.storage<activation = f32, key = f16, value = bf16>}
attn.grouped @stored {
  hidden = 64, heads = 4, kv_heads = 4, head_dim = 16, layers = [0],
  storage = #attn.storage<activation = f32, key = f16, value = bf16>,
  mask = #attn.causal}
