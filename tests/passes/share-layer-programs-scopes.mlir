// RUN: attn-opt %s --attn-share-layer-programs --split-input-file | FileCheck %s

// Whole modules are shared as attention is: layers whose constants differ have
// one program in each scope, and other code keeps kinds in all scopes.

#graph = #attn_tile.schedule<name = "graph", max_queries = 2147483647, query_block = 32, key_block = 16, split_keys = 64, max_splits = 4, split_tasks = false>

// CHECK-LABEL: module @gpt
// CHECK: attn_tile.program @gpt_attend_graph(
// CHECK-SAME: layers [0], [1] attributes
// CHECK-SAME: kernel = "gpt_attend"
// CHECK-SAME: updated = array<i64: 1>
// CHECK: attn_tile.parameter "scale" = [0.5, 0.25] : f32
// CHECK-NOT: scope<attend>
// CHECK: attn_tile.program @gpt_layer_graph(
// CHECK-SAME: layers [0], [1] attributes
// CHECK-SAME: kernel = "gpt_layer"
// CHECK: attn_tile.parameter "scale" = [0.5, 0.25] : f32
// CHECK-NOT: attn_tile.program
module @gpt {
  attn_tile.program @gpt_layer_0_attend_graph(%query: !attn_tile.view<?x?x1x8xf32>, %cache: !attn_tile.view<?x?x1x8xf32>) layers [0] attributes {argument_names = ["query", "key_cache"], kernel = "gpt_layer_0_attend", schedule = #graph, scope = #attn.scope<attend>, result_count = 0 : i64, updated = array<i64: 1>} {
    %scale = attn_tile.parameter "scale" = [0.5] : f32
  }
  attn_tile.program @gpt_layer_0_layer_graph(%query: !attn_tile.view<?x?x8xf32>) layers [0] attributes {argument_names = ["hidden_states"], kernel = "gpt_layer_0_layer", schedule = #graph, scope = #attn.scope<layer>} {
    %scale = attn_tile.parameter "scale" = [0.5] : f32
  }
  attn_tile.program @gpt_layer_1_attend_graph(%query: !attn_tile.view<?x?x1x8xf32>, %cache: !attn_tile.view<?x?x1x8xf32>) layers [1] attributes {argument_names = ["query", "key_cache"], kernel = "gpt_layer_1_attend", schedule = #graph, scope = #attn.scope<attend>, result_count = 0 : i64, updated = array<i64: 1>} {
    %scale = attn_tile.parameter "scale" = [0.25] : f32
  }
  attn_tile.program @gpt_layer_1_layer_graph(%query: !attn_tile.view<?x?x8xf32>) layers [1] attributes {argument_names = ["hidden_states"], kernel = "gpt_layer_1_layer", schedule = #graph, scope = #attn.scope<layer>} {
    %scale = attn_tile.parameter "scale" = [0.25] : f32
  }
}

// -----

#graph = #attn_tile.schedule<name = "graph", max_queries = 2147483647, query_block = 32, key_block = 16, split_keys = 64, max_splits = 4, split_tasks = false>

// CHECK-LABEL: module @mixed
// CHECK: attn_tile.program @mixed_sliding_core_graph(
// CHECK-SAME: layers [0, 1] attributes
// CHECK: attn_tile.program @mixed_sliding_layer_graph(
// CHECK-SAME: layers [0] attributes
// CHECK-NOT: mixed_full_core
// CHECK: attn_tile.program @mixed_full_layer_graph(
// CHECK-SAME: layers [1] attributes
module @mixed {
  attn_tile.program @mixed_sliding_core_graph(%query: !attn_tile.view<?x?x1x8xf32>) layers [0] attributes {argument_names = ["query"], kernel = "mixed_sliding_core", schedule = #graph, scope = #attn.scope<core>} {
  }
  attn_tile.program @mixed_sliding_layer_graph(%query: !attn_tile.view<?x?x8xf32>) layers [0] attributes {argument_names = ["hidden_states"], kernel = "mixed_sliding_layer", schedule = #graph, scope = #attn.scope<layer>} {
    %theta = arith.constant 1.0e4 : f32
  }
  attn_tile.program @mixed_full_core_graph(%query: !attn_tile.view<?x?x1x8xf32>) layers [1] attributes {argument_names = ["query"], kernel = "mixed_full_core", schedule = #graph, scope = #attn.scope<core>} {
  }
  attn_tile.program @mixed_full_layer_graph(%query: !attn_tile.view<?x?x8xf32>) layers [1] attributes {argument_names = ["hidden_states"], kernel = "mixed_full_layer", schedule = #graph, scope = #attn.scope<layer>} {
    %theta = arith.constant 1.0e6 : f32
  }
}
