// RUN: attn-opt %s --attn-form-flash | FileCheck %s

// Score, masked softmax and weighted sum become one operation, unless another
// operation needs what lies between them.

// CHECK-LABEL: func.func @all_operands
// CHECK-SAME: %[[QUERY:[^:]+]]: {{.+}}, %[[KEY:[^:]+]]: {{.+}}, %[[VALUE:[^:]+]]: {{.+}}, %[[LENGTHS:[^:]+]]: {{.+}}, %[[SINKS:[^:]+]]:
func.func @all_operands(
    %query: tensor<?x?x8x64xf32>, %key: tensor<?x?x2x64xf32>,
    %value: tensor<?x?x2x32xf32>, %lengths: tensor<?xi32>,
    %sinks: tensor<8xf32>) -> (tensor<?x?x8x32xf32>, tensor<?x?x8xf32>) {
  %score = attn.score %query, %key
      : tensor<?x?x8x64xf32>, tensor<?x?x2x64xf32> -> tensor<?x8x?x?xf32>
  // CHECK-NEXT: %[[OUTPUT:.+]], %[[LSE:.+]] = attn.flash %[[QUERY]], %[[KEY]], %[[VALUE]]
  // CHECK-SAME: lengths(%[[LENGTHS]]
  // CHECK-SAME: sinks(%[[SINKS]]
  // CHECK-NOT: score_mod
  %probability, %lse = attn.masked_softmax %score
      lengths(%lengths : tensor<?xi32>) sinks(%sinks : tensor<8xf32>)
      {scale = 0.125, mask = #attn.causal}
      : tensor<?x8x?x?xf32> -> tensor<?x8x?x?xf32>, tensor<?x?x8xf32>
  %output = attn.weighted_sum %probability, %value
      : tensor<?x8x?x?xf32>, tensor<?x?x2x32xf32> -> tensor<?x?x8x32xf32>
  // CHECK: return %[[OUTPUT]], %[[LSE]]
  return %output, %lse : tensor<?x?x8x32xf32>, tensor<?x?x8xf32>
}

// CHECK-LABEL: func.func @softcap
func.func @softcap(%query: tensor<1x3x8x64xf32>, %key: tensor<1x5x8x64xf32>,
                   %value: tensor<1x5x8x64xf32>) -> tensor<1x3x8x64xf32> {
  %score = attn.score %query, %key
      : tensor<1x3x8x64xf32>, tensor<1x5x8x64xf32> -> tensor<1x8x3x5xf32>
  // CHECK: attn.flash
  // CHECK-NEXT: score_mod (%[[S:.+]]: f32, %{{.+}}: index, %{{.+}}: index, %{{.+}}: index)
  // CHECK-NEXT: %[[CAP:.+]] = arith.constant 5.000000e+01 : f32
  // CHECK-NEXT: %[[RATIO:.+]] = arith.divf %[[S]], %[[CAP]]
  // CHECK-NEXT: %[[TANH:.+]] = math.tanh %[[RATIO]]
  // CHECK-NEXT: %[[CAPPED:.+]] = arith.mulf %[[CAP]], %[[TANH]]
  // CHECK-NEXT: attn.yield %[[CAPPED]]
  %probability, %lse = attn.masked_softmax %score
      {scale = 0.125, softcap = 50.0, mask = #attn.causal}
      : tensor<1x8x3x5xf32> -> tensor<1x8x3x5xf32>, tensor<1x3x8xf32>
  %output = attn.weighted_sum %probability, %value
      : tensor<1x8x3x5xf32>, tensor<1x5x8x64xf32> -> tensor<1x3x8x64xf32>
  return %output : tensor<1x3x8x64xf32>
}

// CHECK-LABEL: func.func @probabilities_also_returned
func.func @probabilities_also_returned(
    %query: tensor<?x?x8x64xf32>, %key: tensor<?x?x8x64xf32>,
    %value: tensor<?x?x8x64xf32>)
    -> (tensor<?x?x8x64xf32>, tensor<?x8x?x?xf32>) {
  %score = attn.score %query, %key
      : tensor<?x?x8x64xf32>, tensor<?x?x8x64xf32> -> tensor<?x8x?x?xf32>
  // CHECK: attn.masked_softmax
  %probability, %lse = attn.masked_softmax %score
      {scale = 0.125, mask = #attn.causal}
      : tensor<?x8x?x?xf32> -> tensor<?x8x?x?xf32>, tensor<?x?x8xf32>
  %output = attn.weighted_sum %probability, %value
      : tensor<?x8x?x?xf32>, tensor<?x?x8x64xf32> -> tensor<?x?x8x64xf32>
  return %output, %probability : tensor<?x?x8x64xf32>, tensor<?x8x?x?xf32>
}

// CHECK-LABEL: func.func @key_and_value_grouped_differently
func.func @key_and_value_grouped_differently(
    %query: tensor<?x?x8x64xf32>, %key: tensor<?x?x8x64xf32>,
    %value: tensor<?x?x2x64xf32>) -> tensor<?x?x8x64xf32> {
  %score = attn.score %query, %key
      : tensor<?x?x8x64xf32>, tensor<?x?x8x64xf32> -> tensor<?x8x?x?xf32>
  %probability, %lse = attn.masked_softmax %score
      {scale = 0.125, mask = #attn.causal}
      : tensor<?x8x?x?xf32> -> tensor<?x8x?x?xf32>, tensor<?x?x8xf32>
  // CHECK: attn.weighted_sum
  %output = attn.weighted_sum %probability, %value
      : tensor<?x8x?x?xf32>, tensor<?x?x2x64xf32> -> tensor<?x?x8x64xf32>
  return %output : tensor<?x?x8x64xf32>
}
