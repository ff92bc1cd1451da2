// RUN: attn-opt %s --attn-share-layer-programs --split-input-file | FileCheck %s

// A program of no layer is a function of its own that callers know by name: it
// is neither shared nor renamed.

#prefill = #attn_tile.schedule<name = "prefill", max_queries = 64, query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = false>

// CHECK-LABEL: module @hand
// CHECK: attn_tile.program @hand_full_core_prefill(
// CHECK-NOT: layers
// CHECK: attn_tile.program @twin_prefill(
module @hand {
  attn_tile.program @hand_full_core_prefill(%query: !attn_tile.view<?x?x1x8xf32>) attributes {argument_names = ["query"], layers = array<i64>, layer_rows = array<i64>, schedule = #prefill} {
    %left = attn_tile.parameter "left" = [128] : index
  }
  attn_tile.program @twin_prefill(%query: !attn_tile.view<?x?x1x8xf32>) attributes {argument_names = ["query"], layers = array<i64>, layer_rows = array<i64>, schedule = #prefill} {
    %left = attn_tile.parameter "left" = [128] : index
  }
}

// -----

// One that is alone keeps a name that reads like a layer's.

#prefill = #attn_tile.schedule<name = "prefill", max_queries = 64, query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = false>

// CHECK-LABEL: module @alone
// CHECK: attn_tile.program @alone_full_core_prefill(
module @alone {
  attn_tile.program @alone_full_core_prefill(%query: !attn_tile.view<?x?x1x8xf32>) attributes {argument_names = ["query"], layers = array<i64>, layer_rows = array<i64>, schedule = #prefill} {
  }
}
