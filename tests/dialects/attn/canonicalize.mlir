// RUN: attn-opt %s --canonicalize | FileCheck %s

// Steps that change nothing fold away; what might round stays.

// CHECK-LABEL: func.func @neutral
// CHECK-SAME: %[[KEY:.+]]: !h2x16_heads, %[[SCORE:.+]]: !h2_scores
// CHECK-NEXT: return %[[KEY]], %[[SCORE]]
func.func @neutral(%key: tensor<?x?x2x16xf32>, %score: tensor<?x2x?x?xf32>)
    -> (tensor<?x?x2x16xf32>, tensor<?x2x?x?xf32>) {
  %once = attn.repeat_kv %key {times = 1}
      : tensor<?x?x2x16xf32> -> tensor<?x?x2x16xf32>
  %same = attn.scale %score {by = 1.0} : tensor<?x2x?x?xf32>
  return %once, %same : tensor<?x?x2x16xf32>, tensor<?x2x?x?xf32>
}

// CHECK-LABEL: func.func @type_would_change
func.func @type_would_change(%key: tensor<?x?x?x16xf32>)
    -> tensor<?x?x2x16xf32> {
  // CHECK: attn.repeat_kv
  %once = attn.repeat_kv %key {times = 1}
      : tensor<?x?x?x16xf32> -> tensor<?x?x2x16xf32>
  return %once : tensor<?x?x2x16xf32>
}

// CHECK-LABEL: func.func @scaled_twice
func.func @scaled_twice(%score: tensor<?x2x?x?xf32>) -> tensor<?x2x?x?xf32> {
  // CHECK: attn.scale
  %third = attn.scale %score {by = 0.3333} : tensor<?x2x?x?xf32>
  // CHECK: attn.scale
  %ninth = attn.scale %third {by = 0.3333} : tensor<?x2x?x?xf32>
  return %ninth : tensor<?x2x?x?xf32>
}

// CHECK-LABEL: func.func @constants_stay_in_score_mod
func.func @constants_stay_in_score_mod(%query: tensor<?x?x2x4xf32>,
    %key: tensor<?x?x2x4xf32>, %value: tensor<?x?x2x4xf32>)
    -> (tensor<?x?x2x4xf32>, tensor<?x?x2xf32>) {
  // CHECK-NEXT: attn.flash
  // CHECK-NEXT: score_mod
  // CHECK-NEXT: arith.constant 5.0
  %output, %lse = attn.flash %query, %key, %value {scale = 0.5, mask = #attn.causal}
      : tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32>
      -> tensor<?x?x2x4xf32>, tensor<?x?x2xf32>
      score_mod (%score: f32, %row: index, %column: index, %head: index) {
    %two = arith.constant 2.0 : f32
    %three = arith.constant 3.0 : f32
    %five = arith.addf %two, %three : f32
    %more = arith.addf %score, %five : f32
    attn.yield %more : f32
  }
  return %output, %lse : tensor<?x?x2x4xf32>, tensor<?x?x2xf32>
}
