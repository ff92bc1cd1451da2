// RUN: attn-opt %s --convert-linalg-to-attn --verify-diagnostics \
// RUN:   --remarks-filter='.*' --remark-format=emitRemark
// RUN: attn-opt %s --convert-linalg-to-attn | FileCheck %s

// attn.matmul is a sum of products and nothing more: bodies that upstream calls
// contractions may compute anything of one operand on the way.

#a = affine_map<(i, j, k) -> (i, k)>
#b = affine_map<(i, j, k) -> (k, j)>
#c = affine_map<(i, j, k) -> (i, j)>

!s = tensor<6x6xf32>
!h = tensor<6x6xf16>
!d = tensor<6x6xf64>

// Operands of products and sums commute; storage is widened as it is read.
// CHECK-LABEL: func.func @commuted
// CHECK-SAME: (%[[A:.+]]: tensor<6x6xf32>, %[[B:.+]]: tensor<6x6xf32>)
// CHECK-NEXT: attn.matmul %[[A]], %[[B]] : tensor<6x6xf32>, tensor<6x6xf32> -> tensor<6x6xf32>
// expected-remark@below {{converted 1 structured operations}}
func.func @commuted(%a: !s, %b: !s) -> !s {
  %zero = arith.constant dense<0.0> : !s
  %c = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : !s, !s) outs(%zero : !s) {
  ^bb0(%x: f32, %y: f32, %sum: f32):
    %xy = arith.mulf %y, %x : f32
    %next = arith.addf %xy, %sum : f32
    linalg.yield %next : f32
  } -> !s
  return %c : !s
}

// CHECK-LABEL: func.func @widened
// CHECK-SAME: (%[[A:.+]]: tensor<6x6xf16>, %[[B:.+]]: tensor<6x6xbf16>)
// CHECK-NEXT: attn.matmul %[[A]], %[[B]] : tensor<6x6xf16>, tensor<6x6xbf16> -> tensor<6x6xf32>
// expected-remark@below {{converted 1 structured operations}}
func.func @widened(%a: !h, %b: tensor<6x6xbf16>) -> !s {
  %zero = arith.constant dense<0.0> : !s
  %c = linalg.matmul ins(%a, %b : !h, tensor<6x6xbf16>) outs(%zero : !s) -> !s
  return %c : !s
}

// CHECK-LABEL: func.func @contraction_of_exponentials
// CHECK-NOT: attn.matmul
// CHECK: linalg.generic
func.func @contraction_of_exponentials(%a: !s, %b: !s) -> !s {
  %zero = arith.constant dense<0.0> : !s
  // expected-remark@below {{'linalg.generic' stays: it adds more than products of its operands' elements}}
  %c = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : !s, !s) outs(%zero : !s) {
  ^bb0(%x: f32, %y: f32, %sum: f32):
    %e = math.exp %x : f32
    %xy = arith.mulf %e, %y : f32
    %next = arith.addf %sum, %xy : f32
    linalg.yield %next : f32
  } -> !s
  return %c : !s
}

// CHECK-LABEL: func.func @contraction_of_negated
// CHECK-NOT: attn.matmul
// CHECK: linalg.generic
func.func @contraction_of_negated(%a: !s, %b: !s) -> !s {
  %zero = arith.constant dense<0.0> : !s
  // expected-remark@below {{'linalg.generic' stays: it adds more than products of its operands' elements}}
  %c = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : !s, !s) outs(%zero : !s) {
  ^bb0(%x: f32, %y: f32, %sum: f32):
    %n = arith.negf %y : f32
    %xy = arith.mulf %x, %n : f32
    %next = arith.addf %sum, %xy : f32
    linalg.yield %next : f32
  } -> !s
  return %c : !s
}

// CHECK-LABEL: func.func @absolute_products
// CHECK-NOT: attn.matmul
func.func @absolute_products(%a: !s, %b: !s) -> !s {
  %zero = arith.constant dense<0.0> : !s
  // expected-remark@below {{'linalg.generic' stays: it adds more than products of its operands' elements}}
  %c = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : !s, !s) outs(%zero : !s) {
  ^bb0(%x: f32, %y: f32, %sum: f32):
    %xy = arith.mulf %x, %y : f32
    %m = math.absf %xy : f32
    %next = arith.addf %sum, %m : f32
    linalg.yield %next : f32
  } -> !s
  return %c : !s
}

// CHECK-LABEL: func.func @bounded_sums
// CHECK-NOT: attn.matmul
func.func @bounded_sums(%a: !s, %b: !s) -> !s {
  %zero = arith.constant dense<0.0> : !s
  // expected-remark@below {{'linalg.generic' stays: it adds more than products of its operands' elements}}
  %c = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : !s, !s) outs(%zero : !s) {
  ^bb0(%x: f32, %y: f32, %sum: f32):
    %xy = arith.mulf %x, %y : f32
    %next = arith.addf %sum, %xy : f32
    %t = math.tanh %next : f32
    linalg.yield %t : f32
  } -> !s
  return %c : !s
}

// Each product is rounded to f16.
// CHECK-LABEL: func.func @products_of_f16
// CHECK-NOT: attn.matmul
func.func @products_of_f16(%a: !h, %b: !h) -> !s {
  %zero = arith.constant dense<0.0> : !s
  // expected-remark@below {{'linalg.generic' stays: it adds more than products of its operands' elements}}
  %c = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : !h, !h) outs(%zero : !s) {
  ^bb0(%x: f16, %y: f16, %sum: f32):
    %xy = arith.mulf %x, %y : f16
    %w = arith.extf %xy : f16 to f32
    %next = arith.addf %sum, %w : f32
    linalg.yield %next : f32
  } -> !s
  return %c : !s
}

// Each element is rounded to f16 first.
// CHECK-LABEL: func.func @rounded_operands
// CHECK-NOT: attn.matmul
func.func @rounded_operands(%a: !s, %b: !h) -> !s {
  %zero = arith.constant dense<0.0> : !s
  // expected-remark@below {{'linalg.generic' stays: it adds more than products of its operands' elements}}
  %c = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : !s, !h) outs(%zero : !s) {
  ^bb0(%x: f32, %y: f16, %sum: f32):
    %n = arith.truncf %x : f32 to f16
    %w = arith.extf %n : f16 to f32
    %v = arith.extf %y : f16 to f32
    %xy = arith.mulf %w, %v : f32
    %next = arith.addf %sum, %xy : f32
    linalg.yield %next : f32
  } -> !s
  return %c : !s
}

// CHECK-LABEL: func.func @contraction_of_f64
// CHECK-NOT: attn.matmul
func.func @contraction_of_f64(%a: !d, %b: !d, %i: tensor<6x6xi8>) -> (!s, !s) {
  %zero = arith.constant dense<0.0> : !s
  // expected-remark@below {{'linalg.matmul' stays: the graph level has no tensors of f64}}
  %c = linalg.matmul ins(%a, %b : !d, !d) outs(%zero : !s) -> !s
  // expected-remark@below {{'linalg.matmul' stays: the graph level has no tensors of i8}}
  %d = linalg.matmul ins(%i, %i : tensor<6x6xi8>, tensor<6x6xi8>) outs(%zero : !s) -> !s
  return %c, %d : !s, !s
}

// A second sum over the left operand alone, and columns that repeat: the loops
// are more than rows, columns, inner sizes and batches.
// CHECK-LABEL: func.func @more_loops
// CHECK-NOT: attn.matmul
func.func @more_loops(%a: tensor<6x6x6xf32>, %b: !s) -> (!s, tensor<6x6x6xf32>) {
  %zero = arith.constant dense<0.0> : !s
  %zeros = arith.constant dense<0.0> : tensor<6x6x6xf32>
  // expected-remark@below {{'linalg.generic' stays: it loops over more than batches, rows, columns and what it sums over}}
  %c = linalg.generic {
      indexing_maps = [affine_map<(i, j, k, l) -> (i, k, l)>, affine_map<(i, j, k, l) -> (k, j)>, affine_map<(i, j, k, l) -> (i, j)>],
      iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%a, %b : tensor<6x6x6xf32>, !s) outs(%zero : !s) {
  ^bb0(%x: f32, %y: f32, %sum: f32):
    %xy = arith.mulf %x, %y : f32
    %next = arith.addf %sum, %xy : f32
    linalg.yield %next : f32
  } -> !s
  // expected-remark@below {{'linalg.generic' stays: it loops over more than batches, rows, columns and what it sums over}}
  %d = linalg.generic {
      indexing_maps = [affine_map<(i, j, k, l) -> (i, k)>, affine_map<(i, j, k, l) -> (k, j)>, affine_map<(i, j, k, l) -> (i, j, l)>],
      iterator_types = ["parallel", "parallel", "reduction", "parallel"]}
      ins(%b, %b : !s, !s) outs(%zeros : tensor<6x6x6xf32>) {
  ^bb0(%x: f32, %y: f32, %sum: f32):
    %xy = arith.mulf %x, %y : f32
    %next = arith.addf %sum, %xy : f32
    linalg.yield %next : f32
  } -> tensor<6x6x6xf32>
  return %c, %d : !s, tensor<6x6x6xf32>
}
