// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s

// What frameworks write around attention: shapes, arithmetic, masks.

// CHECK-LABEL: func.func @shapes
func.func @shapes(%x: tensor<2x?x192xf32>) -> tensor<2x8x?x16xf32> {
  // CHECK: %part = attn.slice %{{.+}} {dim = 2, offset = 64} : tensor<2x?x192xf32> -> tensor<2x?x64xf32>
  %k = attn.slice %x {dim = 2, offset = 64} : tensor<2x?x192xf32> -> tensor<2x?x64xf32>
  // CHECK: %heads = attn.unflatten %part {dim = 2}
  %h = attn.unflatten %k {dim = 2} : tensor<2x?x64xf32> -> tensor<2x?x4x16xf32>
  // CHECK: %transposed = attn.transpose %heads {permutation = array<i64: 0, 2, 1, 3>}
  %t = attn.transpose %h {permutation = array<i64: 0, 2, 1, 3>}
      : tensor<2x?x4x16xf32> -> tensor<2x4x?x16xf32>
  // CHECK: %expanded = attn.expand %transposed {dim = 2}
  %e = attn.expand %t {dim = 2} : tensor<2x4x?x16xf32> -> tensor<2x4x2x?x16xf32>
  // CHECK: %merged = attn.flatten %expanded {dim = 1}
  %m = attn.flatten %e {dim = 1} : tensor<2x4x2x?x16xf32> -> tensor<2x8x?x16xf32>
  // CHECK: %repeated = attn.repeat_interleave %transposed {times = 2, dim = 1}
  %r = attn.repeat_interleave %t {times = 2, dim = 1}
      : tensor<2x4x?x16xf32> -> tensor<2x8x?x16xf32>
  // CHECK: %joined = attn.concat %merged, %repeated {dim = 2}
  %c = attn.concat %m, %r {dim = 2}
      : tensor<2x8x?x16xf32>, tensor<2x8x?x16xf32> -> tensor<2x8x?x16xf32>
  return %c : tensor<2x8x?x16xf32>
}

// CHECK-LABEL: func.func @norms
func.func @norms(%x: tensor<2x?x8x16xf32>, %weight: tensor<8x16xf32>,
                 %bias: tensor<16xf32>) -> tensor<2x?x8x16xf32> {
  // CHECK: %normed = attn.rms_norm %{{.+}} weight(%{{.+}} : tensor<8x16xf32>) {offset = 1.0, eps = 1.0e-6}
  %r = attn.rms_norm %x weight(%weight : tensor<8x16xf32>) {offset = 1.0, eps = 1.0e-6}
      : tensor<2x?x8x16xf32>
  // CHECK: attn.layer_norm %normed bias(%{{.+}} : tensor<16xf32>) {eps = 1.0e-5}
  %l = attn.layer_norm %r bias(%bias : tensor<16xf32>) {eps = 1.0e-5}
      : tensor<2x?x8x16xf32>
  // CHECK: %rotated = attn.rope %{{.+}} {position = #attn.rope<theta = 10000.0>}
  %q = attn.rope %l {position = #attn.rope<theta = 1.0e4>} : tensor<2x?x8x16xf32>
  return %q : tensor<2x?x8x16xf32>
}

// CHECK-LABEL: func.func @masks
func.func @masks(%score: tensor<2x8x16x16xf32>, %padding: tensor<2x1x1x16xi1>)
    -> tensor<2x8x16x16xf32> {
  // CHECK: %full = attn.full {value = true} : tensor<16x16xi1>
  %ones = attn.full {value = true} : tensor<16x16xi1>
  // CHECK: %upper = attn.triu %full {diagonal = 1} : tensor<16x16xi1>
  %future = attn.triu %ones {diagonal = 1} : tensor<16x16xi1>
  // CHECK: %either = attn.or %upper, %{{.+}} : tensor<16x16xi1>, tensor<2x1x1x16xi1> -> tensor<2x1x16x16xi1>
  %hidden = attn.or %future, %padding
      : tensor<16x16xi1>, tensor<2x1x1x16xi1> -> tensor<2x1x16x16xi1>
  // CHECK: %masked = attn.masked_fill %{{.+}}, %either {value = 0xFFF0000000000000 : f64}
  %m = attn.masked_fill %score, %hidden {value = 0xFFF0000000000000 : f64}
      : tensor<2x8x16x16xf32>, tensor<2x1x16x16xi1>
  // CHECK: %biased = attn.position_bias %masked {bias = #attn.alibi<distance = absolute>}
  %b = attn.position_bias %m {bias = #attn.alibi<distance = absolute>}
      : tensor<2x8x16x16xf32>
  // CHECK: attn.softmax %biased dim(2) : tensor<2x8x16x16xf32> -> tensor<2x8x16x16xf32>
  %p = attn.softmax %b dim(2) : tensor<2x8x16x16xf32> -> tensor<2x8x16x16xf32>
  return %p : tensor<2x8x16x16xf32>
}

// CHECK-LABEL: func.func @head_linear
func.func @head_linear(%query: tensor<2x?x8x16xf32>, %up: tensor<8x16x64xf32>)
    -> tensor<2x?x8x16xf32> {
  // CHECK: %projected = attn.head_linear %{{.+}}, %{{.+}} {transposed} : tensor<2x?x8x16xf32>, tensor<8x16x64xf32> -> tensor<2x?x8x64xf32>
  %absorbed = attn.head_linear %query, %up {transposed}
      : tensor<2x?x8x16xf32>, tensor<8x16x64xf32> -> tensor<2x?x8x64xf32>
  // CHECK: attn.head_linear %projected, %{{.+}} : tensor<2x?x8x64xf32>, tensor<8x16x64xf32> -> tensor<2x?x8x16xf32>
  %output = attn.head_linear %absorbed, %up
      : tensor<2x?x8x64xf32>, tensor<8x16x64xf32> -> tensor<2x?x8x16xf32>
  return %output : tensor<2x?x8x16xf32>
}
