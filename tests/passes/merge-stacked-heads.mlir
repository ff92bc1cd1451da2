// RUN: attn-opt %s --attn-merge-stacked-heads --verify-each-numeric | FileCheck %s
// RUN: attn-opt %s --attn-merge-stacked-heads --verify-diagnostics \
// RUN:   --remarks-filter='.*' --remark-format=emitRemark

// Heads that differ in their weights alone are one attention; others stay.

!x = tensor<2x6x3xf32>
!w = tensor<2x3xf32>
!wm = tensor<3x2xf32>
!p = tensor<2x6x2xf32>
!h = tensor<2x6x1x2xf32>
!l = tensor<2x6x1xf32>
!o = tensor<2x6x4xf32>

// CHECK-LABEL: func.func @linear
// CHECK-SAME: (%[[X:.+]]: tensor<2x6x3xf32>, %[[Q0:.+]]: tensor<2x3xf32>, %[[K0:.+]]: tensor<2x3xf32>, %[[V0:.+]]: tensor<2x3xf32>, %[[Q1:.+]]: tensor<2x3xf32>, %[[K1:.+]]: tensor<2x3xf32>, %[[V1:.+]]: tensor<2x3xf32>, %[[B0:.+]]: tensor<2xf32>, %[[B1:.+]]: tensor<2xf32>)
func.func @linear(%x: !x, %q0: !w, %k0: !w, %v0: !w, %q1: !w, %k1: !w, %v1: !w,
                  %b0: tensor<2xf32>, %b1: tensor<2xf32>) -> !o {
  // CHECK-NEXT: %[[WQ:.+]] = attn.concat %[[Q0]], %[[Q1]] {dim = 0}
  // CHECK-NEXT: %[[B:.+]] = attn.concat %[[B0]], %[[B1]] {dim = 0}
  // CHECK-NEXT: %[[Q:.+]] = attn.linear %[[X]], %[[WQ]] bias(%[[B]] : tensor<4xf32>)
  // CHECK-NEXT: %[[WK:.+]] = attn.concat %[[K0]], %[[K1]] {dim = 0}
  // CHECK-NEXT: %[[K:.+]] = attn.linear %[[X]], %[[WK]]
  // CHECK-NEXT: %[[WV:.+]] = attn.concat %[[V0]], %[[V1]] {dim = 0}
  // CHECK-NEXT: %[[V:.+]] = attn.linear %[[X]], %[[WV]]
  // CHECK-NEXT: %[[QH:.+]] = attn.unflatten %[[Q]] {dim = 2} : tensor<2x6x4xf32> -> tensor<2x6x2x2xf32>
  // CHECK-NEXT: %[[KH:.+]] = attn.unflatten %[[K]]
  // CHECK-NEXT: %[[VH:.+]] = attn.unflatten %[[V]]
  // CHECK-NEXT: %[[O:.+]], %{{.+}} = attn.flash %[[QH]], %[[KH]], %[[VH]] {scale = 0.5, mask = #attn.causal}
  // CHECK-NEXT: %[[F:.+]] = attn.flatten %[[O]] {dim = 2}
  // CHECK-NEXT: return %[[F]]
  %q = attn.linear %x, %q0 bias(%b0 : tensor<2xf32>) : !x, !w -> !p
  %k = attn.linear %x, %k0 : !x, !w -> !p
  %v = attn.linear %x, %v0 : !x, !w -> !p
  %qh = attn.expand %q {dim = 2} : !p -> !h
  %kh = attn.expand %k {dim = 2} : !p -> !h
  %vh = attn.expand %v {dim = 2} : !p -> !h
  %o, %lse = attn.flash %qh, %kh, %vh {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f = attn.flatten %o {dim = 2} : !h -> !p
  %q2 = attn.linear %x, %q1 bias(%b1 : tensor<2xf32>) : !x, !w -> !p
  %k2 = attn.linear %x, %k1 : !x, !w -> !p
  %v2 = attn.linear %x, %v1 : !x, !w -> !p
  %qh2 = attn.expand %q2 {dim = 2} : !p -> !h
  %kh2 = attn.expand %k2 {dim = 2} : !p -> !h
  %vh2 = attn.expand %v2 {dim = 2} : !p -> !h
  %o2, %lse2 = attn.flash %qh2, %kh2, %vh2 {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f2 = attn.flatten %o2 {dim = 2} : !h -> !p
  // expected-remark@below {{merged 2 single heads into one attention; each call puts 160 bytes of weights together}}
  %c = attn.concat %f, %f2 {dim = 2} : !p, !p -> !o
  return %c : !o
}

// A bias may be added behind a product, on either side: the biases are joined
// as the weights are.
// CHECK-LABEL: func.func @added_biases
// CHECK: %[[W:.+]] = attn.concat %{{.+}} {dim = 1} : tensor<3x2xf32>, tensor<3x2xf32> -> tensor<3x4xf32>
// CHECK-NEXT: %[[P:.+]] = attn.matmul %{{.+}}, %[[W]]
// CHECK-NEXT: %[[B:.+]] = attn.concat %{{.+}} {dim = 0} : tensor<2xf32>, tensor<2xf32> -> tensor<4xf32>
// CHECK-NEXT: attn.add %[[P]], %[[B]] : tensor<2x6x4xf32>, tensor<4xf32> -> tensor<2x6x4xf32>
// CHECK: attn.flash
// CHECK-NOT: attn.flash
func.func @added_biases(%x: !x, %q0: !wm, %k0: !w, %v0: !wm, %q1: !wm, %k1: !w,
                        %v1: !wm, %b0: tensor<2xf32>, %b1: tensor<2xf32>) -> !o {
  %qp = attn.matmul %x, %q0 : !x, !wm -> !p
  %q = attn.add %qp, %b0 : !p, tensor<2xf32> -> !p
  %kp = attn.linear %x, %k0 : !x, !w -> !p
  %k = attn.add %b0, %kp : tensor<2xf32>, !p -> !p
  %v = attn.matmul %x, %v0 : !x, !wm -> !p
  %qh = attn.expand %q {dim = 2} : !p -> !h
  %kh = attn.expand %k {dim = 2} : !p -> !h
  %vh = attn.expand %v {dim = 2} : !p -> !h
  %o, %lse = attn.flash %qh, %kh, %vh {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f = attn.flatten %o {dim = 2} : !h -> !p
  %qp2 = attn.matmul %x, %q1 : !x, !wm -> !p
  %q2 = attn.add %b1, %qp2 : tensor<2xf32>, !p -> !p
  %kp2 = attn.linear %x, %k1 : !x, !w -> !p
  %k2 = attn.add %kp2, %b1 : !p, tensor<2xf32> -> !p
  %v2 = attn.matmul %x, %v1 : !x, !wm -> !p
  %qh2 = attn.expand %q2 {dim = 2} : !p -> !h
  %kh2 = attn.expand %k2 {dim = 2} : !p -> !h
  %vh2 = attn.expand %v2 {dim = 2} : !p -> !h
  %o2, %lse2 = attn.flash %qh2, %kh2, %vh2 {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f2 = attn.flatten %o2 {dim = 2} : !h -> !p
  // expected-remark@below {{merged 2 single heads into one attention; each call puts 176 bytes of weights together}}
  %c = attn.concat %f, %f2 {dim = 2} : !p, !p -> !o
  return %c : !o
}

// What is added to each row is no bias of the weights' rows.
// CHECK-LABEL: func.func @added_rows
// CHECK-COUNT-2: attn.flash
func.func @added_rows(%x: !x, %w: !wm, %b: !p) -> !o {
  %qp = attn.matmul %x, %w : !x, !wm -> !p
  %q = attn.add %qp, %b : !p, !p -> !p
  %k = attn.matmul %x, %w : !x, !wm -> !p
  %v = attn.matmul %x, %w : !x, !wm -> !p
  %qh = attn.expand %q {dim = 2} : !p -> !h
  %kh = attn.expand %k {dim = 2} : !p -> !h
  %vh = attn.expand %v {dim = 2} : !p -> !h
  %o, %lse = attn.flash %qh, %kh, %vh {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f = attn.flatten %o {dim = 2} : !h -> !p
  %o2, %lse2 = attn.flash %qh, %kh, %vh {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f2 = attn.flatten %o2 {dim = 2} : !h -> !p
  // expected-remark@below {{query of head 0 is no projection}}
  %c = attn.concat %f, %f2 {dim = 2} : !p, !p -> !o
  return %c : !o
}

// Weights [in, out] are joined along their outputs.
// CHECK-LABEL: func.func @matmul
// CHECK: attn.concat %{{.+}} {dim = 1} : tensor<3x2xf32>, tensor<3x2xf32> -> tensor<3x4xf32>
// CHECK-NEXT: attn.matmul %{{.+}} : tensor<2x6x3xf32>, tensor<3x4xf32> -> tensor<2x6x4xf32>
// CHECK: attn.flash
// CHECK-NOT: attn.flash
func.func @matmul(%x: !x, %q0: !wm, %k0: !wm, %v0: !wm, %q1: !wm, %k1: !wm, %v1: !wm) -> !o {
  %q = attn.matmul %x, %q0 : !x, !wm -> !p
  %k = attn.matmul %x, %k0 : !x, !wm -> !p
  %v = attn.matmul %x, %v0 : !x, !wm -> !p
  %qh = attn.expand %q {dim = 2} : !p -> !h
  %kh = attn.expand %k {dim = 2} : !p -> !h
  %vh = attn.expand %v {dim = 2} : !p -> !h
  %o, %lse = attn.flash %qh, %kh, %vh {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f = attn.flatten %o {dim = 2} : !h -> !p
  %q2 = attn.matmul %x, %q1 : !x, !wm -> !p
  %k2 = attn.matmul %x, %k1 : !x, !wm -> !p
  %v2 = attn.matmul %x, %v1 : !x, !wm -> !p
  %qh2 = attn.expand %q2 {dim = 2} : !p -> !h
  %kh2 = attn.expand %k2 {dim = 2} : !p -> !h
  %vh2 = attn.expand %v2 {dim = 2} : !p -> !h
  %o2, %lse2 = attn.flash %qh2, %kh2, %vh2 {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f2 = attn.flatten %o2 {dim = 2} : !h -> !p
  // expected-remark@below {{merged 2 single heads}}
  %c = attn.concat %f, %f2 {dim = 2} : !p, !p -> !o
  return %c : !o
}

// Heads that are stored apart are no parts of one tensor.
// CHECK-LABEL: func.func @stored_apart
// CHECK-COUNT-2: attn.flash
func.func @stored_apart(%x: !x, %q0: !wm, %k0: !wm, %v0: !wm, %q1: !wm, %k1: !wm, %v1: !wm) -> !o {
  %q = attn.matmul %x, %q0 : !x, !wm -> !p
  %k = attn.matmul %x, %k0 : !x, !wm -> !p
  %v = attn.matmul %x, %v0 : !x, !wm -> !p
  %qh = attn.expand %q {dim = 2} : !p -> !h
  %kh = attn.expand %k {dim = 2} : !p -> !h
  %vh = attn.expand %v {dim = 2} : !p -> !h
  %o, %lse = attn.flash %qh, %kh, %vh {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f = attn.flatten %o {dim = 2} : !h -> !p
  %q2 = attn.matmul %x, %q1 : !x, !wm -> !p
  %k2 = attn.matmul %x, %k1 : !x, !wm -> !p
  %v2 = attn.matmul %x, %v1 : !x, !wm -> !p
  %qh2 = attn.expand %q2 {dim = 2} : !p -> !h
  %kh2 = attn.expand %k2 {dim = 2} : !p -> !h
  %vh2 = attn.expand %v2 {dim = 2} : !p -> !h
  %o2, %lse2 = attn.flash %qh2, %kh2, %vh2 {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> tensor<2x6x1x2xf16>, !l
  %f2 = attn.flatten %o2 {dim = 2} : tensor<2x6x1x2xf16> -> tensor<2x6x2xf16>
  %c = attn.concat %f, %f2 {dim = 2} : !p, tensor<2x6x2xf16> -> !o
  return %c : !o
}

// The first head's queries are needed elsewhere too.
// CHECK-LABEL: func.func @projection_used_twice
// CHECK-COUNT-2: attn.flash
func.func @projection_used_twice(%x: !x, %q0: !w, %k0: !w, %v0: !w, %q1: !w,
                                 %k1: !w, %v1: !w) -> (!o, !p) {
  %q = attn.linear %x, %q0 : !x, !w -> !p
  %k = attn.linear %x, %k0 : !x, !w -> !p
  %v = attn.linear %x, %v0 : !x, !w -> !p
  %qh = attn.expand %q {dim = 2} : !p -> !h
  %kh = attn.expand %k {dim = 2} : !p -> !h
  %vh = attn.expand %v {dim = 2} : !p -> !h
  %o, %lse = attn.flash %qh, %kh, %vh {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f = attn.flatten %o {dim = 2} : !h -> !p
  %q2 = attn.linear %x, %q1 : !x, !w -> !p
  %k2 = attn.linear %x, %k1 : !x, !w -> !p
  %v2 = attn.linear %x, %v1 : !x, !w -> !p
  %qh2 = attn.expand %q2 {dim = 2} : !p -> !h
  %kh2 = attn.expand %k2 {dim = 2} : !p -> !h
  %vh2 = attn.expand %v2 {dim = 2} : !p -> !h
  %o2, %lse2 = attn.flash %qh2, %kh2, %vh2 {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f2 = attn.flatten %o2 {dim = 2} : !h -> !p
  // expected-remark@below {{query of head 0 has 2 uses, expected 1: it would be computed twice}}
  %c = attn.concat %f, %f2 {dim = 2} : !p, !p -> !o
  return %c, %q : !o, !p
}

// One head is causal, the other is not.
// CHECK-LABEL: func.func @masks_differ
// CHECK-COUNT-2: attn.flash
func.func @masks_differ(%x: !x, %q0: !w, %k0: !w, %v0: !w, %q1: !w, %k1: !w, %v1: !w) -> !o {
  %q = attn.linear %x, %q0 : !x, !w -> !p
  %k = attn.linear %x, %k0 : !x, !w -> !p
  %v = attn.linear %x, %v0 : !x, !w -> !p
  %qh = attn.expand %q {dim = 2} : !p -> !h
  %kh = attn.expand %k {dim = 2} : !p -> !h
  %vh = attn.expand %v {dim = 2} : !p -> !h
  %o, %lse = attn.flash %qh, %kh, %vh {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f = attn.flatten %o {dim = 2} : !h -> !p
  %q2 = attn.linear %x, %q1 : !x, !w -> !p
  %k2 = attn.linear %x, %k1 : !x, !w -> !p
  %v2 = attn.linear %x, %v1 : !x, !w -> !p
  %qh2 = attn.expand %q2 {dim = 2} : !p -> !h
  %kh2 = attn.expand %k2 {dim = 2} : !p -> !h
  %vh2 = attn.expand %v2 {dim = 2} : !p -> !h
  %o2, %lse2 = attn.flash %qh2, %kh2, %vh2 {scale = 0.5, mask = #attn.bidirectional} : !h, !h, !h -> !h, !l
  %f2 = attn.flatten %o2 {dim = 2} : !h -> !p
  // expected-remark@below {{head 0 and head 1 differ in scale or mask}}
  %c = attn.concat %f, %f2 {dim = 2} : !p, !p -> !o
  return %c : !o
}

// The second head's keys come from another sequence.
// CHECK-LABEL: func.func @inputs_differ
// CHECK-COUNT-2: attn.flash
func.func @inputs_differ(%x: !x, %y: !x, %q0: !w, %k0: !w, %v0: !w, %q1: !w, %k1: !w, %v1: !w) -> !o {
  %q = attn.linear %x, %q0 : !x, !w -> !p
  %k = attn.linear %x, %k0 : !x, !w -> !p
  %v = attn.linear %x, %v0 : !x, !w -> !p
  %qh = attn.expand %q {dim = 2} : !p -> !h
  %kh = attn.expand %k {dim = 2} : !p -> !h
  %vh = attn.expand %v {dim = 2} : !p -> !h
  %o, %lse = attn.flash %qh, %kh, %vh {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f = attn.flatten %o {dim = 2} : !h -> !p
  %q2 = attn.linear %x, %q1 : !x, !w -> !p
  %k2 = attn.linear %y, %k1 : !x, !w -> !p
  %v2 = attn.linear %x, %v1 : !x, !w -> !p
  %qh2 = attn.expand %q2 {dim = 2} : !p -> !h
  %kh2 = attn.expand %k2 {dim = 2} : !p -> !h
  %vh2 = attn.expand %v2 {dim = 2} : !p -> !h
  %o2, %lse2 = attn.flash %qh2, %kh2, %vh2 {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f2 = attn.flatten %o2 {dim = 2} : !h -> !p
  // expected-remark@below {{key projections of head 0 and head 1 have different inputs}}
  %c = attn.concat %f, %f2 {dim = 2} : !p, !p -> !o
  return %c : !o
}

// A stack of one head is an attention with one head.
// CHECK-LABEL: func.func @one_head
// CHECK-SAME: (%[[X:.+]]: tensor<2x6x3xf32>, %[[WQ:.+]]: tensor<2x3xf32>, %{{.+}}: tensor<2x3xf32>, %{{.+}}: tensor<2x3xf32>)
func.func @one_head(%x: !x, %wq: !w, %wk: !w, %wv: !w) -> !p {
  // CHECK-NEXT: %[[Q:.+]] = attn.linear %[[X]], %[[WQ]]
  // CHECK: attn.unflatten %[[Q]] {dim = 2} : tensor<2x6x2xf32> -> tensor<2x6x1x2xf32>
  // CHECK: attn.flash
  // CHECK-NEXT: %[[F:.+]] = attn.flatten
  // CHECK-NEXT: return %[[F]]
  %q = attn.linear %x, %wq : !x, !w -> !p
  %k = attn.linear %x, %wk : !x, !w -> !p
  %v = attn.linear %x, %wv : !x, !w -> !p
  %qh = attn.expand %q {dim = 2} : !p -> !h
  %kh = attn.expand %k {dim = 2} : !p -> !h
  %vh = attn.expand %v {dim = 2} : !p -> !h
  %o, %lse = attn.flash %qh, %kh, %vh {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f = attn.flatten %o {dim = 2} : !h -> !p
  // expected-remark@below {{merged 1 single head into one attention; each call puts 0 bytes of weights together}}
  %c = attn.concat %f {dim = 2} : !p -> !p
  return %c : !p
}

// Whatever its projections, a stack of one is no stack.
// CHECK-LABEL: func.func @one_head_alone
func.func @one_head_alone(%q: !h, %k: !h, %v: !h) -> !p {
  // CHECK-NEXT: attn.flash
  // CHECK-NEXT: %[[F:.+]] = attn.flatten
  // CHECK-NEXT: return %[[F]]
  %o, %lse = attn.flash %q, %k, %v {scale = 0.5, mask = #attn.causal} : !h, !h, !h -> !h, !l
  %f = attn.flatten %o {dim = 2} : !h -> !p
  %c = attn.concat %f {dim = 2} : !p -> !p
  return %c : !p
}

// What is joined with nothing is itself, if the types are one.
// CHECK-LABEL: func.func @alone
// CHECK: %[[F:.+]] = attn.flatten
// CHECK-NEXT: return %[[F]]
func.func @alone(%q: tensor<1x?x1x4xf32>) -> tensor<1x?x4xf32> {
  %o, %lse = attn.flash %q, %q, %q {scale = 0.5, mask = #attn.causal} : tensor<1x?x1x4xf32>, tensor<1x?x1x4xf32>, tensor<1x?x1x4xf32> -> tensor<1x?x1x4xf32>, tensor<1x?x1xf32>
  %f = attn.flatten %o {dim = 2} : tensor<1x?x1x4xf32> -> tensor<1x?x4xf32>
  %c = attn.concat %f {dim = 2} : tensor<1x?x4xf32> -> tensor<1x?x4xf32>
  return %c : tensor<1x?x4xf32>
}

// CHECK-LABEL: func.func @alone_with_a_size
// CHECK: %[[C:.+]] = attn.concat %{{.+}} {dim = 2} : tensor<1x?x4xf32> -> tensor<1x8x4xf32>
// CHECK-NEXT: return %[[C]]
func.func @alone_with_a_size(%q: tensor<1x?x1x4xf32>) -> tensor<1x8x4xf32> {
  %o, %lse = attn.flash %q, %q, %q {scale = 0.5, mask = #attn.causal} : tensor<1x?x1x4xf32>, tensor<1x?x1x4xf32>, tensor<1x?x1x4xf32> -> tensor<1x?x1x4xf32>, tensor<1x?x1xf32>
  %f = attn.flatten %o {dim = 2} : tensor<1x?x1x4xf32> -> tensor<1x?x4xf32>
  // expected-remark@below {{query of head 0 is no projection}}
  %c = attn.concat %f {dim = 2} : tensor<1x?x4xf32> -> tensor<1x8x4xf32>
  return %c : tensor<1x8x4xf32>
}
