// RUN: attn-opt %s --attn-unfold-heads --verify-each-numeric | FileCheck %s
// RUN: attn-opt %s --attn-unfold-heads --attn-raise-attention \
// RUN:   --verify-each-numeric | FileCheck %s --check-prefix=RAISED

// Batched products over batch * heads are products over heads, with what stands
// between them; other products stay.

!w = tensor<2x6x12xf32>
!h = tensor<2x6x3x4xf32>
!f = tensor<2x3x6x4xf32>
!b = tensor<6x6x4xf32>
!bt = tensor<6x4x6xf32>
!s = tensor<6x6x6xf32>

// As torch.nn.functional.multi_head_attention_forward does it: a mask for all
// heads, and one that is repeated for the heads of each batch.
// CHECK-LABEL: func.func @folded
// CHECK-NOT: attn.flatten {{.+}} {dim = 0}
// CHECK: attn.matmul %{{.+}} : tensor<2x3x6x4xf32>, tensor<2x3x4x6xf32> -> tensor<2x3x6x6xf32>
// CHECK: attn.softmax %{{.+}} : tensor<2x3x6x6xf32>
// CHECK: attn.matmul %{{.+}} : tensor<2x3x6x6xf32>, tensor<2x3x6x4xf32> -> tensor<2x3x6x4xf32>
// RAISED-LABEL: func.func @folded
// RAISED: attn.masked_fill %{{.+}}, %{{.+}} {value = 0xFFF0000000000000 : f64} : tensor<2x3x6x6xf32>, tensor<2x1x1x6xi1>
// RAISED: attn.mask %{{.+}} {mask = #attn.causal<alignment = top_left>} : tensor<2x3x6x6xf32>
// RAISED: attn.weighted_sum
func.func @folded(%q: !w, %k: !w, %v: !w, %padding: tensor<2x6xi1>) -> !w {
  %half = attn.scale %q {by = 0.5} : !w
  %qh = attn.unflatten %half {dim = 2} : !w -> !h
  %kh = attn.unflatten %k {dim = 2} : !w -> !h
  %vh = attn.unflatten %v {dim = 2} : !w -> !h
  %qf = attn.transpose %qh {permutation = array<i64: 0, 2, 1, 3>} : !h -> !f
  %kf = attn.transpose %kh {permutation = array<i64: 0, 2, 1, 3>} : !h -> !f
  %vf = attn.transpose %vh {permutation = array<i64: 0, 2, 1, 3>} : !h -> !f
  %qb = attn.flatten %qf {dim = 0} : !f -> !b
  %kb = attn.flatten %kf {dim = 0} : !f -> !b
  %vb = attn.flatten %vf {dim = 0} : !f -> !b
  %kt = attn.transpose %kb {permutation = array<i64: 0, 2, 1>} : !b -> !bt
  %s = attn.matmul %qb, %kt : !b, !bt -> !s
  %ones = attn.full {value = true} : tensor<6x6xi1>
  %future = attn.triu %ones {diagonal = 1} : tensor<6x6xi1>
  %m = attn.masked_fill %s, %future {value = 0xFFF0000000000000 : f64} : !s, tensor<6x6xi1>
  %row = attn.expand %padding {dim = 1} : tensor<2x6xi1> -> tensor<2x1x6xi1>
  %heads = attn.expand %row {dim = 1} : tensor<2x1x6xi1> -> tensor<2x3x1x6xi1>
  %both = attn.flatten %heads {dim = 0} : tensor<2x3x1x6xi1> -> tensor<6x1x6xi1>
  %n = attn.masked_fill %m, %both {value = 0xFFF0000000000000 : f64} : !s, tensor<6x1x6xi1>
  %p = attn.softmax %n : !s -> !s
  %o = attn.matmul %p, %vb : !s, !b -> !b
  %of = attn.unflatten %o {dim = 0} : !b -> !f
  %oh = attn.transpose %of {permutation = array<i64: 0, 2, 1, 3>} : !f -> !h
  %ow = attn.flatten %oh {dim = 2} : !h -> !w
  return %ow : !w
}

// Tokens of all batches in one matrix are no heads.
// CHECK-LABEL: func.func @tokens
func.func @tokens(%x: tensor<2x6x4xf32>, %w: tensor<4x8xf32>) -> tensor<12x8xf32> {
  // CHECK-NEXT: attn.flatten
  // CHECK-NEXT: attn.matmul
  %f = attn.flatten %x {dim = 0} : tensor<2x6x4xf32> -> tensor<12x4xf32>
  %y = attn.matmul %f, %w : tensor<12x4xf32>, tensor<4x8xf32> -> tensor<12x8xf32>
  return %y : tensor<12x8xf32>
}

// One side has two heads of three batches, the other three of two.
// CHECK-LABEL: func.func @folded_differently
func.func @folded_differently(%q: !f, %k: tensor<3x2x4x6xf32>) -> !s {
  // CHECK-COUNT-2: attn.flatten
  // CHECK: attn.matmul %{{.+}} : tensor<6x6x4xf32>, tensor<6x4x6xf32>
  %qb = attn.flatten %q {dim = 0} : !f -> !b
  %kb = attn.flatten %k {dim = 0} : tensor<3x2x4x6xf32> -> !bt
  %s = attn.matmul %qb, %kb : !b, !bt -> !s
  return %s : !s
}

// A mask for each head of the folded batch is made of folded masks.
// CHECK-LABEL: func.func @folded_masks
// CHECK-NOT: attn.unflatten
// CHECK: attn.masked_fill %{{.+}} : tensor<2x3x6x6xf32>, tensor<2x3x1x6xi1>
func.func @folded_masks(%q: !f, %k: tensor<2x3x4x6xf32>, %v: !f, %shown: tensor<2x1x6xi1>) -> !f {
  %qb = attn.flatten %q {dim = 0} : !f -> !b
  %kb = attn.flatten %k {dim = 0} : tensor<2x3x4x6xf32> -> !bt
  %vb = attn.flatten %v {dim = 0} : !f -> !b
  %s = attn.matmul %qb, %kb : !b, !bt -> !s
  %heads = attn.expand %shown {dim = 1} : tensor<2x1x6xi1> -> tensor<2x3x1x6xi1>
  %both = attn.flatten %heads {dim = 0} : tensor<2x3x1x6xi1> -> tensor<6x1x6xi1>
  %hidden = attn.not %both : tensor<6x1x6xi1>
  %m = attn.masked_fill %s, %hidden {value = 0xFFF0000000000000 : f64} : !s, tensor<6x1x6xi1>
  %p = attn.softmax %m : !s -> !s
  %o = attn.matmul %p, %vb : !s, !b -> !b
  %of = attn.unflatten %o {dim = 0} : !b -> !f
  return %of : !f
}
