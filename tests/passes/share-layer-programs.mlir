// RUN: attn-opt %s --attn-share-layer-programs | FileCheck %s

// Equal code with other constants becomes one program with a row of constants
// per distinct set; other code stays.

#prefill = #attn_tile.schedule<name = "prefill", max_queries = 64, query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = false>

// CHECK: attn_tile.program @sliding(
// CHECK-SAME: layers [0, 2], [1, 3] attributes
// CHECK: attn_tile.parameter "scale" = [0.5, 0.5] : f32
// CHECK: attn_tile.parameter "left" = [128, unbounded] : index
attn_tile.program @sliding(%query: !attn_tile.view<?x?x1x8xf32>) attributes {argument_names = ["query"], layers = array<i64: 0, 2>, layer_rows = array<i64: 0, 0>, scope = #attn.scope<core>, schedule = #prefill} {
  %scale = attn_tile.parameter "scale" = [0.5] : f32
  %left = attn_tile.parameter "left" = [128] : index
}

// CHECK-NOT: @full
attn_tile.program @full(%query: !attn_tile.view<?x?x1x8xf32>) attributes {argument_names = ["query"], layers = array<i64: 1, 3>, layer_rows = array<i64: 0, 0>, scope = #attn.scope<core>, schedule = #prefill} {
  %scale = attn_tile.parameter "scale" = [0.5] : f32
  %left = attn_tile.parameter "left" = [2147483647] : index
}

// CHECK: attn_tile.program @wider(
attn_tile.program @wider(%query: !attn_tile.view<?x?x1x16xf32>) attributes {argument_names = ["query"], layers = array<i64: 4>, layer_rows = array<i64: 0>, scope = #attn.scope<core>, schedule = #prefill} {
  %scale = attn_tile.parameter "scale" = [0.5] : f32
  %left = attn_tile.parameter "left" = [128] : index
}

// What a caller wrote has no scope: entries that callers know by name stay, even
// where functions say which layers they are for.

// CHECK: attn_tile.program @own_a(
// CHECK: attn_tile.program @own_b(
attn_tile.program @own_a(%query: !attn_tile.view<?x?x1x4xf32>) layers [5] attributes {argument_names = ["query"], schedule = #prefill} {
}
attn_tile.program @own_b(%query: !attn_tile.view<?x?x1x4xf32>) layers [6] attributes {argument_names = ["query"], schedule = #prefill} {
}

// Programs that say otherwise what their arguments are, or more, are others.

// CHECK: attn_tile.program @axes(
// CHECK: attn_tile.program @other_axes(
// CHECK: attn_tile.program @written(
// CHECK: attn_tile.program @updated(
attn_tile.program @axes(%x: !attn_tile.view<?x?xf32>) layers [7] attributes {argument_names = ["x"], argument_axes = [["batch", "query_length"]], scope = #attn.scope<layer>, schedule = #prefill} {
}
attn_tile.program @other_axes(%x: !attn_tile.view<?x?xf32>) layers [8] attributes {argument_names = ["x"], argument_axes = [["batch", "kv_capacity"]], scope = #attn.scope<layer>, schedule = #prefill} {
}
attn_tile.program @written(%x: !attn_tile.view<?x?xf32>) layers [9] attributes {argument_names = ["x"], argument_axes = [["batch", "query_length"]], result_count = 1 : i64, scope = #attn.scope<layer>, schedule = #prefill} {
}
attn_tile.program @updated(%x: !attn_tile.view<?x?xf32>) layers [10] attributes {argument_names = ["x"], argument_axes = [["batch", "query_length"]], updated = array<i64: 0>, scope = #attn.scope<layer>, schedule = #prefill} {
}
