// RUN: attn-opt %s --convert-linalg-to-attn --verify-diagnostics \
// RUN:   --remarks-filter='.*' --remark-format=emitRemark | FileCheck %s

// What is almost a softmax.

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

!s = tensor<6x6xf32>
!r = tensor<6xf32>

// Each "sum" is of one element: the loop of the reduction goes on in the result.
// CHECK-LABEL: func.func @sum_of_one
// CHECK-NOT: attn.softmax
// CHECK: attn.div
// expected-remark@below {{converted 1 structured operations}}
func.func @sum_of_one(%s: !s) -> !s {
  %zero = arith.constant 0.0 : f32
  %inf = arith.constant 0xFF800000 : f32
  %es = tensor.empty() : !s
  %imax = linalg.fill ins(%inf : f32) outs(%es : !s) -> !s
  // expected-remark@below {{'linalg.generic' stays: it is neither elementwise nor a contraction}}
  %max = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "reduction"]}
      ins(%s : !s) outs(%imax : !s) {
  ^bb0(%a: f32, %b: f32):
    %x = arith.maximumf %a, %b : f32
    linalg.yield %x : f32
  } -> !s
  // expected-remark@below {{'linalg.generic' stays: the graph level has no operation for math.exp}}
  %e = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s, %max : !s, !s) outs(%es : !s) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %d = arith.subf %a, %b : f32
    %x = math.exp %d : f32
    linalg.yield %x : f32
  } -> !s
  %isum = linalg.fill ins(%zero : f32) outs(%es : !s) -> !s
  // expected-remark@below {{'linalg.generic' stays: it is neither elementwise nor a contraction}}
  %sum = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "reduction"]}
      ins(%e : !s) outs(%isum : !s) {
  ^bb0(%a: f32, %b: f32):
    %x = arith.addf %a, %b : f32
    linalg.yield %x : f32
  } -> !s
  %p = linalg.div ins(%e, %sum : !s, !s) outs(%es : !s) -> !s
  return %p : !s
}

// Scores below the start of the maximum are not subtracted.
// CHECK-LABEL: func.func @high_start
// CHECK-NOT: attn.softmax
// CHECK: attn.div
// expected-remark@below {{converted 1 structured operations}}
func.func @high_start(%s: !s) -> !s {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -1.0e31 : f32
  %es = tensor.empty() : !s
  %er = tensor.empty() : !r
  %imax = linalg.fill ins(%low : f32) outs(%er : !r) -> !r
  // expected-remark@below {{'linalg.reduce' stays: it is neither elementwise nor a contraction}}
  %max = linalg.reduce ins(%s : !s) outs(%imax : !r) dimensions = [1]
      (%a: f32, %b: f32) {
    %most = arith.maximumf %a, %b : f32
    linalg.yield %most : f32
  }
  // expected-remark@below {{'linalg.generic' stays: the graph level has no operation for math.exp}}
  %e = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s, %max : !s, !r) outs(%es : !s) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %d = arith.subf %a, %b : f32
    %x = math.exp %d : f32
    linalg.yield %x : f32
  } -> !s
  %isum = linalg.fill ins(%zero : f32) outs(%er : !r) -> !r
  // expected-remark@below {{'linalg.reduce' stays: it is neither elementwise nor a contraction}}
  %sum = linalg.reduce ins(%e : !s) outs(%isum : !r) dimensions = [1]
      (%a: f32, %b: f32) {
    %x = arith.addf %a, %b : f32
    linalg.yield %x : f32
  }
  %wide = linalg.broadcast ins(%sum : !r) outs(%es : !s) dimensions = [1]
  %p = linalg.div ins(%e, %wide : !s, !s) outs(%es : !s) -> !s
  return %p : !s
}

// attn.softmax is of f32.
// CHECK-LABEL: func.func @half
// CHECK-NOT: attn.softmax
func.func @half(%s: tensor<6x6xf16>) -> tensor<6x6xf16> {
  %es = tensor.empty() : tensor<6x6xf16>
  // expected-remark@below {{'linalg.softmax' stays: scores are f16, expected f32}}
  %p = linalg.softmax dimension(1) ins(%s : tensor<6x6xf16>) outs(%es : tensor<6x6xf16>) -> tensor<6x6xf16>
  return %p : tensor<6x6xf16>
}
