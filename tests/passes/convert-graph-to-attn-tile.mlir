// RUN: attn-opt %s --convert-attn-to-attn-tile="schedules='[\
// RUN: #attn_tile.schedule<name = \"graph\", max_queries = 64, query_block = 32, key_block = 16, split_keys = 64, max_splits = 4, split_tasks = false>]'" \
// RUN: --canonicalize --cse --remarks-filter="convert-attn-to-attn-tile" 2>%t.remarks \
// RUN: | attn-opt --verify-roundtrip | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks

// What stands around attention: norms and products are phases, which take in
// what only they read; shape operations are views.

func.func @norm_then_product(%x: tensor<?x?x24xf32> {attn.name = "x"},
                             %g: tensor<24xf32> {attn.name = "g"},
                             %w: tensor<40x24xf32> {attn.name = "w"},
                             %b: tensor<40xf32> {attn.name = "b"})
    -> (tensor<?x?x40xf32> {attn.name = "y"}) {
  %n = attn.rms_norm %x weight(%g : tensor<24xf32>) {eps = 1.0e-6}
      : tensor<?x?x24xf32>
  %p = attn.linear %n, %w bias(%b : tensor<40xf32>)
      : tensor<?x?x24xf32>, tensor<40x24xf32> -> tensor<?x?x40xf32>
  %y = attn.silu %p : tensor<?x?x40xf32>
  return %y : tensor<?x?x40xf32>
}

// CHECK-LABEL: attn_tile.program @norm_then_product_graph(
// CHECK-SAME: argument_axes = {{\[}}["batch", "query_length", ""], [""], ["", ""], [""], ["batch", "query_length", ""]]
// CHECK-SAME: result_count = 1
// CHECK: %[[BATCH:.*]] = attn_tile.dim %x, 0
// CHECK: %[[QUERIES:.*]] = attn_tile.dim %x, 1
// CHECK: %[[NORMED:.*]] = attn_tile.buffer[%[[BATCH]], %[[QUERIES]]] : <?x?x24xf32>
// CHECK: attn_tile.phase "rms_norm" grid(%{{.*}} = %{{.*}}) {
// CHECK:   attn_tile.load_rows %x
// CHECK:   %[[TOTAL:.*]] = attn_tile.sum_rows
// CHECK:   %[[FACTOR:.*]] = attn_tile.map_rows %[[TOTAL]]
// CHECK:     math.sqrt
// CHECK:   attn_tile.map_rows %{{.*}}, %[[FACTOR]], %{{.*}}
// CHECK:   attn_tile.store_rows %{{.*}}, %[[NORMED]]
// The bias and the activation belong to the product's tasks.
// CHECK: attn_tile.phase "linear" grid(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) {
// CHECK:   %[[ROWS:.*]] = attn_tile.load_rows %[[NORMED]]
// CHECK:   %[[WEIGHT:.*]] = attn_tile.load_rows %w
// CHECK:   attn_tile.multiply %{{.*}}, %[[ROWS]], %[[WEIGHT]] transposed
// CHECK:     arith.addf
// CHECK:     math.exp
// CHECK:   attn_tile.store_rows %{{.*}}, %y
// CHECK-NOT: attn_tile.phase

func.func @views(%x: tensor<2x3x24xf32> {attn.name = "x"})
    -> (tensor<2x4x3x6xf32> {attn.name = "y"}) {
  %h = attn.unflatten %x {dim = 2} : tensor<2x3x24xf32> -> tensor<2x3x4x6xf32>
  %y = attn.transpose %h {permutation = array<i64: 0, 2, 1, 3>}
      : tensor<2x3x4x6xf32> -> tensor<2x4x3x6xf32>
  return %y : tensor<2x4x3x6xf32>
}

// CHECK-LABEL: attn_tile.program @views_graph(
// CHECK-NOT: attn_tile.buffer
// CHECK: %[[SPLIT:.*]] = attn_tile.split_dim %x, 2 : <2x3x24xf32> -> <2x3x4x6xf32>
// CHECK: %[[TURNED:.*]] = attn_tile.permute %[[SPLIT]] [0, 2, 1, 3]
// CHECK: attn_tile.phase "copy"
// CHECK:   attn_tile.load_rows %[[TURNED]]
// CHECK:   attn_tile.store_rows %{{.*}}, %y
// CHECK-NOT: attn_tile.phase

// A product is stored where its only user, behind views, wants it.

func.func @in_place(%x: tensor<?x5x6xf32> {attn.name = "x"},
                    %w: tensor<8x6xf32> {attn.name = "w"})
    -> (tensor<?x2x5x4xf32> {attn.name = "y"}) {
  %p = attn.linear %x, %w : tensor<?x5x6xf32>, tensor<8x6xf32> -> tensor<?x5x8xf32>
  %h = attn.unflatten %p {dim = 2} : tensor<?x5x8xf32> -> tensor<?x5x2x4xf32>
  %y = attn.transpose %h {permutation = array<i64: 0, 2, 1, 3>}
      : tensor<?x5x2x4xf32> -> tensor<?x2x5x4xf32>
  return %y : tensor<?x2x5x4xf32>
}

// Heads are not neighbours in `y`: the product has memory of its own.
// CHECK-LABEL: attn_tile.program @in_place_graph(
// CHECK: attn_tile.buffer[%{{.*}}] : <?x5x8xf32>
// CHECK: attn_tile.phase "linear"
// CHECK: attn_tile.phase "copy"
// CHECK-NOT: attn_tile.phase

// Strides cannot say what a flattened transpose is: a copy, and a remark.

func.func @copied(%x: tensor<2x3x4xf32> {attn.name = "x"},
                  %w: tensor<5x6xf32> {attn.name = "w"})
    -> (tensor<4x5xf32> {attn.name = "y"}) {
  %t = attn.transpose %x {permutation = array<i64: 2, 0, 1>}
      : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
  %f = attn.flatten %t {dim = 1} : tensor<4x2x3xf32> -> tensor<4x6xf32>
  %y = attn.linear %f, %w : tensor<4x6xf32>, tensor<5x6xf32> -> tensor<4x5xf32>
  return %y : tensor<4x5xf32>
}

// CHECK-LABEL: attn_tile.program @copied_graph(
// CHECK: attn_tile.phase "copy"
// CHECK: attn_tile.phase "linear"
// REMARK: remark: {{.*}}copied

// Queries are normed and rotated where a task loads them, in the order of its
// rows; keys, which many tasks read, are in one phase before.

func.func @rotated(%q: tensor<?x?x8x16xf32> {attn.name = "q"},
                   %k: tensor<?x?x2x16xf32> {attn.name = "k"},
                   %w: tensor<16xf32> {attn.name = "w"})
    -> (tensor<?x?x8x16xf32> {attn.name = "y"}) {
  %q_normed = attn.rms_norm %q weight(%w : tensor<16xf32>) {eps = 1.0e-6}
      : tensor<?x?x8x16xf32>
  %q_rotated = attn.rope %q_normed {position = #attn.rope<theta = 100.0>}
      : tensor<?x?x8x16xf32>
  %k_normed = attn.rms_norm %k weight(%w : tensor<16xf32>) {eps = 1.0e-6}
      : tensor<?x?x2x16xf32>
  %k_rotated = attn.rope %k_normed {position = #attn.rope<theta = 100.0>}
      : tensor<?x?x2x16xf32>
  %y, %lse = attn.flash %q_rotated, %k_rotated, %k
      {scale = 0.25, mask = #attn.causal}
      : tensor<?x?x8x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>
      -> tensor<?x?x8x16xf32>, tensor<?x?x8xf32>
  return %y : tensor<?x?x8x16xf32>
}

// CHECK-LABEL: attn_tile.program @rotated_graph(
// CHECK: %[[SPLIT:.*]] = attn_tile.split_dim %q, 2 : <?x?x8x16xf32> -> <?x?x2x4x16xf32>
// CHECK: %[[GROUPS:.*]] = attn_tile.permute %[[SPLIT]] [0, 2, 1, 3, 4]
// CHECK: attn_tile.phase "rope"
// CHECK:   attn_tile.load_rows %k
// CHECK:   attn_tile.sum_rows
// CHECK:   attn_tile.rotate
// CHECK: attn_tile.phase "attend"
// CHECK:   %[[QUERY:.*]] = attn_tile.load_rows %[[GROUPS]]
// CHECK:   attn_tile.sum_rows
// CHECK:   %[[NORMED:.*]] = attn_tile.map_rows %[[QUERY]],
// CHECK:   %[[POSITION:.*]] = attn_tile.coordinates %[[GROUPS]], 2
// CHECK:   %[[ROTATED:.*]] = attn_tile.rotate %[[NORMED]], %[[POSITION]]
// CHECK:   attn_tile.contract %[[ROTATED]],
// CHECK-NOT: attn_tile.phase
// REMARK: remark: {{.*}}does 'attn.rms_norm', 'attn.rope' to queries where a task loads them
// REMARK: remark: {{.*}}left 'attn.rope' before the keys are stored: every block of queries would repeat it

// Where a row stands is read off the phase's own result: no buffer besides.

func.func @turned(%x: tensor<?x?x4x64xf32> {attn.name = "x"})
    -> (tensor<?x?x4x64xf32> {attn.name = "y"}) {
  %turned = attn.rope %x {position = #attn.rope<theta = 100.0>}
      : tensor<?x?x4x64xf32>
  %y = attn.rms_norm %turned {eps = 1.0e-6} : tensor<?x?x4x64xf32>
  return %y : tensor<?x?x4x64xf32>
}

// CHECK-LABEL: attn_tile.program @turned_graph(
// CHECK-NOT: attn_tile.buffer
// CHECK: attn_tile.coordinates %y, 1
