// RUN: attn-opt %s --attn-raise-attention --verify-each-numeric | FileCheck %s
// RUN: attn-opt %s --attn-fuse-masked-softmax --verify-each-numeric \
// RUN:   | FileCheck %s --check-prefix=FUSED

// A mask that is added makes a NaN of an infinite score, which the mask as a
// symbol hides: attention has no NaN there, and the check knows. So it is with
// weights that a mask makes 0, all of which may have been.

// CHECK-LABEL: func.func @added
// CHECK: attn.mask %{{.+}} {mask = #attn.causal}
func.func @added(%q: tensor<1x2x2x2xf32>, %k: tensor<1x3x2x2xf32>, %v: tensor<1x3x2x2xf32>) -> tensor<1x2x2x2xf32> {
  %score = attn.score %q, %k : tensor<1x2x2x2xf32>, tensor<1x3x2x2xf32> -> tensor<1x2x2x3xf32>
  %ones = attn.full {value = 0xFFF0000000000000 : f64} : tensor<2x3xf32>
  %future = attn.triu %ones {diagonal = 2} : tensor<2x3xf32>
  %sum = attn.add %score, %future : tensor<1x2x2x3xf32>, tensor<2x3xf32> -> tensor<1x2x2x3xf32>
  %p = attn.softmax %sum : tensor<1x2x2x3xf32> -> tensor<1x2x2x3xf32>
  %o = attn.weighted_sum %p, %v : tensor<1x2x2x3xf32>, tensor<1x3x2x2xf32> -> tensor<1x2x2x2xf32>
  return %o : tensor<1x2x2x2xf32>
}

// CHECK-LABEL: func.func @renormalised
// CHECK: attn.mask %{{.+}} {mask = #attn.causal<alignment = top_left>}
func.func @renormalised(%q: tensor<1x3x2x2xf32>, %k: tensor<1x3x2x2xf32>, %v: tensor<1x3x2x2xf32>) -> tensor<1x3x2x2xf32> {
  %score = attn.score %q, %k : tensor<1x3x2x2xf32>, tensor<1x3x2x2xf32> -> tensor<1x2x3x3xf32>
  %p = attn.softmax %score : tensor<1x2x3x3xf32> -> tensor<1x2x3x3xf32>
  %ones = attn.full {value = 1.0} : tensor<3x3xf32>
  %past = attn.tril %ones : tensor<3x3xf32>
  %zeroed = attn.mul %p, %past : tensor<1x2x3x3xf32>, tensor<3x3xf32> -> tensor<1x2x3x3xf32>
  %sum = attn.sum %zeroed {dim = 3} : tensor<1x2x3x3xf32> -> tensor<1x2x3x1xf32>
  %again = attn.div %zeroed, %sum : tensor<1x2x3x3xf32>, tensor<1x2x3x1xf32> -> tensor<1x2x3x3xf32>
  %o = attn.weighted_sum %again, %v : tensor<1x2x3x3xf32>, tensor<1x3x2x2xf32> -> tensor<1x3x2x2xf32>
  return %o : tensor<1x3x2x2xf32>
}

// Where a step between them keeps a graph from being raised, the softmax still
// takes the mask.
// FUSED-LABEL: func.func @used_twice
// FUSED: attn.masked_softmax %{{.+}} tensor_mask(
func.func @used_twice(%q: tensor<1x2x2x2xf32>, %k: tensor<1x5x2x2xf32>, %v: tensor<1x5x2x2xf32>, %hidden: tensor<1x1x2x5xi1>) -> tensor<1x2x2x2xf32> {
  %score = attn.score %q, %k : tensor<1x2x2x2xf32>, tensor<1x5x2x2xf32> -> tensor<1x2x2x5xf32>
  %zero = attn.full {value = 0.0} : tensor<1x1x2x5xf32>
  %mask = attn.masked_fill %zero, %hidden {value = 0xFFF0000000000000 : f64} : tensor<1x1x2x5xf32>, tensor<1x1x2x5xi1>
  %sum = attn.add %score, %mask : tensor<1x2x2x5xf32>, tensor<1x1x2x5xf32> -> tensor<1x2x2x5xf32>
  %p = attn.softmax %sum : tensor<1x2x2x5xf32> -> tensor<1x2x2x5xf32>
  %twice = attn.add %p, %p : tensor<1x2x2x5xf32>, tensor<1x2x2x5xf32> -> tensor<1x2x2x5xf32>
  %o = attn.weighted_sum %twice, %v : tensor<1x2x2x5xf32>, tensor<1x5x2x2xf32> -> tensor<1x2x2x2xf32>
  return %o : tensor<1x2x2x2xf32>
}
