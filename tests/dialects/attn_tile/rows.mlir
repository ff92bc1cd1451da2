// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s

// A graph's program: buffers, views of them, and every step on rows, printed
// and read again.

// CHECK-LABEL: attn_tile.program @graph(
// CHECK-SAME: argument_axes = {{\[\[}}"batch", "query_length", ""], [""], ["batch", "query_length", ""]]
// CHECK-SAME: result_count = 1 : i64
attn_tile.program @graph(
    %x: !attn_tile.view<?x?x64xf32>, %bias: !attn_tile.view<64xf32>,
    %out: !attn_tile.view<?x?x64xf32>)
    attributes {
      argument_axes = [["batch", "query_length", ""], [""],
                       ["batch", "query_length", ""]],
      argument_names = ["x", "bias", "out"], result_count = 1 : i64,
      layers = array<i64>, layer_rows = array<i64>,
      schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
          query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
          split_tasks = false>} {
  %batch = attn_tile.dim %x, 0 : !attn_tile.view<?x?x64xf32>
  %queries = attn_tile.dim %x, 1 : !attn_tile.view<?x?x64xf32>
  // CHECK: %[[HIDDEN:.+]] = attn_tile.buffer[%{{.+}}, %{{.+}}] : <?x?x4x16xf32>
  %hidden = attn_tile.buffer[%batch, %queries] : !attn_tile.view<?x?x4x16xf32>
  // CHECK: attn_tile.permute %[[HIDDEN]] [0, 2, 1, 3] : <?x?x4x16xf32> -> <?x4x?x16xf32>
  %heads = attn_tile.permute %hidden [0, 2, 1, 3]
      : !attn_tile.view<?x?x4x16xf32> -> !attn_tile.view<?x4x?x16xf32>
  // CHECK: attn_tile.merge_dims %[[HIDDEN]], 2 : <?x?x4x16xf32> -> <?x?x64xf32>
  %merged = attn_tile.merge_dims %hidden, 2
      : !attn_tile.view<?x?x4x16xf32> -> !attn_tile.view<?x?x64xf32>
  // CHECK: attn_tile.split_dim %x, 2 : <?x?x64xf32> -> <?x?x4x16xf32>
  %split = attn_tile.split_dim %x, 2
      : !attn_tile.view<?x?x64xf32> -> !attn_tile.view<?x?x4x16xf32>
  // CHECK: attn_tile.slice %x, 2 from 32 : <?x?x64xf32> -> <?x?x16xf32>
  %part = attn_tile.slice %x, 2 from 32
      : !attn_tile.view<?x?x64xf32> -> !attn_tile.view<?x?x16xf32>
  // CHECK: attn_tile.broadcast %bias[%{{.+}}, %{{.+}}] : <64xf32> -> <?x?x64xf32>
  %repeated = attn_tile.broadcast %bias[%batch, %queries]
      : !attn_tile.view<64xf32> -> !attn_tile.view<?x?x64xf32>
  // CHECK: attn_tile.phase "rows" grid(%batch = %{{.+}}) {
  attn_tile.phase "rows" grid(%row = %batch) {
    %zero = arith.constant 0 : index
    %count = arith.constant 1 : index
    // CHECK: attn_tile.load_rows %x[%batch, %{{.+}}] count %{{.+}} : <?x?x64xf32> -> <?x64xf32>
    %tile = attn_tile.load_rows %x[%row, %zero] count %count
        : !attn_tile.view<?x?x64xf32> -> !attn_tile.tile<?x64xf32>
    // CHECK: attn_tile.coordinates %x, 1[%batch, %{{.+}}] count %{{.+}} : <?x?x64xf32> -> <?xi32>
    %position = attn_tile.coordinates %x, 1 [%row, %zero] count %count
        : !attn_tile.view<?x?x64xf32> -> !attn_tile.tile<?xi32>
    // CHECK: attn_tile.coordinates %x, 2[%batch, %{{.+}}] count %{{.+}} : <?x?x64xf32> -> <?x64xi32>
    %column = attn_tile.coordinates %x, 2 [%row, %zero] count %count
        : !attn_tile.view<?x?x64xf32> -> !attn_tile.tile<?x64xi32>
    // CHECK: attn_tile.rotate %{{.+}}, %{{.+}} by [1.000000e+00, 5.000000e-01] interleaved : <?x64xf32>, <?xi32>
    %rotated = attn_tile.rotate %tile, %position by [1.0, 0.5] interleaved
        : !attn_tile.tile<?x64xf32>, !attn_tile.tile<?xi32>
    // CHECK: attn_tile.rotate %{{.+}}, %{{.+}} by [1.000000e+00] {amplitude = 1.250000e+00 : f32} : <?x64xf32>, <?xi32>
    %grown = attn_tile.rotate %tile, %position by [1.0]
        {amplitude = 1.25 : f32}
        : !attn_tile.tile<?x64xf32>, !attn_tile.tile<?xi32>
    // CHECK: attn_tile.sum_rows %{{.+}} : <?x64xf32> -> <?xf32>
    %sum = attn_tile.sum_rows %rotated
        : !attn_tile.tile<?x64xf32> -> !attn_tile.tile<?xf32>
    %none = arith.constant 0.0 : f32
    // CHECK: attn_tile.fill %{{.+}} rows %{{.+}} : f32 -> <?x64xf32>
    %start = attn_tile.fill %none rows %count : f32 -> !attn_tile.tile<?x64xf32>
    %weight = attn_tile.load_rows %x[%zero, %zero] count %count
        : !attn_tile.view<?x?x64xf32> -> !attn_tile.tile<64x64xf32>
    // CHECK: attn_tile.multiply %{{.+}}, %{{.+}}, %{{.+}} transposed : <?x64xf32>, <?x64xf32>, <64x64xf32>
    %product = attn_tile.multiply %start, %rotated, %weight transposed
        : !attn_tile.tile<?x64xf32>, !attn_tile.tile<?x64xf32>,
        !attn_tile.tile<64x64xf32>
    // CHECK: attn_tile.map_rows %{{.+}}, %{{.+}} : !attn_tile.tile<?x64xf32>, !attn_tile.tile<?xf32> -> <?x64xf32> {
    %mapped = attn_tile.map_rows %product, %sum
        : !attn_tile.tile<?x64xf32>, !attn_tile.tile<?xf32>
        -> !attn_tile.tile<?x64xf32> {
    ^bb0(%a: f32, %b: f32):
      %c = arith.mulf %a, %b : f32
      attn_tile.yield %c : f32
    }
    // CHECK: attn_tile.store_rows %{{.+}}, %out[%batch, %{{.+}}] count %{{.+}} : <?x64xf32>, <?x?x64xf32>
    attn_tile.store_rows %mapped, %out[%row, %zero] count %count
        : !attn_tile.tile<?x64xf32>, !attn_tile.view<?x?x64xf32>
  }
}

// CHECK-LABEL: func.func @keys_of_a_part
func.func @keys_of_a_part(%score: !attn_tile.tile<?x128xf32>,
    %mask: !attn_tile.view<?x8x?x?xi1>, %ids: !attn_tile.view<?x?xi32>,
    %i: index) {
  // CHECK: %[[FIRST_KEY:.+]] = attn_tile.first_key[%{{.+}}]
  %first_key = attn_tile.first_key[%i]
  // CHECK: attn_tile.documents %{{.+}}[%{{.+}}] position %{{.+}} count %{{.+}} length %{{.+}} first_key %[[FIRST_KEY]] : <?x?xi32> -> <?xi32>
  %begins, %ends = attn_tile.documents %ids[%i] position %i count %i length %i
      first_key %first_key : !attn_tile.view<?x?xi32> -> !attn_tile.tile<?xi32>
  // CHECK: attn_tile.tensor_mask %{{.+}}, %{{.+}}[%{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}] length %{{.+}} first_key %[[FIRST_KEY]] group 4 : <?x128xf32>, <?x8x?x?xi1>
  %result = attn_tile.tensor_mask %score, %mask[%i, %i, %i, %i] length %i
      first_key %first_key group 4
      : !attn_tile.tile<?x128xf32>, !attn_tile.view<?x8x?x?xi1>
  return
}

// CHECK-LABEL: func.func @mask_of_a_tensor
func.func @mask_of_a_tensor(%score: !attn_tile.tile<?x128xf32>,
    %mask: !attn_tile.view<?x8x?x?xi1>, %i: index) {
  // CHECK: attn_tile.tensor_mask %{{.+}}, %{{.+}}[%{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}] length %{{.+}} group 4 : <?x128xf32>, <?x8x?x?xi1>
  %result = attn_tile.tensor_mask %score, %mask[%i, %i, %i, %i] length %i
      group 4 : !attn_tile.tile<?x128xf32>, !attn_tile.view<?x8x?x?xi1>
  return
}
