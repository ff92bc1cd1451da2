// RUN: attn-opt %s --attn-raise-attention --verify-each-numeric | FileCheck %s

// Attention of every rank, and with its scale in every place, is the textbook's:
// heads in the third dimension, no transposes left, one scale.

!m = tensor<6x3xf32>
!mt = tensor<3x6xf32>
!ms = tensor<6x6xf32>

// CHECK-LABEL: func.func @matrices
// CHECK-SAME: (%[[X:.+]]: tensor<6x3xf32>)
func.func @matrices(%x: !m) -> !m {
  // CHECK-NEXT: %[[B:.+]] = attn.expand %[[X]] {dim = 0}
  // CHECK-NEXT: %[[Q:.+]] = attn.expand %[[B]] {dim = 2}
  // CHECK: %[[S:.+]] = attn.score %[[Q]], %{{.+}} : tensor<1x6x1x3xf32>, tensor<1x6x1x3xf32> -> tensor<1x1x6x6xf32>
  // CHECK-NEXT: %[[P:.+]] = attn.softmax %[[S]]
  // CHECK: %[[O:.+]] = attn.weighted_sum %[[P]]
  // CHECK-NEXT: %[[H:.+]] = attn.flatten %[[O]] {dim = 2}
  // CHECK-NEXT: attn.flatten %[[H]] {dim = 0} : tensor<1x6x3xf32> -> tensor<6x3xf32>
  %xt = attn.transpose %x {permutation = array<i64: 1, 0>} : !m -> !mt
  %s = attn.matmul %x, %xt : !m, !mt -> !ms
  %p = attn.softmax %s dim(1) : !ms -> !ms
  %o = attn.matmul %p, %x : !ms, !m -> !m
  return %o : !m
}

!x = tensor<2x6x4xf32>
!xt = tensor<2x4x6xf32>
!xs = tensor<2x6x6xf32>

// The division is by a constant; the keys come in transposed.
// CHECK-LABEL: func.func @batches
// CHECK-SAME: (%[[Q:.+]]: tensor<2x6x4xf32>, %[[KT:.+]]: tensor<2x4x6xf32>, %[[V:.+]]: tensor<2x6x4xf32>)
func.func @batches(%q: !x, %kt: !xt, %v: !x) -> !x {
  // CHECK-NEXT: %[[Q1:.+]] = attn.expand %[[Q]] {dim = 2}
  // CHECK-NEXT: %[[K:.+]] = attn.transpose %[[KT]] {permutation = array<i64: 0, 2, 1>}
  // CHECK-NEXT: %[[K1:.+]] = attn.expand %[[K]] {dim = 2}
  // CHECK-NEXT: %[[S:.+]] = attn.score %[[Q1]], %[[K1]]
  // CHECK-NEXT: attn.scale %[[S]] {by = 0.5}
  %two = attn.full {value = 2.0 : f64} : tensor<1x1xf32>
  %s = attn.matmul %q, %kt : !x, !xt -> !xs
  %d = attn.div %s, %two : !xs, tensor<1x1xf32> -> !xs
  %p = attn.softmax %d : !xs -> !xs
  %o = attn.matmul %p, %v : !xs, !x -> !x
  return %o : !x
}

!w = tensor<?x?x8xf32>
!h = tensor<?x?x2x4xf32>
!hs = tensor<?x2x?x?xf32>
!hf = tensor<?x2x?x4xf32>
!ht = tensor<?x2x4x?xf32>

// Queries and keys are scaled on their way through views, and the scores too.
// CHECK-LABEL: func.func @heads
// CHECK-SAME: %[[Q:[^:]+]]: {{.+}}, %[[K:[^:]+]]: {{.+}}, %[[V:[^:]+]]:
func.func @heads(%q: !w, %k: !w, %v: !w) -> !w {
  // CHECK-DAG: %[[QH:.+]] = attn.unflatten %[[Q]] {dim = 2}
  // CHECK-DAG: %[[KH:.+]] = attn.unflatten %[[K]] {dim = 2}
  // CHECK-DAG: %[[VH:.+]] = attn.unflatten %[[V]] {dim = 2}
  // CHECK-NOT: attn.transpose
  // CHECK: %[[S:.+]] = attn.score %[[QH]], %[[KH]]
  // CHECK-NEXT: %[[C:.+]] = attn.scale %[[S]] {by = 0.75}
  // CHECK-NEXT: %[[P:.+]] = attn.softmax %[[C]]
  // CHECK-NEXT: %[[O:.+]] = attn.weighted_sum %[[P]], %[[VH]]
  // CHECK-NEXT: %[[F:.+]] = attn.flatten %[[O]] {dim = 2}
  // CHECK-NEXT: return %[[F]]
  %half = attn.scale %q {by = 0.5} : !w
  %qh = attn.unflatten %half {dim = 2} : !w -> !h
  %kh = attn.unflatten %k {dim = 2} : !w -> !h
  %vh = attn.unflatten %v {dim = 2} : !w -> !h
  %qf = attn.transpose %qh {permutation = array<i64: 0, 2, 1, 3>} : !h -> !hf
  %kt = attn.transpose %kh {permutation = array<i64: 0, 2, 3, 1>} : !h -> !ht
  %three = attn.full {value = 3.0 : f64} : tensor<1xf32>
  %k3 = attn.mul %three, %kt : tensor<1xf32>, !ht -> !ht
  %vf = attn.transpose %vh {permutation = array<i64: 0, 2, 1, 3>} : !h -> !hf
  %s = attn.matmul %qf, %k3 : !hf, !ht -> !hs
  %c = attn.scale %s {by = 0.5} : !hs
  %p = attn.softmax %c : !hs -> !hs
  %o = attn.matmul %p, %vf : !hs, !hf -> !hf
  %oh = attn.transpose %o {permutation = array<i64: 0, 2, 1, 3>} : !hf -> !h
  %of = attn.flatten %oh {dim = 2} : !h -> !w
  return %of : !w
}

// CHECK-LABEL: func.func @capped
func.func @capped(%q: !x, %kt: !xt, %v: !x) -> !x {
  // CHECK: %[[S:.+]] = attn.score
  // CHECK-NEXT: %[[C:.+]] = attn.scale %[[S]] {by = 0.5}
  // CHECK-NEXT: %[[T:.+]] = attn.softcap %[[C]] {cap = 2.0}
  // CHECK-NEXT: attn.softmax %[[T]]
  %s = attn.matmul %q, %kt : !x, !xt -> !xs
  %c = attn.scale %s {by = 0.5} : !xs
  %t = attn.softcap %c {cap = 2.0} : !xs
  %p = attn.softmax %t : !xs -> !xs
  %o = attn.matmul %p, %v : !xs, !x -> !x
  return %o : !x
}

// A softcap spelled as a tanh between scales; one before a scale is another one.
// CHECK-LABEL: func.func @tanh_capped
func.func @tanh_capped(%q: !x, %kt: !xt, %v: !x) -> (!x, !x) {
  // CHECK: %[[S:.+]] = attn.score
  // CHECK-NEXT: %[[C:.+]] = attn.scale %[[S]] {by = 0.5}
  // CHECK-NEXT: %[[T:.+]] = attn.softcap %[[C]] {cap = 2.0}
  // CHECK-NEXT: attn.softmax %[[T]]
  %two = attn.full {value = 2.0 : f64} : tensor<1xf32>
  %s = attn.matmul %q, %kt : !x, !xt -> !xs
  %c = attn.scale %s {by = 0.5} : !xs
  %d = attn.div %c, %two : !xs, tensor<1xf32> -> !xs
  %t = attn.tanh %d : !xs
  %u = attn.mul %two, %t : tensor<1xf32>, !xs -> !xs
  %p = attn.softmax %u : !xs -> !xs
  %o = attn.matmul %p, %v : !xs, !x -> !x
  // CHECK: %[[S2:.+]] = attn.score
  // CHECK-NEXT: %[[C2:.+]] = attn.scale %[[S2]] {by = 0.25}
  // CHECK-NEXT: %[[T2:.+]] = attn.softcap %[[C2]] {cap = 0.5}
  // CHECK-NEXT: attn.softmax %[[T2]]
  %s2 = attn.matmul %o, %kt : !x, !xt -> !xs
  %c2 = attn.softcap %s2 {cap = 2.0} : !xs
  %t2 = attn.scale %c2 {by = 0.25} : !xs
  %p2 = attn.softmax %t2 : !xs -> !xs
  %o2 = attn.matmul %p2, %v : !xs, !x -> !x
  return %o, %o2 : !x, !x
}

// Half textbook, half framework: what is there already stays.
// CHECK-LABEL: func.func @mixed
// CHECK-SAME: %[[Q:[^:]+]]: {{.+}}, %[[K:[^:]+]]: {{.+}}, %{{[^:]+}}: {{.+}}, %[[SINKS:[^:]+]]: tensor<2xf32>
func.func @mixed(%q: !h, %k: !h, %v: !hf, %sinks: tensor<2xf32>)
    -> (!hf, tensor<?x?x2xf32>) {
  // CHECK-NEXT: %[[S:.+]] = attn.score %[[Q]], %[[K]]
  // CHECK-NEXT: %[[C:.+]] = attn.scale %[[S]] {by = 0.5}
  // CHECK-NEXT: %[[M:.+]] = attn.mask %[[C]] {mask = #attn.causal}
  // CHECK-NEXT: %[[P:.+]], %[[LSE:.+]] = attn.softmax %[[M]] sinks(%[[SINKS]]
  // CHECK: attn.weighted_sum %[[P]]
  // CHECK: return %{{.+}}, %[[LSE]]
  %s = attn.score %q, %k : !h, !h -> !hs
  %m = attn.mask %s {mask = #attn.causal} : !hs
  %c = attn.scale %m {by = 0.5} : !hs
  %p, %lse = attn.softmax %c sinks(%sinks : tensor<2xf32>)
      : !hs -> !hs, tensor<?x?x2xf32>
  %o = attn.matmul %p, %v : !hs, !hf -> !hf
  return %o, %lse : !hf, tensor<?x?x2xf32>
}

// CHECK-LABEL: func.func @textbook
func.func @textbook(%q: !h, %k: !h, %v: !h) -> !h {
  // CHECK-NEXT: attn.score
  // CHECK-NEXT: attn.scale
  // CHECK-NEXT: attn.mask
  // CHECK-NEXT: attn.softmax
  // CHECK-NEXT: attn.weighted_sum
  // CHECK-NEXT: return
  %s = attn.score %q, %k : !h, !h -> !hs
  %c = attn.scale %s {by = 0.5} : !hs
  %m = attn.mask %c {mask = #attn.causal} : !hs
  %p = attn.softmax %m : !hs -> !hs
  %o = attn.weighted_sum %p, %v : !hs, !h -> !h
  return %o : !h
}

// The textbook's scores under a framework's weighted sum.
// CHECK-LABEL: func.func @score_and_matmul
func.func @score_and_matmul(%q: !h, %k: !h, %v: !hf) -> !hf {
  // CHECK-NEXT: %[[S:.+]] = attn.score
  // CHECK-NEXT: %[[P:.+]] = attn.softmax %[[S]]
  // CHECK: attn.weighted_sum %[[P]]
  %s = attn.score %q, %k : !h, !h -> !hs
  %p = attn.softmax %s : !hs -> !hs
  %o = attn.matmul %p, %v : !hs, !hf -> !hf
  return %o : !hf
}

// A scale of the queries scales the scores, also in front of a rotation.
// CHECK-LABEL: func.func @scaled_operands
// CHECK-SAME: %[[Q:[^:]+]]: {{.+}}, %[[K:[^:]+]]: {{.+}}, %{{[^:]+}}:
func.func @scaled_operands(%q: !h, %k: !h, %v: !h) -> !h {
  // CHECK-NEXT: %[[QR:.+]] = attn.rope %[[Q]]
  // CHECK-NEXT: %[[S:.+]] = attn.score %[[QR]], %[[K]]
  // CHECK-NEXT: %[[C:.+]] = attn.scale %[[S]] {by = 1.5}
  // CHECK-NEXT: %[[P:.+]] = attn.softmax %[[C]]
  // CHECK-NEXT: attn.weighted_sum %[[P]]
  %three = attn.full {value = 3.0 : f64} : tensor<1xf32>
  %qc = attn.scale %q {by = 0.5} : !h
  %qr = attn.rope %qc {position = #attn.rope<theta = 1.0e4>} : !h
  %kc = attn.mul %three, %k : tensor<1xf32>, !h -> !h
  %s = attn.score %qr, %kc : !h, !h -> !hs
  %p = attn.softmax %s : !hs -> !hs
  %o = attn.weighted_sum %p, %v : !hs, !h -> !h
  return %o : !h
}

// Heads in front of the tokens before the rotation or after it.
// CHECK-LABEL: func.func @rotated_heads
// CHECK-SAME: %[[Q:[^:]+]]: {{.+}}, %[[K:[^:]+]]: {{.+}}, %{{[^:]+}}:
func.func @rotated_heads(%q: !h, %k: !h, %v: !hf) -> !hf {
  // CHECK-NEXT: %[[QR:.+]] = attn.rope %[[Q]] {position
  // CHECK-NEXT: attn.score %[[QR]], %[[K]]
  %qf = attn.transpose %q {permutation = array<i64: 0, 2, 1, 3>} : !h -> !hf
  %qr = attn.rope %qf {position = #attn.rope<theta = 1.0e4>, heads_first} : !hf
  %kt = attn.transpose %k {permutation = array<i64: 0, 2, 3, 1>} : !h -> !ht
  %s = attn.matmul %qr, %kt : !hf, !ht -> !hs
  %p = attn.softmax %s : !hs -> !hs
  %o = attn.matmul %p, %v : !hs, !hf -> !hf
  return %o : !hf
}

// Keys that were transposed before their heads were split.
// CHECK-LABEL: func.func @split_after_transpose
// CHECK-SAME: %[[Q:[^:]+]]: {{.+}}, %[[K:[^:]+]]: tensor<2x6x8xf32>
func.func @split_after_transpose(%q: tensor<2x2x5x4xf32>, %v: tensor<2x2x6x4xf32>, %k: tensor<2x6x8xf32>)
    -> tensor<2x2x5x4xf32> {
  // CHECK: %[[KH:.+]] = attn.unflatten %[[K]] {dim = 2} : tensor<2x6x8xf32> -> tensor<2x6x2x4xf32>
  // CHECK: attn.score %{{.+}}, %[[KH]]
  %kt = attn.transpose %k {permutation = array<i64: 0, 2, 1>} : tensor<2x6x8xf32> -> tensor<2x8x6xf32>
  %kh = attn.unflatten %kt {dim = 1} : tensor<2x8x6xf32> -> tensor<2x2x4x6xf32>
  %s = attn.matmul %q, %kh : tensor<2x2x5x4xf32>, tensor<2x2x4x6xf32> -> tensor<2x2x5x6xf32>
  %p = attn.softmax %s : tensor<2x2x5x6xf32> -> tensor<2x2x5x6xf32>
  %o = attn.matmul %p, %v : tensor<2x2x5x6xf32>, tensor<2x2x6x4xf32> -> tensor<2x2x5x4xf32>
  return %o : tensor<2x2x5x4xf32>
}
