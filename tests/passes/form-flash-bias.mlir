// RUN: attn-opt %s --attn-form-flash --verify-each-numeric | FileCheck %s
// RUN: attn-opt %s --attn-form-flash --verify-diagnostics \
// RUN:   --remarks-filter='.*' --remark-format=emitRemark

// ALiBi is a function of row, column and head; what it needs beyond them must
// not show, or attention stays as it is.

!q = tensor<2x5x4x4xf32>
!k = tensor<2x7x4x4xf32>
!s = tensor<2x4x5x7xf32>
!lse = tensor<2x5x4xf32>

// CHECK-LABEL: func.func @power_of_two_heads
// CHECK: attn.flash %{{.+}} {scale = 0.5, mask = #attn.causal}
// CHECK-NEXT: score_mod (%[[SCORE:.+]]: f32, %[[ROW:.+]]: index, %[[COLUMN:.+]]: index, %[[HEAD:.+]]: index)
// CHECK: %[[RATIO:.+]] = arith.divf %[[SCORE]]
// CHECK: %[[CAPPED:.+]] = arith.mulf
// CHECK: %[[COUNT:.+]] = arith.addi %[[HEAD]], %
// CHECK: %[[STEP:.+]] = arith.constant -2.000000e+00 : f32
// CHECK: %[[EXPONENT:.+]] = arith.mulf %{{.+}}, %[[STEP]]
// CHECK-NEXT: %[[SLOPE:.+]] = math.exp2 %[[EXPONENT]]
// CHECK: %[[OFFSET:.+]] = arith.constant 2 : index
// CHECK-NEXT: %[[POSITION:.+]] = arith.addi %[[ROW]], %[[OFFSET]]
// CHECK-NEXT: arith.subi %[[COLUMN]], %[[POSITION]]
// CHECK: %[[BIAS:.+]] = arith.mulf %[[SLOPE]], %
// CHECK-NEXT: %[[BIASED:.+]] = arith.addf %[[CAPPED]], %[[BIAS]]
// CHECK-NEXT: attn.yield %[[BIASED]]
func.func @power_of_two_heads(%q: !q, %k: !k, %v: !k) -> (!q, !lse) {
  %s = attn.score %q, %k : !q, !k -> !s
  %c = attn.scale %s {by = 0.5} : !s
  %t = attn.softcap %c {cap = 3.0} : !s
  %b = attn.position_bias %t {bias = #attn.alibi} : !s
  %p, %lse = attn.masked_softmax %b {scale = 1.0, mask = #attn.causal}
      : !s -> !s, !lse
  // expected-remark@below {{joined score}}
  %o = attn.weighted_sum %p, %v : !s, !k -> !q
  return %o, %lse : !q, !lse
}

// Heads beyond a power of two, both ways to fill up; every kind of distance.
!q6 = tensor<2x5x6x4xf32>
!k6 = tensor<2x7x6x4xf32>
!s6 = tensor<2x6x5x7xf32>
!lse6 = tensor<2x5x6xf32>

// CHECK-LABEL: func.func @six_heads
// CHECK-COUNT-3: attn.flash
// CHECK-NOT: attn.position_bias
func.func @six_heads(%q: !q6, %k: !k6, %v: !k6) -> (!q6, !lse6) {
  %s = attn.score %q, %k : !q6, !k6 -> !s6
  %b = attn.position_bias %s {bias = #attn.alibi<distance = absolute, max_bias = 4.0>} : !s6
  %p, %lse = attn.masked_softmax %b {scale = 1.0, mask = #attn.bidirectional}
      : !s6 -> !s6, !lse6
  // expected-remark@below {{joined score}}
  %o = attn.weighted_sum %p, %v : !s6, !k6 -> !q6
  %s2 = attn.score %o, %k : !q6, !k6 -> !s6
  %b2 = attn.position_bias %s2 {bias = #attn.alibi<slopes = ceil_power, distance = key>} : !s6
  %p2, %lse2 = attn.masked_softmax %b2 {scale = 1.0, mask = #attn.causal}
      : !s6 -> !s6, !lse6
  // expected-remark@below {{joined score}}
  %o2 = attn.weighted_sum %p2, %v : !s6, !k6 -> !q6
  %s3 = attn.score %o2, %k : !q6, !k6 -> !s6
  %b3 = attn.position_bias %s3 {bias = #attn.alibi<alignment = top_left>} : !s6
  %p3, %lse3 = attn.masked_softmax %b3
      {scale = 1.0, mask = #attn.causal<alignment = top_left>} : !s6 -> !s6, !lse6
  // expected-remark@below {{joined score}}
  %o3 = attn.weighted_sum %p3, %v : !s6, !k6 -> !q6
  return %o3, %lse3 : !q6, !lse6
}

// A factor joins the slope, which is one for a row, unless what is multiplied is
// rounded first.

// CHECK-LABEL: func.func @factor
// CHECK: %[[SLOPE:.+]] = math.exp2
// CHECK: %[[FACTOR:.+]] = arith.constant 2.500000e-01 : f32
// CHECK-NEXT: %[[SCALED:.+]] = arith.mulf %[[SLOPE]], %[[FACTOR]]
// CHECK: arith.mulf %[[SCALED]], %{{.+}}
// CHECK-NEXT: arith.addf
func.func @factor(%q: !q, %k: !k, %v: !k) -> (!q, !lse) {
  %s = attn.score %q, %k : !q, !k -> !s
  %b = attn.position_bias %s {bias = #attn.alibi<factor = 0.25>} : !s
  %p, %lse = attn.masked_softmax %b {scale = 1.0, mask = #attn.causal}
      : !s -> !s, !lse
  // expected-remark@below {{joined score}}
  %o = attn.weighted_sum %p, %v : !s, !k -> !q
  return %o, %lse : !q, !lse
}

// CHECK-LABEL: func.func @rounding
// CHECK: %[[EXACT:.+]] = math.exp2
// CHECK: %[[FACTOR:.+]] = arith.constant 2.500000e-01 : f32
// CHECK-NEXT: %[[NARROW:.+]] = arith.truncf %[[EXACT]] : f32 to bf16
// CHECK-NEXT: %[[SLOPE:.+]] = arith.extf %[[NARROW]] : bf16 to f32
// CHECK: %[[KEY:.+]] = arith.sitofp
// CHECK-NEXT: %[[NARROW_KEY:.+]] = arith.truncf %[[KEY]]
// CHECK-NEXT: %[[DISTANCE:.+]] = arith.extf %[[NARROW_KEY]]
// CHECK-NEXT: %[[PRODUCT:.+]] = arith.mulf %[[SLOPE]], %[[DISTANCE]]
// CHECK-NEXT: %[[NARROW_PRODUCT:.+]] = arith.truncf %[[PRODUCT]]
// CHECK-NEXT: %[[ROUNDED:.+]] = arith.extf %[[NARROW_PRODUCT]]
// CHECK-NEXT: arith.mulf %[[ROUNDED]], %[[FACTOR]]
func.func @rounding(%q: !q, %k: !k, %v: !k) -> (!q, !lse) {
  %s = attn.score %q, %k : !q, !k -> !s
  %b = attn.position_bias %s {bias = #attn.alibi<distance = key, max_bias = 5.0,
      factor = 0.25, rounding = bf16>} : !s
  %p, %lse = attn.masked_softmax %b {scale = 1.0, mask = #attn.causal}
      : !s -> !s, !lse
  // expected-remark@below {{joined score}}
  %o = attn.weighted_sum %p, %v : !s, !k -> !q
  return %o, %lse : !q, !lse
}

!h = tensor<?x?x4x8xf32>
!hs = tensor<?x4x?x?xf32>
!hl = tensor<?x?x4xf32>

// Lengths that the mask counts too are known to the region.
// CHECK-LABEL: func.func @lengths
// CHECK: attn.flash %{{.+}} lengths(
// CHECK-NEXT: score_mod (%{{.+}}: f32, %{{.+}}: index, %[[COLUMN:.+]]: index, %{{.+}}: index, %[[POSITION:.+]]: index)
// CHECK: arith.subi %[[COLUMN]], %[[POSITION]]
func.func @lengths(%q: !h, %k: !h, %v: !h, %lengths: tensor<?xi32>) -> (!h, !hl) {
  %s = attn.score %q, %k : !h, !h -> !hs
  %b = attn.position_bias %s lengths(%lengths : tensor<?xi32>) {bias = #attn.alibi} : !hs
  %p, %lse = attn.masked_softmax %b lengths(%lengths : tensor<?xi32>)
      {scale = 1.0, mask = #attn.causal} : !hs -> !hs, !hl
  // expected-remark@below {{joined score}}
  %o = attn.weighted_sum %p, %v : !hs, !h -> !h
  return %o, %lse : !h, !hl
}

// The keys' extent tells the position, where neither has lengths.
// CHECK-LABEL: func.func @absolute_distance
// CHECK: attn.flash
// CHECK-NEXT: %[[POSITION:[a-z_0-9]+]]: index) {
// CHECK: arith.subi %{{.+}}, %[[POSITION]]
func.func @absolute_distance(%q: !h, %k: !h, %v: !h) -> (!h, !hl) {
  %s = attn.score %q, %k : !h, !h -> !hs
  %b = attn.position_bias %s {bias = #attn.alibi<distance = absolute>} : !hs
  %p, %lse = attn.masked_softmax %b {scale = 1.0, mask = #attn.causal} : !hs -> !hs, !hl
  // expected-remark@below {{joined score}}
  %o = attn.weighted_sum %p, %v : !hs, !h -> !h
  return %o, %lse : !h, !hl
}

// Of other lengths, the row's position moves all scores of the row alike: no
// one sees it but the denominator.
// CHECK-LABEL: func.func @other_lengths
// CHECK: attn.flash
// CHECK-NEXT: score_mod (%{{.+}}: f32, %[[ROW:.+]]: index, %[[COLUMN:.+]]: index, %{{.+}}: index) {
// CHECK: arith.subi %[[COLUMN]], %[[ROW]]
func.func @other_lengths(%q: !h, %k: !h, %v: !h, %lengths: tensor<?xi32>) -> !h {
  %s = attn.score %q, %k : !h, !h -> !hs
  %b = attn.position_bias %s lengths(%lengths : tensor<?xi32>) {bias = #attn.alibi} : !hs
  %p, %lse = attn.masked_softmax %b {scale = 1.0, mask = #attn.causal} : !hs -> !hs, !hl
  // expected-remark@below {{joined score}}
  %o = attn.weighted_sum %p, %v : !hs, !h -> !h
  return %o : !h
}

// CHECK-LABEL: func.func @other_lengths_lse
// CHECK-NOT: attn.flash
func.func @other_lengths_lse(%q: !h, %k: !h, %v: !h, %lengths: tensor<?xi32>) -> (!h, !hl) {
  %s = attn.score %q, %k : !h, !h -> !hs
  %b = attn.position_bias %s {bias = #attn.alibi} : !hs
  %p, %lse = attn.masked_softmax %b lengths(%lengths : tensor<?xi32>)
      {scale = 1.0, mask = #attn.causal} : !hs -> !hs, !hl
  // expected-remark@below {{the denominator is needed, and with it the row's position, which depends on other lengths than those of the mask}}
  %o = attn.weighted_sum %p, %v : !hs, !h -> !h
  return %o, %lse : !h, !hl
}

// CHECK-LABEL: func.func @other_lengths_absolute
// CHECK-NOT: attn.flash
func.func @other_lengths_absolute(%q: !h, %k: !h, %v: !h, %lengths: tensor<?xi32>) -> !h {
  %s = attn.score %q, %k : !h, !h -> !hs
  %b = attn.position_bias %s lengths(%lengths : tensor<?xi32>)
      {bias = #attn.alibi<distance = absolute>} : !hs
  %p, %lse = attn.masked_softmax %b {scale = 1.0, mask = #attn.causal} : !hs -> !hs, !hl
  // expected-remark@below {{an absolute distance needs the row's position, which depends on other lengths than those of the mask}}
  %o = attn.weighted_sum %p, %v : !hs, !h -> !h
  return %o : !h
}

// CHECK-LABEL: func.func @bias_before_scale
// CHECK-NOT: attn.flash
func.func @bias_before_scale(%q: !h, %k: !h, %v: !h) -> !h {
  %s = attn.score %q, %k : !h, !h -> !hs
  %b = attn.position_bias %s {bias = #attn.alibi<distance = key>} : !hs
  %p, %lse = attn.masked_softmax %b {scale = 0.5, mask = #attn.causal} : !hs -> !hs, !hl
  // expected-remark@below {{the bias stands before a scale of 0.5}}
  %o = attn.weighted_sum %p, %v : !hs, !h -> !h
  return %o : !h
}
