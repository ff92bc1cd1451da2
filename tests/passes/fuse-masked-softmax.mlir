// RUN: attn-opt %s --attn-fuse-masked-softmax | FileCheck %s

// Steps in the order scale, softcap, mask, softmax are one operation; any other
// order is another function and stays.

// CHECK-LABEL: func.func @all_steps
// CHECK-SAME: %[[SCORE:[^:]+]]: {{.+}}, %[[LENGTHS:[^:]+]]: {{.+}}, %[[SINKS:[^:]+]]:
func.func @all_steps(%score: tensor<?x8x?x?xf32>, %lengths: tensor<?xi32>,
                     %sinks: tensor<8xf32>)
    -> (tensor<?x8x?x?xf32>, tensor<?x?x8xf32>) {
  %scaled = attn.scale %score {by = 0.125} : tensor<?x8x?x?xf32>
  %capped = attn.softcap %scaled {cap = 50.0} : tensor<?x8x?x?xf32>
  %masked = attn.mask %capped lengths(%lengths : tensor<?xi32>)
      {mask = #attn.window<left = 4, right = 1>} : tensor<?x8x?x?xf32>
  // CHECK-NEXT: %[[P:.+]], %[[LSE:.+]] = attn.masked_softmax %[[SCORE]]
  // CHECK-SAME: lengths(%[[LENGTHS]]
  // CHECK-SAME: sinks(%[[SINKS]]
  // CHECK-SAME: {scale = 0.125, softcap = 50.0, mask = #attn.window<left = 4, right = 1>}
  %probability, %lse = attn.softmax %masked sinks(%sinks : tensor<8xf32>)
      : tensor<?x8x?x?xf32> -> tensor<?x8x?x?xf32>, tensor<?x?x8xf32>
  // CHECK: return %[[P]], %[[LSE]]
  return %probability, %lse : tensor<?x8x?x?xf32>, tensor<?x?x8xf32>
}

// CHECK-LABEL: func.func @softmax_alone
// CHECK-SAME: %[[SCORE:[^:]+]]:
func.func @softmax_alone(%score: tensor<2x8x3x5xf32>) -> tensor<2x8x3x5xf32> {
  // CHECK-NEXT: attn.masked_softmax %[[SCORE]]
  // CHECK-SAME: {scale = 1.0, mask = #attn.bidirectional}
  %probability, %lse = attn.softmax %score
      : tensor<2x8x3x5xf32> -> tensor<2x8x3x5xf32>, tensor<2x3x8xf32>
  return %probability : tensor<2x8x3x5xf32>
}

// CHECK-LABEL: func.func @softcap_before_scale
func.func @softcap_before_scale(%score: tensor<?x8x?x?xf32>)
    -> tensor<?x8x?x?xf32> {
  %capped = attn.softcap %score {cap = 50.0} : tensor<?x8x?x?xf32>
  // CHECK: attn.scale
  %scaled = attn.scale %capped {by = 0.125} : tensor<?x8x?x?xf32>
  // CHECK: attn.softmax
  %probability, %lse = attn.softmax %scaled
      : tensor<?x8x?x?xf32> -> tensor<?x8x?x?xf32>, tensor<?x?x8xf32>
  return %probability : tensor<?x8x?x?xf32>
}

// CHECK-LABEL: func.func @mask_before_softcap
func.func @mask_before_softcap(%score: tensor<?x8x?x?xf32>)
    -> tensor<?x8x?x?xf32> {
  %masked = attn.mask %score {mask = #attn.causal} : tensor<?x8x?x?xf32>
  %capped = attn.softcap %masked {cap = 50.0} : tensor<?x8x?x?xf32>
  // CHECK: attn.softmax
  %probability, %lse = attn.softmax %capped
      : tensor<?x8x?x?xf32> -> tensor<?x8x?x?xf32>, tensor<?x?x8xf32>
  return %probability : tensor<?x8x?x?xf32>
}

// CHECK-LABEL: func.func @scores_also_returned
func.func @scores_also_returned(%score: tensor<?x8x?x?xf32>)
    -> (tensor<?x8x?x?xf32>, tensor<?x8x?x?xf32>) {
  %scaled = attn.scale %score {by = 0.125} : tensor<?x8x?x?xf32>
  // CHECK: attn.softmax
  %probability, %lse = attn.softmax %scaled
      : tensor<?x8x?x?xf32> -> tensor<?x8x?x?xf32>, tensor<?x?x8xf32>
  return %scaled, %probability : tensor<?x8x?x?xf32>, tensor<?x8x?x?xf32>
}
