// RUN: attn-opt %s --attn-form-flash --verify-each-numeric | FileCheck %s
// RUN: attn-opt %s --attn-form-flash --verify-diagnostics \
// RUN:   --remarks-filter='.*' --remark-format=emitRemark

// A bucket is counted up at thresholds of the distance, and its bias looked up
// in the table, which is an operand of attention then.

!h = tensor<?x?x4x8xf32>
!hs = tensor<?x4x?x?xf32>
!hl = tensor<?x?x4xf32>

// Of 8 buckets 0 to 3 hold one distance each; 4 to 7 begin at 4, 6, 8 and 12.
// CHECK-LABEL: func.func @causal
// CHECK-SAME: %[[TABLE:[a-z_0-9]+]]: tensor<8x4xf32>
// CHECK: attn.flash %{{.+}} table(%[[TABLE]] : tensor<8x4xf32>) {scale = 1.0, mask = #attn.causal}
// CHECK-NEXT: score_mod (%[[SCORE:.+]]: f32, %{{.+}}: index, %[[COLUMN:.+]]: index, %[[HEAD:.+]]: index, %[[POSITION:.+]]: index) {
// CHECK: %[[AHEAD:.+]] = arith.subi %[[COLUMN]], %[[POSITION]]
// CHECK: %[[ZERO:.+]] = arith.constant 0
// CHECK: %[[BEHIND:.+]] = arith.subi %[[ZERO]], %[[AHEAD]]
// CHECK: %[[FAR:.+]] = arith.maxsi %[[BEHIND]], %[[ZERO]]
// CHECK: arith.minsi %[[FAR]], %{{.+}}
// CHECK: %[[SIX:.+]] = arith.constant 6 : index
// CHECK: arith.cmpi sge, %[[FAR]], %[[SIX]]
// CHECK: arith.constant 8 : index
// CHECK: arith.constant 12 : index
// CHECK: %[[BUCKET:.+]] = arith.addi
// CHECK-NEXT: %[[BIAS:.+]] = attn.lookup[%[[BUCKET]], %[[HEAD]]]
// CHECK-NEXT: arith.addf %[[SCORE]], %[[BIAS]]
func.func @causal(%q: !h, %k: !h, %v: !h, %table: tensor<8x4xf32>) -> (!h, !hl) {
  %s = attn.score %q, %k : !h, !h -> !hs
  %b = attn.position_bias %s table(%table : tensor<8x4xf32>)
      {bias = #attn.buckets<count = 8, max_distance = 16>} : !hs
  %p, %lse = attn.masked_softmax %b {scale = 1.0, mask = #attn.causal} : !hs -> !hs, !hl
  // expected-remark@below {{joined score}}
  %o = attn.weighted_sum %p, %v : !hs, !h -> !h
  return %o, %lse : !h, !hl
}

// Keys ahead have the second half of the buckets; a softcap comes before.
// CHECK-LABEL: func.func @bidirectional
// CHECK: attn.flash %{{.+}} lengths(%{{.+}} : tensor<?xi32>) table(
// CHECK: math.tanh
// CHECK: %[[AHEAD:.+]] = arith.subi %{{.+}}, %{{.+}}
// CHECK: %[[BEHIND:.+]] = arith.subi
// CHECK: arith.maxsi %[[BEHIND]], %[[AHEAD]]
// CHECK: arith.cmpi sgt, %[[AHEAD]]
// CHECK: attn.lookup
func.func @bidirectional(%q: !h, %k: !h, %v: !h, %lengths: tensor<?xi32>,
                         %table: tensor<32x4xf32>) -> !h {
  %s = attn.score %q, %k : !h, !h -> !hs
  %c = attn.softcap %s {cap = 2.0} : !hs
  %b = attn.position_bias %c lengths(%lengths : tensor<?xi32>)
      table(%table : tensor<32x4xf32>)
      {bias = #attn.buckets<count = 32, max_distance = 20, bidirectional = true>} : !hs
  %p, %lse = attn.masked_softmax %b lengths(%lengths : tensor<?xi32>)
      {scale = 1.0, mask = #attn.bidirectional} : !hs -> !hs, !hl
  // expected-remark@below {{joined score}}
  %o = attn.weighted_sum %p, %v : !hs, !h -> !h
  return %o : !h
}

// Top-left rows stand at their indices; four buckets have one threshold.
// CHECK-LABEL: func.func @top_left
// CHECK: attn.flash
// CHECK-NEXT: score_mod (%{{.+}}: f32, %[[ROW:.+]]: index, %[[COLUMN:.+]]: index, %{{.+}}: index) {
// CHECK: arith.subi %[[COLUMN]], %[[ROW]]
func.func @top_left(%q: !h, %k: !h, %v: !h, %table: tensor<4x4xf32>) -> !h {
  %s = attn.score %q, %k : !h, !h -> !hs
  %b = attn.position_bias %s table(%table : tensor<4x4xf32>)
      {bias = #attn.buckets<count = 4, max_distance = 3, alignment = top_left>} : !hs
  %p, %lse = attn.masked_softmax %b
      {scale = 1.0, mask = #attn.causal<alignment = top_left>} : !hs -> !hs, !hl
  // expected-remark@below {{joined score}}
  %o = attn.weighted_sum %p, %v : !hs, !h -> !h
  return %o : !h
}

// CHECK-LABEL: func.func @other_lengths
// CHECK-NOT: attn.flash
func.func @other_lengths(%q: !h, %k: !h, %v: !h, %lengths: tensor<?xi32>,
                         %table: tensor<8x4xf32>) -> !h {
  %s = attn.score %q, %k : !h, !h -> !hs
  %b = attn.position_bias %s table(%table : tensor<8x4xf32>)
      {bias = #attn.buckets<count = 8, max_distance = 16>} : !hs
  %p, %lse = attn.masked_softmax %b lengths(%lengths : tensor<?xi32>)
      {scale = 1.0, mask = #attn.causal} : !hs -> !hs, !hl
  // expected-remark@below {{a bucket needs the row's position, which depends on other lengths than those of the mask}}
  %o = attn.weighted_sum %p, %v : !hs, !h -> !h
  return %o : !h
}
