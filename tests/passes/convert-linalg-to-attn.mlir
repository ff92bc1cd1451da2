// RUN: attn-opt %s --convert-linalg-to-attn | FileCheck %s
// RUN: attn-opt %s --convert-linalg-to-attn --attn-raise-attention \
// RUN:   --attn-fuse-masked-softmax --attn-form-flash | FileCheck %s --check-prefix=FUSED

// Attention from upstream dialects: contractions, elementwise operations, masks
// by coordinates, and the softmax as one operation or as five.

#id = affine_map<(b, i, j) -> (b, i, j)>
#row = affine_map<(b, i, j) -> (b, i)>
#mask = affine_map<(b, i, j) -> (i, j)>

!x = tensor<2x6x4xf32>
!s = tensor<2x6x6xf32>
!r = tensor<2x6xf32>

// CHECK-LABEL: func.func @named
// CHECK-SAME: (%[[Q:.+]]: tensor<2x6x4xf32>, %[[K:.+]]: tensor<2x6x4xf32>, %[[V:.+]]: tensor<2x6x4xf32>)
// CHECK-NEXT: %[[KT:.+]] = attn.transpose %[[K]] {permutation = array<i64: 0, 2, 1>}
// CHECK-NEXT: %[[S:.+]] = attn.matmul %[[Q]], %[[KT]]
// CHECK-NEXT: %[[C:.+]] = attn.scale %[[S]] {by = 0.5}
// CHECK-NEXT: %[[P:.+]] = attn.softmax %[[C]] dim(2)
// CHECK-NEXT: %[[O:.+]] = attn.matmul %[[P]], %[[V]]
// CHECK-NEXT: return %[[O]]
// FUSED-LABEL: func.func @named
// FUSED: attn.flash %{{.+}} {scale = 0.5, mask = #attn.bidirectional}
func.func @named(%q: !x, %k: !x, %v: !x) -> !x {
  %zero = arith.constant 0.0 : f32
  %half = arith.constant 0.5 : f32
  %et = tensor.empty() : tensor<2x4x6xf32>
  %es = tensor.empty() : !s
  %eo = tensor.empty() : !x
  %kt = linalg.transpose ins(%k : !x) outs(%et : tensor<2x4x6xf32>) permutation = [0, 2, 1]
  %is = linalg.fill ins(%zero : f32) outs(%es : !s) -> !s
  %s = linalg.batch_matmul ins(%q, %kt : !x, tensor<2x4x6xf32>) outs(%is : !s) -> !s
  %h = linalg.fill ins(%half : f32) outs(%es : !s) -> !s
  %c = linalg.mul ins(%s, %h : !s, !s) outs(%es : !s) -> !s
  %p = linalg.softmax dimension(2) ins(%c : !s) outs(%es : !s) -> !s
  %io = linalg.fill ins(%zero : f32) outs(%eo : !x) -> !x
  %o = linalg.batch_matmul ins(%p, %v : !s, !x) outs(%io : !x) -> !x
  return %o : !x
}

// The product with keys as they are, scale and causal mask in one operation, the
// softmax spelled out.
// CHECK-LABEL: func.func @spelled_out
// CHECK: %[[S:.+]] = attn.matmul
// CHECK-NEXT: %[[ONES:.+]] = attn.full {value = true} : tensor<6x6xi1>
// CHECK-NEXT: %[[PAST:.+]] = attn.tril %[[ONES]] {diagonal = 0}
// CHECK-NEXT: %[[C:.+]] = attn.scale %[[S]] {by = 0.5}
// CHECK-NEXT: %[[INF:.+]] = attn.full {value = 0xFFF0000000000000 : f64} : tensor<1xf32>
// CHECK-NEXT: %[[M:.+]] = attn.where %[[PAST]], %[[C]], %[[INF]]
// CHECK-NEXT: attn.softmax %[[M]] dim(2)
// CHECK-NOT: linalg
// FUSED-LABEL: func.func @spelled_out
// FUSED: attn.flash %{{.+}} {scale = 0.5, mask = #attn.causal<alignment = top_left>}
func.func @spelled_out(%q: !x, %k: !x, %v: !x) -> !x {
  %zero = arith.constant 0.0 : f32
  %half = arith.constant 0.5 : f32
  %inf = arith.constant 0xFF800000 : f32
  %es = tensor.empty() : !s
  %er = tensor.empty() : !r
  %eo = tensor.empty() : !x
  %is = linalg.fill ins(%zero : f32) outs(%es : !s) -> !s
  %s = linalg.generic {
      indexing_maps = [affine_map<(b, i, j, d) -> (b, i, d)>, affine_map<(b, i, j, d) -> (b, j, d)>, affine_map<(b, i, j, d) -> (b, i, j)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : !x, !x) outs(%is : !s) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %ab = arith.mulf %a, %b : f32
    %next = arith.addf %sum, %ab : f32
    linalg.yield %next : f32
  } -> !s
  %m = linalg.generic {indexing_maps = [#id, #id],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : !s) outs(%es : !s) {
  ^bb0(%a: f32, %out: f32):
    %c = arith.mulf %a, %half : f32
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %seen = arith.cmpi sge, %i, %j : index
    %x = arith.select %seen, %c, %inf : f32
    linalg.yield %x : f32
  } -> !s
  %imax = linalg.fill ins(%inf : f32) outs(%er : !r) -> !r
  %max = linalg.reduce ins(%m : !s) outs(%imax : !r) dimensions = [2]
      (%a: f32, %b: f32) {
    %most = arith.maximumf %a, %b : f32
    linalg.yield %most : f32
  }
  %e = linalg.generic {indexing_maps = [#id, #row, #id],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%m, %max : !s, !r) outs(%es : !s) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %d = arith.subf %a, %b : f32
    %x = math.exp %d : f32
    linalg.yield %x : f32
  } -> !s
  %isum = linalg.fill ins(%zero : f32) outs(%er : !r) -> !r
  %sum = linalg.generic {indexing_maps = [#id, #row],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%e : !s) outs(%isum : !r) {
  ^bb0(%a: f32, %b: f32):
    %x = arith.addf %a, %b : f32
    linalg.yield %x : f32
  } -> !r
  %wide = linalg.broadcast ins(%sum : !r) outs(%es : !s) dimensions = [2]
  %p = linalg.div ins(%e, %wide : !s, !s) outs(%es : !s) -> !s
  %io = linalg.fill ins(%zero : f32) outs(%eo : !x) -> !x
  %o = linalg.batch_matmul ins(%p, %v : !s, !x) outs(%io : !x) -> !x
  return %o : !x
}

// Heads are split and transposed; an additive mask is the same for all of them.
// CHECK-LABEL: func.func @heads
// CHECK-SAME: %[[Q:[^:]+]]: tensor<2x6x8xf32>
// CHECK: attn.unflatten %[[Q]] {dim = 2} : tensor<2x6x8xf32> -> tensor<2x6x2x4xf32>
// CHECK: attn.add %{{.+}}, %{{.+}} : tensor<2x2x6x6xf32>, tensor<6x6xf32> -> tensor<2x2x6x6xf32>
// CHECK: attn.flatten %{{.+}} {dim = 2} : tensor<2x6x2x4xf32> -> tensor<2x6x8xf32>
// FUSED-LABEL: func.func @heads
// FUSED: attn.flash %{{.+}} tensor_mask(%{{.+}} : tensor<1x1x6x6xf32>) {scale = 1.0, mask = #attn.bidirectional}
func.func @heads(%q: tensor<2x6x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %mask: tensor<6x6xf32>) -> tensor<2x6x8xf32> {
  %zero = arith.constant 0.0 : f32
  %es = tensor.empty() : tensor<2x2x6x6xf32>
  %eo = tensor.empty() : tensor<2x6x2x4xf32>
  %qh = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [2, 6, 2, 4] : tensor<2x6x8xf32> into tensor<2x6x2x4xf32>
  %kh = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [2, 6, 2, 4] : tensor<2x6x8xf32> into tensor<2x6x2x4xf32>
  %vh = tensor.expand_shape %v [[0], [1], [2, 3]] output_shape [2, 6, 2, 4] : tensor<2x6x8xf32> into tensor<2x6x2x4xf32>
  %is = linalg.fill ins(%zero : f32) outs(%es : tensor<2x2x6x6xf32>) -> tensor<2x2x6x6xf32>
  %s = linalg.generic {
      indexing_maps = [affine_map<(b, h, i, j, d) -> (b, i, h, d)>, affine_map<(b, h, i, j, d) -> (b, j, h, d)>, affine_map<(b, h, i, j, d) -> (b, h, i, j)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%qh, %kh : tensor<2x6x2x4xf32>, tensor<2x6x2x4xf32>) outs(%is : tensor<2x2x6x6xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %ab = arith.mulf %a, %b : f32
    %next = arith.addf %sum, %ab : f32
    linalg.yield %next : f32
  } -> tensor<2x2x6x6xf32>
  %m = linalg.generic {
      indexing_maps = [affine_map<(b, h, i, j) -> (b, h, i, j)>, affine_map<(b, h, i, j) -> (i, j)>, affine_map<(b, h, i, j) -> (b, h, i, j)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%s, %mask : tensor<2x2x6x6xf32>, tensor<6x6xf32>) outs(%es : tensor<2x2x6x6xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %ab = arith.addf %a, %b : f32
    linalg.yield %ab : f32
  } -> tensor<2x2x6x6xf32>
  %p = linalg.softmax dimension(3) ins(%m : tensor<2x2x6x6xf32>) outs(%es : tensor<2x2x6x6xf32>) -> tensor<2x2x6x6xf32>
  %io = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x6x2x4xf32>) -> tensor<2x6x2x4xf32>
  %o = linalg.generic {
      indexing_maps = [affine_map<(b, i, h, d, j) -> (b, h, i, j)>, affine_map<(b, i, h, d, j) -> (b, j, h, d)>, affine_map<(b, i, h, d, j) -> (b, i, h, d)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %vh : tensor<2x2x6x6xf32>, tensor<2x6x2x4xf32>) outs(%io : tensor<2x6x2x4xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %ab = arith.mulf %a, %b : f32
    %next = arith.addf %sum, %ab : f32
    linalg.yield %next : f32
  } -> tensor<2x6x2x4xf32>
  %f = tensor.collapse_shape %o [[0], [1], [2, 3]] : tensor<2x6x2x4xf32> into tensor<2x6x8xf32>
  return %f : tensor<2x6x8xf32>
}

// The lowest float is no factor of scores, and multiplies masks.
// CHECK-LABEL: func.func @lowest
func.func @lowest(%hidden: tensor<6x6xf32>) -> tensor<6x6xf32> {
  // CHECK-NEXT: %[[LOWEST:.+]] = attn.full {value = -3.4028234663852886e38}
  // CHECK-NEXT: attn.mul %{{.+}}, %[[LOWEST]]
  // CHECK-NOT: attn.scale
  %lowest = arith.constant 0xFF7FFFFF : f32
  %e = tensor.empty() : tensor<6x6xf32>
  %mask = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%hidden : tensor<6x6xf32>) outs(%e : tensor<6x6xf32>) {
  ^bb0(%a: f32, %out: f32):
    %x = arith.mulf %a, %lowest : f32
    linalg.yield %x : f32
  } -> tensor<6x6xf32>
  return %mask : tensor<6x6xf32>
}
