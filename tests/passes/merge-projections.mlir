// RUN: attn-opt %s --attn-merge-projections --verify-each-numeric | FileCheck %s --check-prefixes=CHECK,DEFAULT
// RUN: attn-opt %s --attn-merge-projections=force=true --verify-each-numeric | FileCheck %s --check-prefixes=CHECK,FORCE
// RUN: attn-opt %s --attn-merge-projections --verify-diagnostics \
// RUN:   --remarks-filter='.*' --remark-format=emitRemark

// Weights that are neighbours in one tensor are one weight; those that lie
// apart are copied only when asked to.

!x = tensor<2x?x3xf32>
!w = tensor<4x3xf32>
!y = tensor<2x?x4xf32>

// CHECK-LABEL: func.func @packed
// CHECK-SAME: %[[X:[^:]+]]: {{.+}}, %[[W:[^:]+]]: tensor<12x3xf32>, %[[B:[^:]+]]: tensor<12xf32>
func.func @packed(%x: !x, %w: tensor<12x3xf32>, %b: tensor<12xf32>) -> (!y, !y, !y) {
  // CHECK-NEXT: %[[ALL:.+]] = attn.linear %[[X]], %[[W]] bias(%[[B]] : tensor<12xf32>)
  // CHECK-NEXT: %[[Q:.+]] = attn.slice %[[ALL]] {dim = 2, offset = 0}
  // CHECK-NEXT: %[[K:.+]] = attn.slice %[[ALL]] {dim = 2, offset = 4}
  // CHECK-NEXT: %[[V:.+]] = attn.slice %[[ALL]] {dim = 2, offset = 8}
  // CHECK-NEXT: return %[[Q]], %[[K]], %[[V]]
  %wq = attn.slice %w {dim = 0, offset = 0} : tensor<12x3xf32> -> !w
  %wk = attn.slice %w {dim = 0, offset = 4} : tensor<12x3xf32> -> !w
  %wv = attn.slice %w {dim = 0, offset = 8} : tensor<12x3xf32> -> !w
  %bq = attn.slice %b {dim = 0, offset = 0} : tensor<12xf32> -> tensor<4xf32>
  %bk = attn.slice %b {dim = 0, offset = 4} : tensor<12xf32> -> tensor<4xf32>
  %bv = attn.slice %b {dim = 0, offset = 8} : tensor<12xf32> -> tensor<4xf32>
  // expected-remark@below {{joined 3 projections of one input into one of 12 outputs; a call copies 0 bytes of weights}}
  %q = attn.linear %x, %wq bias(%bq : tensor<4xf32>) : !x, !w -> !y
  %k = attn.linear %x, %wk bias(%bk : tensor<4xf32>) : !x, !w -> !y
  %v = attn.linear %x, %wv bias(%bv : tensor<4xf32>) : !x, !w -> !y
  return %q, %k, %v : !y, !y, !y
}

// Queries come from elsewhere: keys and values are a part of the tensor.
// CHECK-LABEL: func.func @packed_cross_attention
// CHECK-SAME: %[[X:[^:]+]]: {{.+}}, %[[M:[^:]+]]: {{.+}}, %[[W:[^:]+]]: tensor<12x3xf32>
func.func @packed_cross_attention(%x: !x, %memory: !x, %w: tensor<12x3xf32>) -> (!y, !y, !y) {
  // CHECK-DAG: %[[WQ:.+]] = attn.slice %[[W]] {dim = 0, offset = 0} : tensor<12x3xf32> -> tensor<4x3xf32>
  // CHECK-DAG: attn.linear %[[X]], %[[WQ]]
  // CHECK-DAG: %[[WKV:.+]] = attn.slice %[[W]] {dim = 0, offset = 4} : tensor<12x3xf32> -> tensor<8x3xf32>
  // CHECK-DAG: attn.linear %[[M]], %[[WKV]]
  %wq = attn.slice %w {dim = 0, offset = 0} : tensor<12x3xf32> -> !w
  %wk = attn.slice %w {dim = 0, offset = 4} : tensor<12x3xf32> -> !w
  %wv = attn.slice %w {dim = 0, offset = 8} : tensor<12x3xf32> -> !w
  %q = attn.linear %x, %wq : !x, !w -> !y
  // expected-remark@below {{joined 2 projections of one input into one of 8 outputs}}
  %k = attn.linear %memory, %wk : !x, !w -> !y
  %v = attn.linear %memory, %wv : !x, !w -> !y
  return %q, %k, %v : !y, !y, !y
}

// CHECK-LABEL: func.func @apart
// CHECK-SAME: %[[X:[^:]+]]: {{.+}}, %[[WQ:[^:]+]]: {{.+}}, %[[WK:[^:]+]]:
func.func @apart(%x: !x, %wq: !w, %wk: tensor<2x3xf32>) -> (!y, tensor<2x?x2xf32>) {
  // DEFAULT-NEXT: attn.linear %[[X]], %[[WQ]]
  // DEFAULT-NEXT: attn.linear %[[X]], %[[WK]]
  // FORCE-NEXT: %[[W:.+]] = attn.concat %[[WQ]], %[[WK]] {dim = 0} : {{.+}} -> tensor<6x3xf32>
  // FORCE-NEXT: %[[ALL:.+]] = attn.linear %[[X]], %[[W]]
  // FORCE-NEXT: attn.slice %[[ALL]] {dim = 2, offset = 0} : tensor<2x?x6xf32> -> tensor<2x?x4xf32>
  // FORCE-NEXT: attn.slice %[[ALL]] {dim = 2, offset = 4} : tensor<2x?x6xf32> -> tensor<2x?x2xf32>
  // expected-remark@below {{2 projections of one input stay apart: joining their weights would copy 72 bytes in each call, to read 3 inputs of a row once}}
  %q = attn.linear %x, %wq : !x, !w -> !y
  %k = attn.linear %x, %wk : !x, tensor<2x3xf32> -> tensor<2x?x2xf32>
  return %q, %k : !y, tensor<2x?x2xf32>
}

// CHECK-LABEL: func.func @one_bias
func.func @one_bias(%x: !x, %wq: !w, %wk: !w, %b: tensor<4xf32>) -> (!y, !y) {
  // CHECK-COUNT-2: attn.linear
  // expected-remark@below {{2 projections of one input stay apart: some have a bias and others none}}
  %q = attn.linear %x, %wq bias(%b : tensor<4xf32>) : !x, !w -> !y
  %k = attn.linear %x, %wk : !x, !w -> !y
  return %q, %k : !y, !y
}

// The second weight follows from the first projection.
// CHECK-LABEL: func.func @weight_computed_later
func.func @weight_computed_later(%x: tensor<4x3xf32>, %w: tensor<3x3xf32>) -> tensor<4x4xf32> {
  // CHECK-COUNT-2: attn.linear
  // expected-remark@below {{2 projections of one input stay apart: weights are computed after the first product}}
  %y = attn.linear %x, %w : tensor<4x3xf32>, tensor<3x3xf32> -> tensor<4x3xf32>
  %z = attn.linear %x, %y : tensor<4x3xf32>, tensor<4x3xf32> -> tensor<4x4xf32>
  return %z : tensor<4x4xf32>
}

// A copy of both would have to be in one type.
// CHECK-LABEL: func.func @stored_differently
func.func @stored_differently(%x: !x, %wq: !w, %wk: tensor<4x3xbf16>) -> (!y, !y) {
  // CHECK-COUNT-2: attn.linear
  // expected-remark@below {{2 projections of one input stay apart: weights or results are stored in different types}}
  %q = attn.linear %x, %wq : !x, !w -> !y
  %k = attn.linear %x, %wk : !x, tensor<4x3xbf16> -> !y
  return %q, %k : !y, !y
}
