// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s

// The textbook, op by op: values have the names of papers, types an alias.

// CHECK-DAG: !h4x16_heads = tensor<?x?x4x16xf32>
// CHECK-DAG: !h4_scores = tensor<?x4x?x?xf32>
// CHECK-DAG: !h4_rows = tensor<?x?x4xf32>

// CHECK-LABEL: func.func @dynamic
func.func @dynamic(
    %query: tensor<?x?x4x16xf32> {attn.name = "query"},
    %key: tensor<?x?x2x16xf32> {attn.name = "key"},
    %value: tensor<?x?x2x16xf32> {attn.name = "value"},
    %lengths: tensor<?xi32> {attn.name = "kv_lengths"},
    %sinks: tensor<4xf32> {attn.name = "sinks"})
    -> (tensor<?x?x4x16xf32> {attn.name = "output"},
        tensor<?x?x4xf32> {attn.name = "lse"})
    attributes {attn.layers = #attn.layers<0>} {
  // CHECK: %keys = attn.repeat_kv %{{.+}} {times = 2} : !h2x16_heads -> !h4x16_heads
  %k = attn.repeat_kv %key {times = 2}
      : tensor<?x?x2x16xf32> -> tensor<?x?x4x16xf32>
  // CHECK: %values = attn.repeat_kv
  %v = attn.repeat_kv %value {times = 2}
      : tensor<?x?x2x16xf32> -> tensor<?x?x4x16xf32>
  // CHECK: %score = attn.score %{{.+}}, %keys : !h4x16_heads, !h4x16_heads -> !h4_scores
  %s = attn.score %query, %k
      : tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32> -> tensor<?x4x?x?xf32>
  // CHECK: %scaled = attn.scale %score {by = 0.25} : !h4_scores
  %t = attn.scale %s {by = 2.5e-1} : tensor<?x4x?x?xf32>
  // CHECK: %capped = attn.softcap %scaled {cap = 50.0} : !h4_scores
  %c = attn.softcap %t {cap = 50.0} : tensor<?x4x?x?xf32>
  // CHECK: %masked = attn.mask %capped lengths(%{{.+}} : tensor<?xi32>) {mask = #attn.causal} : !h4_scores
  %m = attn.mask %c lengths(%lengths : tensor<?xi32>) {mask = #attn.causal}
      : tensor<?x4x?x?xf32>
  // CHECK: %probability, %lse = attn.softmax %masked sinks(%{{.+}} : tensor<4xf32>) : !h4_scores -> !h4_scores, !h4_rows
  %p, %lse = attn.softmax %m sinks(%sinks : tensor<4xf32>)
      : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>, tensor<?x?x4xf32>
  // CHECK: %output = attn.weighted_sum %probability, %values : !h4_scores, !h4x16_heads -> !h4x16_heads
  %o = attn.weighted_sum %p, %v
      : tensor<?x4x?x?xf32>, tensor<?x?x4x16xf32> -> tensor<?x?x4x16xf32>
  return %o, %lse : tensor<?x?x4x16xf32>, tensor<?x?x4xf32>
}

// Static sizes have no alias: the type says all.
// CHECK-LABEL: func.func @static
func.func @static(%query: tensor<2x3x4x16xf32>, %key: tensor<2x5x4x16xf32>)
    -> tensor<2x4x3x5xf32> {
  // CHECK: attn.score %{{.+}}, %{{.+}} : tensor<2x3x4x16xf32>, tensor<2x5x4x16xf32> -> tensor<2x4x3x5xf32>
  %s = attn.score %query, %key
      : tensor<2x3x4x16xf32>, tensor<2x5x4x16xf32> -> tensor<2x4x3x5xf32>
  return %s : tensor<2x4x3x5xf32>
}

// Tensors of callers are stored in 16 bits too, each in its own; scores and
// weights are f32.

// CHECK-LABEL: func.func @stored
func.func @stored(%query: tensor<?x?x4x16xbf16>, %key: tensor<?x?x2x16xf16>,
                  %value: tensor<?x?x2x16xf16>, %sinks: tensor<4xbf16>)
    -> tensor<?x?x4x16xbf16> {
  // CHECK: attn.repeat_kv %{{.+}} {times = 2} : !h2x16_heads_f16 -> !h4x16_heads_f16
  %k = attn.repeat_kv %key {times = 2}
      : tensor<?x?x2x16xf16> -> tensor<?x?x4x16xf16>
  // CHECK: attn.score %{{.+}}, %{{.+}} : !h4x16_heads_bf16, !h4x16_heads_f16 -> !h4_scores
  %s = attn.score %query, %k
      : tensor<?x?x4x16xbf16>, tensor<?x?x4x16xf16> -> tensor<?x4x?x?xf32>
  %p, %lse = attn.softmax %s sinks(%sinks : tensor<4xbf16>)
      : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>, tensor<?x?x4xf32>
  // CHECK: attn.weighted_sum %{{.+}}, %{{.+}} : !h4_scores, !h2x16_heads_f16 -> !h4x16_heads_bf16
  %o = attn.weighted_sum %p, %value
      : tensor<?x4x?x?xf32>, tensor<?x?x2x16xf16> -> tensor<?x?x4x16xbf16>
  return %o : tensor<?x?x4x16xbf16>
}
