// RUN: attn-opt %s --attn-eliminate-kv-repeat | FileCheck %s

// Repeated heads are read in place wherever the user knows groups.

// CHECK-LABEL: func.func @score_and_sum
// CHECK-SAME: %[[QUERY:[^:]+]]: {{.+}}, %[[KEY:[^:]+]]: {{.+}}, %[[VALUE:[^:]+]]: {{.+}}, %[[P:[^:]+]]:
func.func @score_and_sum(
    %query: tensor<?x?x8x64xf32>, %key: tensor<?x?x2x64xf32>,
    %value: tensor<?x?x2x64xf32>, %probability: tensor<?x8x?x?xf32>)
    -> (tensor<?x8x?x?xf32>, tensor<?x?x8x64xf32>) {
  // CHECK-NOT: attn.repeat_kv
  %keys = attn.repeat_kv %key {times = 4}
      : tensor<?x?x2x64xf32> -> tensor<?x?x8x64xf32>
  %values = attn.repeat_kv %value {times = 4}
      : tensor<?x?x2x64xf32> -> tensor<?x?x8x64xf32>
  // CHECK: attn.score %[[QUERY]], %[[KEY]]
  %score = attn.score %query, %keys
      : tensor<?x?x8x64xf32>, tensor<?x?x8x64xf32> -> tensor<?x8x?x?xf32>
  // CHECK: attn.weighted_sum %[[P]], %[[VALUE]]
  %output = attn.weighted_sum %probability, %values
      : tensor<?x8x?x?xf32>, tensor<?x?x8x64xf32> -> tensor<?x?x8x64xf32>
  return %score, %output : tensor<?x8x?x?xf32>, tensor<?x?x8x64xf32>
}

// A repeat of a repeat, and fewer heads than queries have even so.
// CHECK-LABEL: func.func @chain_static
// CHECK-SAME: %[[QUERY:[^:]+]]: {{.+}}, %[[KEY:[^:]+]]: tensor<1x5x1x64xf32>
func.func @chain_static(%query: tensor<1x3x12x64xf32>,
                        %key: tensor<1x5x1x64xf32>) -> tensor<1x12x3x5xf32> {
  %twice = attn.repeat_kv %key {times = 2}
      : tensor<1x5x1x64xf32> -> tensor<1x5x2x64xf32>
  %keys = attn.repeat_kv %twice {times = 2}
      : tensor<1x5x2x64xf32> -> tensor<1x5x4x64xf32>
  // CHECK-NEXT: attn.score %[[QUERY]], %[[KEY]]
  %score = attn.score %query, %keys
      : tensor<1x3x12x64xf32>, tensor<1x5x4x64xf32> -> tensor<1x12x3x5xf32>
  return %score : tensor<1x12x3x5xf32>
}

// CHECK-LABEL: func.func @flash
// CHECK-SAME: %[[QUERY:[^:]+]]: {{.+}}, %[[KEY:[^:]+]]: {{.+}}, %[[VALUE:[^:]+]]:
func.func @flash(%query: tensor<?x?x8x64xf32>, %key: tensor<?x?x2x64xf32>,
                 %value: tensor<?x?x2x64xf32>) -> tensor<?x?x8x64xf32> {
  %keys = attn.repeat_kv %key {times = 4}
      : tensor<?x?x2x64xf32> -> tensor<?x?x8x64xf32>
  %values = attn.repeat_kv %value {times = 4}
      : tensor<?x?x2x64xf32> -> tensor<?x?x8x64xf32>
  // CHECK-NEXT: attn.flash %[[QUERY]], %[[KEY]], %[[VALUE]]
  %output, %lse = attn.flash %query, %keys, %values
      {scale = 0.125, mask = #attn.causal}
      : tensor<?x?x8x64xf32>, tensor<?x?x8x64xf32>, tensor<?x?x8x64xf32>
      -> tensor<?x?x8x64xf32>, tensor<?x?x8xf32>
  return %output : tensor<?x?x8x64xf32>
}

// What leaves the function repeated stays repeated; the score does not read it.
// CHECK-LABEL: func.func @also_returned
// CHECK-SAME: %[[QUERY:[^:]+]]: {{.+}}, %[[KEY:[^:]+]]:
func.func @also_returned(%query: tensor<?x?x8x64xf32>,
                         %key: tensor<?x?x2x64xf32>)
    -> (tensor<?x8x?x?xf32>, tensor<?x?x8x64xf32>) {
  // CHECK: %[[KEYS:.+]] = attn.repeat_kv %[[KEY]]
  %keys = attn.repeat_kv %key {times = 4}
      : tensor<?x?x2x64xf32> -> tensor<?x?x8x64xf32>
  // CHECK: %[[SCORE:.+]] = attn.score %[[QUERY]], %[[KEY]]
  %score = attn.score %query, %keys
      : tensor<?x?x8x64xf32>, tensor<?x?x8x64xf32> -> tensor<?x8x?x?xf32>
  // CHECK: return %[[SCORE]], %[[KEYS]]
  return %score, %keys : tensor<?x8x?x?xf32>, tensor<?x?x8x64xf32>
}
