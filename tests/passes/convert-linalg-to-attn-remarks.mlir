// RUN: attn-opt %s --convert-linalg-to-attn --verify-diagnostics \
// RUN:   --remarks-filter='.*' --remark-format=emitRemark
// RUN: attn-opt %s --convert-linalg-to-attn | FileCheck %s

// What has no counterpart stays, step by step, and so does what is almost a
// softmax.

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>

!s = tensor<6x6xf32>
!r = tensor<6xf32>

// The exponentials are divided by the sums of columns.
// CHECK-LABEL: func.func @sum_of_columns
// CHECK-NOT: attn.softmax
// expected-remark@below {{converted 1 structured operations}}
func.func @sum_of_columns(%s: !s) -> !s {
  %zero = arith.constant 0.0 : f32
  %inf = arith.constant 0xFF800000 : f32
  %es = tensor.empty() : !s
  %er = tensor.empty() : !r
  %imax = linalg.fill ins(%inf : f32) outs(%er : !r) -> !r
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
  %sum = linalg.reduce ins(%e : !s) outs(%isum : !r) dimensions = [0]
      (%a: f32, %b: f32) {
    %x = arith.addf %a, %b : f32
    linalg.yield %x : f32
  }
  %p = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%e, %sum : !s, !r) outs(%es : !s) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %x = arith.divf %a, %b : f32
    linalg.yield %x : f32
  } -> !s
  return %p : !s
}

// CHECK-LABEL: func.func @accumulated
// CHECK: linalg.matmul
func.func @accumulated(%a: !s, %b: !s, %c: !s) -> !s {
  // expected-remark@below {{'linalg.matmul' stays: it adds to what is not known to be 0}}
  %s = linalg.matmul ins(%a, %b : !s, !s) outs(%c : !s) -> !s
  return %s : !s
}

// CHECK-LABEL: func.func @dynamic_triangle
// CHECK: linalg.generic
func.func @dynamic_triangle(%s: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %inf = arith.constant 0xFF800000 : f32
  // expected-remark@below {{'linalg.generic' stays: it reads what it overwrites, or takes too many steps}}
  %m = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]}
      outs(%s : tensor<?x?xf32>) {
  ^bb0(%a: f32):
    linalg.yield %a : f32
  } -> tensor<?x?xf32>
  // expected-remark@below {{'linalg.generic' stays: the graph level has no operation for arith.cmpi of coordinates of a dynamic size}}
  %n = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%m : tensor<?x?xf32>) outs(%s : tensor<?x?xf32>) {
  ^bb0(%a: f32, %out: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %seen = arith.cmpi sge, %i, %j : index
    %x = arith.select %seen, %a, %inf : f32
    linalg.yield %x : f32
  } -> tensor<?x?xf32>
  return %n : tensor<?x?xf32>
}

// CHECK-LABEL: func.func @every_second
// CHECK: tensor.extract_slice
func.func @every_second(%s: !s) -> tensor<3x6xf32> {
  // expected-remark@below {{'tensor.extract_slice' stays: it drops dimensions or skips elements}}
  %e = tensor.extract_slice %s[0, 0] [3, 6] [2, 1] : !s to tensor<3x6xf32>
  return %e : tensor<3x6xf32>
}

// What is refused at a second step leaves no first one.
// CHECK-LABEL: func.func @dynamic_parts
// CHECK-NOT: attn.
// CHECK: tensor.expand_shape
// CHECK: tensor.extract_slice
func.func @dynamic_parts(%s: tensor<?x6xf32>, %n: index) -> (tensor<2x?x?x6xf32>, tensor<2x?xf32>) {
  // expected-remark@below {{'tensor.expand_shape' stays: it splits a dimension into two dynamic ones}}
  %e = tensor.expand_shape %s [[0, 1, 2], [3]] output_shape [2, %n, %n, 6] : tensor<?x6xf32> into tensor<2x?x?x6xf32>
  // expected-remark@below {{'tensor.extract_slice' stays: its offsets or sizes are dynamic}}
  %f = tensor.extract_slice %s[0, 0] [2, %n] [1, 1] : tensor<?x6xf32> to tensor<2x?xf32>
  return %e, %f : tensor<2x?x?x6xf32>, tensor<2x?xf32>
}
