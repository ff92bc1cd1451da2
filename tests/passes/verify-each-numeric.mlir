// RUN: attn-opt %s --canonicalize --cse --verify-each-numeric | FileCheck %s
// RUN: attn-opt %s --split-input-file --verify-diagnostics --canonicalize --verify-each-numeric

// Every function is interpreted after every pass; right passes are silent, and
// functions without attention operations are let through.

// CHECK-LABEL: @masked_scores
func.func @masked_scores(%score: tensor<2x4x?x?xf32>, %lengths: tensor<2xi32>)
    -> (tensor<2x4x?x?xf32>, tensor<2x?x4xf32>) {
  // CHECK: attn.masked_softmax
  %probability, %lse = attn.masked_softmax %score lengths(%lengths : tensor<2xi32>)
      {scale = 0.5, mask = #attn.window<left = 2, right = 2>}
      : tensor<2x4x?x?xf32> -> tensor<2x4x?x?xf32>, tensor<2x?x4xf32>
  return %probability, %lse : tensor<2x4x?x?xf32>, tensor<2x?x4xf32>
}

// -----

// CHECK-LABEL: @no_attention
func.func @no_attention(%number: f32) -> f32 {
  %sum = arith.addf %number, %number : f32
  return %sum : f32
}
