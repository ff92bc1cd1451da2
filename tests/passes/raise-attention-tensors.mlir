// RUN: attn-opt %s --attn-raise-attention --verify-diagnostics \
// RUN:   --remarks-filter='.*' --remark-format=emitRemark
// RUN: attn-opt %s --attn-raise-attention --verify-each-numeric | FileCheck %s

// A mask that is only almost causal is no symbol. As it hides with -inf, or is
// added as it was, attention is raised with the tensor.

!x = tensor<2x6x4xf32>
!xt = tensor<2x4x6xf32>
!s = tensor<2x6x6xf32>
!b = tensor<6x6xi1>
!f = tensor<6x6xf32>
!xh = tensor<2x3x6x4xf32>
!xht = tensor<2x3x4x6xf32>
!sh = tensor<2x3x6x6xf32>

// CHECK-LABEL: func.func @one_key_more
// CHECK: attn.masked_fill
// CHECK-NOT: attn.mask %
func.func @one_key_more(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = true} : !b
  %past = attn.tril %ones : !b
  %corner = attn.triu %ones {diagonal = 5} : !b
  %seen = attn.or %past, %corner : !b, !b -> !b
  %hidden = attn.not %seen : !b
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.masked_fill %s, %hidden {value = 0xFFF0000000000000 : f64} : !s, !b
  // expected-remark@+2 {{a constant mask stays a tensor: row 0 sees key 5, which '#attn.causal<alignment = top_left>' hides}}
  // expected-remark@below {{raised attention of rank 3: scale 1, mask '#attn.bidirectional', masks as tensors: 1}}
  %p = attn.softmax %m : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

// A row does not see itself; no window starts behind its own position.
// CHECK-LABEL: func.func @strictly_before
// CHECK: attn.masked_fill
// CHECK-NOT: attn.mask %
func.func @strictly_before(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = true} : !b
  %future = attn.triu %ones {diagonal = 0} : !b
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.masked_fill %s, %future {value = 0xFFF0000000000000 : f64} : !s, !b
  // expected-remark@+2 {{a constant mask stays a tensor: row 0 does not see key 0, which '#attn.window<right = 1, alignment = top_left>' shows}}
  // expected-remark@below {{raised attention of rank 3}}
  %p = attn.softmax %m : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

// Causal with a key missing in the middle; the causal part stays a symbol.
// CHECK-LABEL: func.func @one_key_less
// CHECK: attn.masked_fill
// CHECK: attn.mask %{{.+}} {mask = #attn.causal<alignment = top_left>}
func.func @one_key_less(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = true} : !b
  %future = attn.triu %ones {diagonal = 1} : !b
  %row = attn.full {value = false} : tensor<5x6xi1>
  %left = attn.full {value = false} : tensor<1x2xi1>
  %one = attn.full {value = true} : tensor<1x1xi1>
  %right = attn.full {value = false} : tensor<1x3xi1>
  %last = attn.concat %left, %one, %right {dim = 1} : tensor<1x2xi1>, tensor<1x1xi1>, tensor<1x3xi1> -> tensor<1x6xi1>
  %hole = attn.concat %row, %last {dim = 0} : tensor<5x6xi1>, tensor<1x6xi1> -> !b
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.masked_fill %s, %hole {value = 0xFFF0000000000000 : f64} : !s, !b
  %n = attn.masked_fill %m, %future {value = 0xFFF0000000000000 : f64} : !s, !b
  // expected-remark@+2 {{a constant mask stays a tensor: row 5 does not see key 2, which '#attn.causal<alignment = top_left>' shows}}
  // expected-remark@below {{raised attention of rank 3: scale 1, mask '#attn.causal<alignment = top_left>', masks as tensors: 1}}
  %p = attn.softmax %n : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

// Added, -1e9 is what it is: the sum stays.
// CHECK-LABEL: func.func @lowered
// CHECK: attn.add
// CHECK-NOT: attn.mask %
func.func @lowered(%q: !x, %kt: !xt, %v: !x) -> !x {
  %low = attn.full {value = -1.0e9 : f64} : !f
  %future = attn.triu %low {diagonal = 1} : !f
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.add %s, %future : !s, !f -> !s
  // expected-remark@+2 {{a constant mask stays a tensor: masked scores are -1e+09, expected -inf or at most -2e+30 for scores of up to 1e+30}}
  // expected-remark@below {{raised attention of rank 3}}
  %p = attn.softmax %m : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

// Dimensions of size 1 that stand side by side are added in one order.
// CHECK-LABEL: func.func @padding
func.func @padding(%q: !xh, %kt: !xht, %v: !xh, %padding: tensor<2x6xi1>) -> !xh {
  // CHECK: %[[E:.+]] = attn.expand %{{.+}} {dim = 1} : tensor<2x6xi1> -> tensor<2x1x6xi1>
  // CHECK-NEXT: %[[F:.+]] = attn.expand %[[E]] {dim = 1} : tensor<2x1x6xi1> -> tensor<2x1x1x6xi1>
  // CHECK: attn.masked_fill %{{.+}}, %[[F]]
  %s = attn.matmul %q, %kt : !xh, !xht -> !sh
  %p1 = attn.expand %padding {dim = 1} : tensor<2x6xi1> -> tensor<2x1x6xi1>
  %p2 = attn.expand %p1 {dim = 2} : tensor<2x1x6xi1> -> tensor<2x1x1x6xi1>
  %m = attn.masked_fill %s, %p2 {value = 0xFFF0000000000000 : f64} : !sh, tensor<2x1x1x6xi1>
  // expected-remark@below {{raised attention of rank 4: scale 1, mask '#attn.bidirectional', masks as tensors: 1}}
  %p = attn.softmax %m : !sh -> !sh
  %o = attn.matmul %p, %v : !sh, !xh -> !xh
  return %o : !xh
}

// What is added may be stored in several types: their sum is in f32.
// CHECK-LABEL: func.func @stored_apart
// CHECK-SAME: %[[HALF:[^:]+]]: tensor<6x6xf16>, %[[FULL:[^:]+]]: tensor<6x6xf32>
func.func @stored_apart(%q: !xh, %kt: !xht, %v: !xh, %half: tensor<6x6xf16>, %full: !f) -> !xh {
  // CHECK: %[[SUM:.+]] = attn.add %{{.+}}, %{{.+}} : tensor<1x1x6x6xf{{16|32}}>, tensor<1x1x6x6xf{{16|32}}> -> tensor<1x1x6x6xf32>
  // CHECK-NEXT: attn.add %{{.+}}, %[[SUM]] : {{.+}}, tensor<1x1x6x6xf32> -> tensor<2x3x6x6xf32>
  %s = attn.matmul %q, %kt : !xh, !xht -> !sh
  %a = attn.add %s, %half : !sh, tensor<6x6xf16> -> !sh
  %m = attn.add %full, %a : !f, !sh -> !sh
  // expected-remark@below {{raised attention of rank 4: scale 1, mask '#attn.bidirectional', masks as tensors: 2}}
  %p = attn.softmax %m : !sh -> !sh
  %o = attn.matmul %p, %v : !sh, !xh -> !xh
  return %o : !xh
}
