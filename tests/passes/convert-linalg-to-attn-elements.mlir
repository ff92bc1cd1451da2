// RUN: attn-opt %s --convert-linalg-to-attn --verify-diagnostics \
// RUN:   --remarks-filter='.*' --remark-format=emitRemark
// RUN: attn-opt %s --convert-linalg-to-attn | FileCheck %s

// Elements that look like those of an operation of the graph level, but for a
// type, a NaN, a sign or a loop.

#id = affine_map<(i, j) -> (i, j)>

!s = tensor<6x6xf32>
!h = tensor<6x6xf16>
!i = tensor<6x6xi32>
!m = tensor<6x6xi1>

// The graph level computes in f32: f16 would not be rounded at each step.
// CHECK-LABEL: func.func @types
// CHECK-NOT: attn.add
// CHECK-NOT: attn.and
func.func @types(%h: !h, %i: !i, %d: tensor<6x6xf64>) -> (!h, !i, tensor<6x6xf64>) {
  %eh = tensor.empty() : !h
  %ei = tensor.empty() : !i
  %ed = tensor.empty() : tensor<6x6xf64>
  // expected-remark@below {{'linalg.add' stays: the graph level has no operation for arith.addf of f16}}
  %0 = linalg.add ins(%h, %h : !h, !h) outs(%eh : !h) -> !h
  // expected-remark@below {{'linalg.generic' stays: the graph level has no operation for arith.andi of i32}}
  %1 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%i, %i : !i, !i) outs(%ei : !i) {
  ^bb0(%a: i32, %b: i32, %out: i32):
    %x = arith.andi %a, %b : i32
    linalg.yield %x : i32
  } -> !i
  // expected-remark@below {{'linalg.add' stays: the graph level has no tensors of f64}}
  %2 = linalg.add ins(%d, %d : tensor<6x6xf64>, tensor<6x6xf64>) outs(%ed : tensor<6x6xf64>) -> tensor<6x6xf64>
  return %0, %1, %2 : !h, !i, tensor<6x6xf64>
}

// Views of types that no tensor of the graph level has.
// CHECK-LABEL: func.func @views_of_f64
// CHECK-NOT: attn.
func.func @views_of_f64(%d: tensor<6x6xf64>) -> (tensor<36xf64>, tensor<12x6xf64>) {
  // expected-remark@below {{'tensor.collapse_shape' stays: the graph level has no tensors of f64}}
  %0 = tensor.collapse_shape %d [[0, 1]] : tensor<6x6xf64> into tensor<36xf64>
  // expected-remark@below {{'tensor.concat' stays: the graph level has no tensors of f64}}
  %1 = tensor.concat dim(0) %d, %d : (tensor<6x6xf64>, tensor<6x6xf64>) -> tensor<12x6xf64>
  return %0, %1 : tensor<36xf64>, tensor<12x6xf64>
}

// A NaN stays under maximumf as it does in attn.relu, and is 0 under maxnumf;
// the maximum with -0 has other signs.
// CHECK-LABEL: func.func @maxima
// CHECK: attn.relu
// CHECK: attn.relu
// CHECK-NOT: attn.relu
// expected-remark@below {{converted 2 structured operations}}
func.func @maxima(%s: !s) -> (!s, !s, !s, !s) {
  %zero = arith.constant 0.0 : f32
  %minus = arith.constant -0.0 : f32
  %e = tensor.empty() : !s
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s : !s) outs(%e : !s) {
  ^bb0(%a: f32, %out: f32):
    %x = arith.maximumf %a, %zero : f32
    linalg.yield %x : f32
  } -> !s
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s : !s) outs(%e : !s) {
  ^bb0(%a: f32, %out: f32):
    %x = arith.maximumf %zero, %a : f32
    linalg.yield %x : f32
  } -> !s
  // expected-remark@below {{'linalg.generic' stays: the graph level has no operation for arith.maxnumf}}
  %2 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s : !s) outs(%e : !s) {
  ^bb0(%a: f32, %out: f32):
    %x = arith.maxnumf %a, %zero : f32
    linalg.yield %x : f32
  } -> !s
  // expected-remark@below {{'linalg.generic' stays: the graph level has no operation for arith.maximumf}}
  %3 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s : !s) outs(%e : !s) {
  ^bb0(%a: f32, %out: f32):
    %x = arith.maximumf %a, %minus : f32
    linalg.yield %x : f32
  } -> !s
  return %0, %1, %2, %3 : !s, !s, !s, !s
}

// Row 0 minus 3 is a large number without a sign, and so is what no i32 holds.
// CHECK-LABEL: func.func @wrapped_coordinates
// CHECK-NOT: attn.tril
// CHECK-NOT: attn.triu
func.func @wrapped_coordinates() -> (!m, !m, !m) {
  %c3 = arith.constant -3 : index
  %most = arith.constant 2147483647 : i32
  %e = tensor.empty() : !m
  // expected-remark@below {{'linalg.generic' stays: the graph level has no operation for arith.cmpi of coordinates that may wrap}}
  %0 = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]}
      outs(%e : !m) {
  ^bb0(%out: i1):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %moved = arith.addi %i, %c3 : index
    %x = arith.cmpi uge, %moved, %j : index
    linalg.yield %x : i1
  } -> !m
  // expected-remark@below {{'linalg.generic' stays: the graph level has no operation for arith.cmpi of coordinates that may wrap}}
  %1 = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]}
      outs(%e : !m) {
  ^bb0(%out: i1):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %row = arith.index_cast %i : index to i32
    %column = arith.index_cast %j : index to i32
    %moved = arith.addi %row, %most : i32
    %x = arith.cmpi sge, %moved, %column : i32
    linalg.yield %x : i1
  } -> !m
  // expected-remark@below {{'linalg.generic' stays: the graph level has no operation for arith.index_cast to i2}}
  %2 = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]}
      outs(%e : !m) {
  ^bb0(%out: i1):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %row = arith.index_cast %i : index to i2
    %column = arith.index_cast %j : index to i2
    %x = arith.cmpi sge, %row, %column : i2
    linalg.yield %x : i1
  } -> !m
  return %0, %1, %2 : !m, !m, !m
}

// A number in front of the rows shifts the diagonal as long as nothing wraps.
// CHECK-LABEL: func.func @moved_coordinates
// CHECK: attn.tril %{{.+}} {diagonal = 3}
// expected-remark@below {{converted 1 structured operations}}
func.func @moved_coordinates() -> !m {
  %c3 = arith.constant 3 : index
  %e = tensor.empty() : !m
  %0 = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]}
      outs(%e : !m) {
  ^bb0(%out: i1):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %moved = arith.addi %i, %c3 : index
    %x = arith.cmpi uge, %moved, %j : index
    linalg.yield %x : i1
  } -> !m
  return %0 : !m
}

// Tensors without elements or dimensions.
// CHECK-LABEL: func.func @empty
// CHECK-NOT: attn.expand
func.func @empty(%r: tensor<6xf32>, %one: tensor<1x1xf32>, %scalar: tensor<f32>)
    -> (tensor<0x6xf32>, tensor<f32>, tensor<1x1xf32>) {
  %e = tensor.empty() : tensor<0x6xf32>
  // expected-remark@below {{'linalg.broadcast' stays: the graph level has no operation for a repetition}}
  %0 = linalg.broadcast ins(%r : tensor<6xf32>) outs(%e : tensor<0x6xf32>) dimensions = [0]
  // expected-remark@below {{'tensor.collapse_shape' stays: no views lead from tensor<1x1xf32> to tensor<f32>}}
  %1 = tensor.collapse_shape %one [] : tensor<1x1xf32> into tensor<f32>
  // expected-remark@below {{'tensor.expand_shape' stays: no views lead from tensor<f32> to tensor<1x1xf32>}}
  %2 = tensor.expand_shape %scalar [] output_shape [1, 1] : tensor<f32> into tensor<1x1xf32>
  return %0, %1, %2 : tensor<0x6xf32>, tensor<f32>, tensor<1x1xf32>
}

// As a tree, these would be 2^12 steps.
// CHECK-LABEL: func.func @shared
func.func @shared() -> !m {
  %e = tensor.empty() : !m
  // expected-remark@below {{'linalg.generic' stays: it reads what it overwrites, or takes too many steps}}
  %0 = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]}
      outs(%e : !m) {
  ^bb0(%out: i1):
    %i = linalg.index 0 : index
    %1 = arith.addi %i, %i : index
    %2 = arith.addi %1, %1 : index
    %3 = arith.addi %2, %2 : index
    %4 = arith.addi %3, %3 : index
    %5 = arith.addi %4, %4 : index
    %6 = arith.addi %5, %5 : index
    %7 = arith.addi %6, %6 : index
    %8 = arith.addi %7, %7 : index
    %9 = arith.addi %8, %8 : index
    %10 = arith.addi %9, %9 : index
    %11 = arith.addi %10, %10 : index
    %12 = arith.addi %11, %11 : index
    %x = arith.cmpi sge, %12, %i : index
    linalg.yield %x : i1
  } -> !m
  return %0 : !m
}
