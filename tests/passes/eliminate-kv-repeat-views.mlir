// RUN: attn-opt %s --attn-eliminate-kv-repeat --verify-each-numeric | FileCheck %s
// RUN: attn-opt %s --attn-eliminate-kv-repeat --verify-diagnostics \
// RUN:   --remarks-filter='.*' --remark-format=emitRemark

// Heads repeated in every framework's way, before and after transposes, are
// read in place; another order of heads is another function.

!q = tensor<2x3x8x4xf32>
!k = tensor<2x5x4x4xf32>
!r = tensor<2x5x8x4xf32>
!f = tensor<2x4x5x4xf32>
!s = tensor<2x8x3x5xf32>

// CHECK-LABEL: func.func @interleaved
// CHECK-SAME: %[[Q:[^:]+]]: {{.+}}, %[[K:[^:]+]]:
func.func @interleaved(%q: !q, %k: !k) -> !s {
  // CHECK-NEXT: attn.score %[[Q]], %[[K]]
  %r = attn.repeat_interleave %k {dim = 2, times = 2} : !k -> !r
  // expected-remark@below {{'attn.score' reads 4 heads in groups instead of 8 repeated ones}}
  %s = attn.score %q, %r : !q, !r -> !s
  return %s : !s
}

// expand + reshape of [b, kv, n, s, d], back to [b, s, heads, d].
// CHECK-LABEL: func.func @expanded
// CHECK-SAME: %[[P:[^:]+]]: {{.+}}, %[[V:[^:]+]]:
func.func @expanded(%p: !s, %v: !k) -> !q {
  // CHECK-NEXT: attn.weighted_sum %[[P]], %[[V]]
  %t = attn.transpose %v {permutation = array<i64: 0, 2, 1, 3>} : !k -> !f
  %e = attn.expand %t {dim = 2} : !f -> tensor<2x4x2x5x4xf32>
  %m = attn.flatten %e {dim = 1} : tensor<2x4x2x5x4xf32> -> tensor<2x8x5x4xf32>
  %r = attn.transpose %m {permutation = array<i64: 0, 2, 1, 3>} : tensor<2x8x5x4xf32> -> !r
  // expected-remark@below {{'attn.weighted_sum' reads 4 heads in groups instead of 8 repeated ones}}
  %o = attn.weighted_sum %p, %r : !s, !r -> !q
  return %o : !q
}

// Rotated and scaled after the repetition: the same for every copy.
// CHECK-LABEL: func.func @rotated
// CHECK-SAME: %[[Q:[^:]+]]: {{.+}}, %[[K:[^:]+]]:
func.func @rotated(%q: !q, %k: !k) -> !s {
  // CHECK-NEXT: %[[ROPE:.+]] = attn.rope %[[K]] {{.+}} : tensor<2x5x4x4xf32>
  // CHECK-NEXT: %[[SCALED:.+]] = attn.scale %[[ROPE]] {by = 0.5} : tensor<2x5x4x4xf32>
  // CHECK-NEXT: attn.score %[[Q]], %[[SCALED]]
  %r = attn.repeat_kv %k {times = 2} : !k -> !r
  %p = attn.rope %r {position = #attn.rope<theta = 1.0e4>} : !r
  %c = attn.scale %p {by = 0.5} : !r
  // expected-remark@below {{'attn.score' reads 4 heads}}
  %s = attn.score %q, %c : !q, !r -> !s
  return %s : !s
}

// One head for all queries, by a new dimension and by a tile of one head.
// CHECK-LABEL: func.func @single_head
// CHECK-SAME: %[[Q:[^:]+]]: {{.+}}, %[[K:[^:]+]]: {{.+}}, %[[P:[^:]+]]: {{.+}}, %[[V:[^:]+]]:
func.func @single_head(%q: !q, %k: tensor<2x5x4xf32>, %p: !s,
                       %v: tensor<2x5x1x4xf32>) -> (!s, !q) {
  // CHECK-NEXT: %[[E:.+]] = attn.expand %[[K]] {dim = 2} : tensor<2x5x4xf32> -> tensor<2x5x1x4xf32>
  // CHECK-NEXT: attn.score %[[Q]], %[[E]]
  // CHECK-NEXT: attn.weighted_sum %[[P]], %[[V]]
  %e = attn.expand %k {dim = 2} : tensor<2x5x4xf32> -> !r
  // expected-remark@below {{'attn.score' reads 1 heads}}
  %s = attn.score %q, %e : !q, !r -> !s
  %t = attn.tile %v {dim = 2, times = 8} : tensor<2x5x1x4xf32> -> !r
  // expected-remark@below {{'attn.weighted_sum' reads 1 heads}}
  %o = attn.weighted_sum %p, %t : !s, !r -> !q
  return %s, %o : !s, !q
}

// Repeated once is not repeated.
// CHECK-LABEL: func.func @once
// CHECK-SAME: %[[Q:[^:]+]]: {{.+}}, %[[K:[^:]+]]: {{.+}}, %[[P:[^:]+]]: {{.+}}, %[[V:[^:]+]]:
func.func @once(%q: tensor<2x3x4x4xf32>, %k: !k, %p: tensor<2x4x3x5xf32>, %v: !k)
    -> (tensor<2x4x3x5xf32>, tensor<2x3x4x4xf32>) {
  // CHECK-NEXT: attn.score %[[Q]], %[[K]]
  // CHECK-NEXT: attn.weighted_sum %[[P]], %[[V]]
  %r = attn.repeat_interleave %k {dim = 2, times = 1} : !k -> !k
  %s = attn.score %q, %r : tensor<2x3x4x4xf32>, !k -> tensor<2x4x3x5xf32>
  %e = attn.expand %v {dim = 3} : !k -> tensor<2x5x4x1x4xf32>
  %m = attn.flatten %e {dim = 2} : tensor<2x5x4x1x4xf32> -> !k
  %o = attn.weighted_sum %p, %m : tensor<2x4x3x5xf32>, !k -> tensor<2x3x4x4xf32>
  return %s, %o : tensor<2x4x3x5xf32>, tensor<2x3x4x4xf32>
}

// CHECK-LABEL: func.func @flash
// CHECK-SAME: %[[Q:[^:]+]]: {{.+}}, %[[K:[^:]+]]: {{.+}}, %[[V:[^:]+]]:
func.func @flash(%q: !q, %k: !k, %v: !k) -> !q {
  // CHECK-NEXT: attn.flash %[[Q]], %[[K]], %[[V]]
  %rk = attn.repeat_interleave %k {dim = 2, times = 2} : !k -> !r
  %e = attn.expand %v {dim = 3} : !k -> tensor<2x5x4x2x4xf32>
  %rv = attn.flatten %e {dim = 2} : tensor<2x5x4x2x4xf32> -> !r
  // expected-remark@below {{'attn.flash' reads 4 heads}}
  %o, %lse = attn.flash %q, %rk, %rv {scale = 0.5, mask = #attn.causal}
      : !q, !r, !r -> !q, tensor<2x3x8xf32>
  return %o : !q
}

// CHECK-LABEL: func.func @tiled
func.func @tiled(%q: !q, %k: !k) -> !s {
  // CHECK-NEXT: %[[R:.+]] = attn.tile
  // CHECK-NEXT: attn.score %{{.+}}, %[[R]]
  %r = attn.tile %k {dim = 2, times = 2} : !k -> !r
  // expected-remark@below {{heads repeated as a whole by 'attn.tile' are no groups: query head h reads h mod their number, not h / group}}
  %s = attn.score %q, %r : !q, !r -> !s
  return %s : !s
}

// CHECK-LABEL: func.func @expanded_in_front
func.func @expanded_in_front(%q: !q, %k: !k) -> !s {
  // CHECK: attn.expand
  // CHECK-NEXT: attn.flatten
  %e = attn.expand %k {dim = 2} : !k -> tensor<2x5x2x4x4xf32>
  %r = attn.flatten %e {dim = 2} : tensor<2x5x2x4x4xf32> -> !r
  // expected-remark@below {{heads repeated as a whole by 'attn.flatten' are no groups}}
  %s = attn.score %q, %r : !q, !r -> !s
  return %s : !s
}

// Keys, not heads, are repeated.
// CHECK-LABEL: func.func @longer_keys
func.func @longer_keys(%q: tensor<2x3x4x4xf32>, %k: !k) -> tensor<2x4x3x10xf32> {
  // CHECK-NEXT: attn.repeat_interleave
  // expected-remark@below {{'attn.score' needs each element of dimension 1 repeated 2 times}}
  %r = attn.repeat_interleave %k {dim = 1, times = 2} : !k -> tensor<2x10x4x4xf32>
  %s = attn.score %q, %r : tensor<2x3x4x4xf32>, tensor<2x10x4x4xf32> -> tensor<2x4x3x10xf32>
  return %s : tensor<2x4x3x10xf32>
}

// One head, without a dimension of its own and with it again.
// CHECK-LABEL: func.func @squeezed
// CHECK-SAME: %[[Q:[^:]+]]: {{.+}}, %[[K:[^:]+]]: tensor<2x5x1x4xf32>
func.func @squeezed(%q: tensor<2x3x4x4xf32>, %k: tensor<2x5x1x4xf32>) -> tensor<2x4x3x5xf32> {
  // CHECK-NEXT: attn.score %[[Q]], %[[K]]
  %s = attn.flatten %k {dim = 1} : tensor<2x5x1x4xf32> -> tensor<2x5x4xf32>
  %r = attn.expand %s {dim = 2} : tensor<2x5x4xf32> -> tensor<2x5x4x4xf32>
  // expected-remark@below {{'attn.score' reads 1 heads in groups instead of 4 repeated ones}}
  %p = attn.score %q, %r : tensor<2x3x4x4xf32>, tensor<2x5x4x4xf32> -> tensor<2x4x3x5xf32>
  return %p : tensor<2x4x3x5xf32>
}

// The same with open sizes, none of which a dimension of size 1 changes.
// CHECK-LABEL: func.func @squeezed_open
// CHECK-SAME: %[[Q:[^:]+]]: {{.+}}, %[[K:[^:]+]]: !h1x4_heads
func.func @squeezed_open(%q: tensor<?x?x4x4xf32>, %k: tensor<?x?x1x4xf32>) -> tensor<?x4x?x?xf32> {
  // CHECK-NEXT: attn.score %[[Q]], %[[K]]
  %s = attn.flatten %k {dim = 1} : tensor<?x?x1x4xf32> -> tensor<?x?x4xf32>
  %r = attn.expand %s {dim = 2} : tensor<?x?x4xf32> -> tensor<?x?x4x4xf32>
  // expected-remark@below {{'attn.score' reads 1 heads in groups instead of 4 repeated ones}}
  %p = attn.score %q, %r : tensor<?x?x4x4xf32>, tensor<?x?x4x4xf32> -> tensor<?x4x?x?xf32>
  return %p : tensor<?x4x?x?xf32>
}
