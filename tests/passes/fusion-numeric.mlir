// RUN: attn-opt %s --attn-eliminate-kv-repeat --attn-fuse-masked-softmax \
// RUN:   --attn-form-flash --canonicalize --attn-verify-fused \
// RUN:   --verify-each-numeric | FileCheck %s

// Hand-written graphs, spelt in ways that the importer does not: the rewrites
// look at operations only, and no pass changes what a function computes.

// CHECK-LABEL: func.func @no_scale_no_mask
// CHECK: attn.flash %{{.+}}, %{{.+}}, %{{.+}} {scale = 1.0, mask = #attn.bidirectional}
func.func @no_scale_no_mask(
    %query: tensor<1x3x2x4xf32>, %key: tensor<1x5x2x4xf32>,
    %value: tensor<1x5x2x4xf32>) -> tensor<1x3x2x4xf32> {
  %score = attn.score %query, %key
      : tensor<1x3x2x4xf32>, tensor<1x5x2x4xf32> -> tensor<1x2x3x5xf32>
  %probability, %lse = attn.softmax %score
      : tensor<1x2x3x5xf32> -> tensor<1x2x3x5xf32>, tensor<1x3x2xf32>
  %output = attn.weighted_sum %probability, %value
      : tensor<1x2x3x5xf32>, tensor<1x5x2x4xf32> -> tensor<1x3x2x4xf32>
  return %output : tensor<1x3x2x4xf32>
}

// CHECK-LABEL: func.func @repeated_twice_top_left
// CHECK: attn.flash %{{.+}}, %{{.+}}, %{{.+}} {scale = 0.5, mask = #attn.causal<alignment = top_left>}
func.func @repeated_twice_top_left(
    %query: tensor<2x3x4x4xf32>, %key: tensor<2x5x1x4xf32>,
    %value: tensor<2x5x1x6xf32>)
    -> (tensor<2x3x4x6xf32>, tensor<2x3x4xf32>) {
  %k2 = attn.repeat_kv %key {times = 2}
      : tensor<2x5x1x4xf32> -> tensor<2x5x2x4xf32>
  %k4 = attn.repeat_kv %k2 {times = 2}
      : tensor<2x5x2x4xf32> -> tensor<2x5x4x4xf32>
  %v4 = attn.repeat_kv %value {times = 4}
      : tensor<2x5x1x6xf32> -> tensor<2x5x4x6xf32>
  %score = attn.score %query, %k4
      : tensor<2x3x4x4xf32>, tensor<2x5x4x4xf32> -> tensor<2x4x3x5xf32>
  %scaled = attn.scale %score {by = 0.5} : tensor<2x4x3x5xf32>
  %masked = attn.mask %scaled {mask = #attn.causal<alignment = top_left>}
      : tensor<2x4x3x5xf32>
  %probability, %lse = attn.softmax %masked
      : tensor<2x4x3x5xf32> -> tensor<2x4x3x5xf32>, tensor<2x3x4xf32>
  %output = attn.weighted_sum %probability, %v4
      : tensor<2x4x3x5xf32>, tensor<2x5x4x6xf32> -> tensor<2x3x4x6xf32>
  return %output, %lse : tensor<2x3x4x6xf32>, tensor<2x3x4xf32>
}

// Two layers in one function, the second over the first's output, with keys
// repeated although each query head could read its own.
// CHECK-LABEL: func.func @two_layers_dynamic
// CHECK: %output, %lse = attn.flash %{{.+}}, %{{.+}}, %{{.+}} lengths(
// CHECK-NEXT: score_mod
// CHECK: attn.flash %output, %{{.+}}, %{{.+}} sinks(
// CHECK-NOT: score_mod
func.func @two_layers_dynamic(
    %query: tensor<?x?x4x8xf32>, %key: tensor<?x?x2x8xf32>,
    %value: tensor<?x?x2x8xf32>, %lengths: tensor<?xi32>, %sinks: tensor<4xf32>)
    -> tensor<?x?x4x8xf32> {
  %score = attn.score %query, %key
      : tensor<?x?x4x8xf32>, tensor<?x?x2x8xf32> -> tensor<?x4x?x?xf32>
  %capped = attn.softcap %score {cap = 3.0} : tensor<?x4x?x?xf32>
  %masked = attn.mask %capped lengths(%lengths : tensor<?xi32>)
      {mask = #attn.window<left = 3, right = 2>} : tensor<?x4x?x?xf32>
  %probability, %lse = attn.softmax %masked
      : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>, tensor<?x?x4xf32>
  %first = attn.weighted_sum %probability, %value
      : tensor<?x4x?x?xf32>, tensor<?x?x2x8xf32> -> tensor<?x?x4x8xf32>
  %k = attn.repeat_kv %key {times = 2}
      : tensor<?x?x2x8xf32> -> tensor<?x?x4x8xf32>
  %v = attn.repeat_kv %value {times = 2}
      : tensor<?x?x2x8xf32> -> tensor<?x?x4x8xf32>
  %score2 = attn.score %first, %k
      : tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32> -> tensor<?x4x?x?xf32>
  %masked2 = attn.mask %score2 {mask = #attn.causal} : tensor<?x4x?x?xf32>
  %probability2, %lse2 = attn.softmax %masked2 sinks(%sinks : tensor<4xf32>)
      : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>, tensor<?x?x4xf32>
  %second = attn.weighted_sum %probability2, %v
      : tensor<?x4x?x?xf32>, tensor<?x?x4x8xf32> -> tensor<?x?x4x8xf32>
  return %second : tensor<?x?x4x8xf32>
}
