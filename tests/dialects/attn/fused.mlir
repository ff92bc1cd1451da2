// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s

// One op, one meaning, with every optional part and without.

// CHECK-LABEL: func.func @masked_softmax
func.func @masked_softmax(%score: tensor<?x4x?x?xf32>, %lengths: tensor<?xi32>,
                          %sinks: tensor<4xf32>) -> tensor<?x4x?x?xf32> {
  // CHECK: %probability, %lse = attn.masked_softmax %{{.+}} lengths(%{{.+}} : tensor<?xi32>) sinks(%{{.+}} : tensor<4xf32>)
  // CHECK-SAME: {scale = 0.25, softcap = 50.0, mask = #attn.causal} : !h4_scores -> !h4_scores, !h4_rows
  %p, %l = attn.masked_softmax %score lengths(%lengths : tensor<?xi32>)
      sinks(%sinks : tensor<4xf32>)
      {scale = 0.25, softcap = 50.0, mask = #attn.causal}
      : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>, tensor<?x?x4xf32>
  // CHECK: %probability_0, %lse_1 = attn.masked_softmax %probability {scale = 1.0, mask = #attn.bidirectional}
  %p1, %l1 = attn.masked_softmax %p {scale = 1.0, mask = #attn.bidirectional}
      : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>, tensor<?x?x4xf32>
  return %p1 : tensor<?x4x?x?xf32>
}

// CHECK-LABEL: func.func @flash
func.func @flash(%query: tensor<?x?x4x16xf32>, %key: tensor<?x?x2x16xf32>,
                 %value: tensor<?x?x2x8xf32>, %lengths: tensor<?xi32>,
                 %sinks: tensor<4xf32>, %table: tensor<6x4xf32>)
    -> (tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32>) {
  // CHECK: %output, %lse = attn.flash %{{.+}}, %{{.+}}, %{{.+}} {scale = 0.25, mask = #attn.causal}
  // CHECK-SAME: : !h4x16_heads, !h2x16_heads, !h2x8_heads -> !h4x8_heads, !h4_rows{{$}}
  %o, %l = attn.flash %query, %key, %value {scale = 0.25, mask = #attn.causal}
      : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x8xf32>
      -> tensor<?x?x4x8xf32>, tensor<?x?x4xf32>
  // CHECK: attn.flash {{.+}} lengths(%{{.+}} : tensor<?xi32>) sinks(%{{.+}} : tensor<4xf32>)
  // CHECK-NEXT: score_mod (%score: f32, %row: index, %column: index, %head: index) {
  // CHECK-NEXT: attn.yield %score : f32
  %o1, %l1 = attn.flash %query, %key, %value lengths(%lengths : tensor<?xi32>)
      sinks(%sinks : tensor<4xf32>) {scale = 0.25, mask = #attn.causal}
      : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x8xf32>
      -> tensor<?x?x4x8xf32>, tensor<?x?x4xf32>
      score_mod (%s: f32, %i: index, %j: index, %h: index) {
    attn.yield %s : f32
  }
  // CHECK: attn.flash {{.+}} table(%{{.+}} : tensor<6x4xf32>)
  // CHECK-NEXT: score_mod (%score: f32, %row: index, %column: index, %head: index, %position: index) {
  // CHECK-NEXT: attn.lookup[%column, %position]
  %o2, %l2 = attn.flash %query, %key, %value table(%table : tensor<6x4xf32>)
      {scale = 0.25, mask = #attn.causal}
      : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x8xf32>
      -> tensor<?x?x4x8xf32>, tensor<?x?x4xf32>
      score_mod (%s: f32, %i: index, %j: index, %h: index, %p: index) {
    %bias = attn.lookup[%j, %p]
    attn.yield %bias : f32
  }
  return %o1, %o2 : tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32>
}

// Every tensor is stored in its own type; the lse is f32.

// CHECK-LABEL: func.func @flash_stored
func.func @flash_stored(%query: tensor<?x?x4x16xf32>, %key: tensor<?x?x2x16xf16>,
                        %value: tensor<?x?x2x16xbf16>) -> tensor<?x?x4x16xf16> {
  // CHECK: attn.flash
  // CHECK-SAME: : !h4x16_heads, !h2x16_heads_f16, !h2x16_heads_bf16 -> !h4x16_heads_f16, !h4_rows{{$}}
  %o, %l = attn.flash %query, %key, %value {scale = 0.25, mask = #attn.causal}
      : tensor<?x?x4x16xf32>, tensor<?x?x2x16xf16>, tensor<?x?x2x16xbf16>
      -> tensor<?x?x4x16xf16>, tensor<?x?x4xf32>
  return %o : tensor<?x?x4x16xf16>
}
