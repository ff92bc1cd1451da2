// RUN: attn-opt %s --attn-eliminate-kv-repeat --attn-fuse-masked-softmax \
// RUN:   --attn-form-flash --canonicalize --attn-verify-fused \
// RUN:   --verify-each-numeric | FileCheck %s

// Masks keep what they look at on the way into one flash operation.

// CHECK-LABEL: func.func @chunk
// CHECK: attn.flash {{.*}} lengths(%{{[^)]*}}) {scale = 1.0, mask = #attn.chunk<size = 3>}
func.func @chunk(%query: tensor<3x?x2x4xf32>, %key: tensor<3x?x2x4xf32>,
                 %value: tensor<3x?x2x4xf32>, %lengths: tensor<3xi32>)
    -> (tensor<3x?x2x4xf32>, tensor<3x?x2xf32>) {
  %score = attn.score %query, %key
      : tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32> -> tensor<3x2x?x?xf32>
  %masked = attn.mask %score lengths(%lengths : tensor<3xi32>)
      {mask = #attn.chunk<size = 3>} : tensor<3x2x?x?xf32>
  %probability, %lse = attn.softmax %masked
      : tensor<3x2x?x?xf32> -> tensor<3x2x?x?xf32>, tensor<3x?x2xf32>
  %output = attn.weighted_sum %probability, %value
      : tensor<3x2x?x?xf32>, tensor<3x?x2x4xf32> -> tensor<3x?x2x4xf32>
  return %output, %lse : tensor<3x?x2x4xf32>, tensor<3x?x2xf32>
}

// CHECK-LABEL: func.func @prefix_documents_top_left
// CHECK: attn.flash {{.*}} prefix(%{{[^)]*}}) documents(%{{[^)]*}}) {scale = 1.0
func.func @prefix_documents_top_left(
    %query: tensor<3x?x2x4xf32>, %key: tensor<3x?x2x4xf32>,
    %value: tensor<3x?x2x4xf32>, %prefix: tensor<3xi32>,
    %documents: tensor<3x?xi32>) -> tensor<3x?x2x4xf32> {
  %score = attn.score %query, %key
      : tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32> -> tensor<3x2x?x?xf32>
  %masked = attn.mask %score prefix(%prefix : tensor<3xi32>)
      documents(%documents : tensor<3x?xi32>)
      {mask = #attn.all<[#attn.prefix<alignment = top_left>,
                         #attn.document<alignment = top_left>]>}
      : tensor<3x2x?x?xf32>
  %probability, %lse = attn.softmax %masked
      : tensor<3x2x?x?xf32> -> tensor<3x2x?x?xf32>, tensor<3x?x2xf32>
  %output = attn.weighted_sum %probability, %value
      : tensor<3x2x?x?xf32>, tensor<3x?x2x4xf32> -> tensor<3x?x2x4xf32>
  return %output : tensor<3x?x2x4xf32>
}
