// RUN: attn-opt %s --canonicalize --cse --verify-each-numeric 2> %t.err | FileCheck %s
// RUN: FileCheck %s --input-file %t.err --check-prefix=COUNT
// RUN: attn-opt %s --split-input-file --verify-diagnostics --canonicalize --verify-each-numeric 2>&1 | FileCheck %s --check-prefix=SPLIT
// RUN: echo 'module {}' | attn-opt --canonicalize --verify-each-numeric 2>&1 | FileCheck %s --check-prefix=NOTHING

// Every function is interpreted after every pass; right passes are silent, and
// functions without attention operations are let through. How much there was
// to compare is said at the end.

// COUNT: {{^}}verify-each-numeric: compared 1 function after 2 of 2 passes, left out 1 function{{$}}
// SPLIT: {{^}}verify-each-numeric: compared 1 function after 1 of 1 pass, left out 1 function{{$}}
// NOTHING: {{^}}verify-each-numeric: compared nothing{{$}}

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
