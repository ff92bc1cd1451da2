// RUN: attn-opt %s --attn-share-layer-programs --split-input-file | FileCheck %s

// The kind in a name is there to tell layers apart; where one kernel is left,
// it goes.

#prefill = #attn_tile.schedule<name = "prefill", max_queries = 64, query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = false>
#decode = #attn_tile.schedule<name = "decode", max_queries = 1, query_block = 1, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = false>

// CHECK-LABEL: module @gpt
// CHECK: attn_tile.program @gpt_core_prefill(
// CHECK-SAME: kernel = "gpt_core"
// CHECK: attn_tile.program @gpt_core_decode(
// CHECK-SAME: kernel = "gpt_core"
// CHECK-NOT: attn_tile.program
module @gpt {
  attn_tile.program @gpt_sliding_core_prefill(%query: !attn_tile.view<?x?x1x8xf32>) layers [0] attributes {argument_names = ["query"], kernel = "gpt_sliding_core", scope = #attn.scope<core>, schedule = #prefill} {
    %left = attn_tile.parameter "left" = [128] : index
  }
  attn_tile.program @gpt_sliding_core_decode(%query: !attn_tile.view<?x?x1x8xf32>) layers [0] attributes {argument_names = ["query"], kernel = "gpt_sliding_core", scope = #attn.scope<core>, schedule = #decode} {
    %left = attn_tile.parameter "left" = [128] : index
  }
  attn_tile.program @gpt_full_core_prefill(%query: !attn_tile.view<?x?x1x8xf32>) layers [1] attributes {argument_names = ["query"], kernel = "gpt_full_core", scope = #attn.scope<core>, schedule = #prefill} {
    %left = attn_tile.parameter "left" = [2147483647] : index
  }
  attn_tile.program @gpt_full_core_decode(%query: !attn_tile.view<?x?x1x8xf32>) layers [1] attributes {argument_names = ["query"], kernel = "gpt_full_core", scope = #attn.scope<core>, schedule = #decode} {
    %left = attn_tile.parameter "left" = [2147483647] : index
  }
}

// -----

#prefill = #attn_tile.schedule<name = "prefill", max_queries = 64, query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = false>

// CHECK-LABEL: module @mixed
// CHECK: attn_tile.program @mixed_sliding_core_prefill(
// CHECK: attn_tile.program @mixed_full_core_prefill(
module @mixed {
  attn_tile.program @mixed_sliding_core_prefill(%query: !attn_tile.view<?x?x1x8xf32>) layers [0] attributes {argument_names = ["query"], kernel = "mixed_sliding_core", scope = #attn.scope<core>, schedule = #prefill} {
  }
  attn_tile.program @mixed_full_core_prefill(%query: !attn_tile.view<?x?x1x16xf32>) layers [1] attributes {argument_names = ["query"], kernel = "mixed_full_core", scope = #attn.scope<core>, schedule = #prefill} {
  }
}

// -----

// How much of a layer a program covers tells programs apart, too.

#prefill = #attn_tile.schedule<name = "prefill", max_queries = 64, query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = false>

// CHECK-LABEL: module @scopes
// CHECK: attn_tile.program @scopes_core_prefill(
// CHECK: attn_tile.program @scopes_attend_prefill(
module @scopes {
  attn_tile.program @scopes_core_prefill(%query: !attn_tile.view<?x?x1x8xf32>) layers [0] attributes {argument_names = ["query"], kernel = "scopes_core", scope = #attn.scope<core>, schedule = #prefill} {
  }
  attn_tile.program @scopes_attend_prefill(%query: !attn_tile.view<?x?x1x8xf32>) layers [0] attributes {argument_names = ["query"], kernel = "scopes_attend", scope = #attn.scope<attend>, schedule = #prefill} {
  }
}

// -----

#prefill = #attn_tile.schedule<name = "prefill", max_queries = 64, query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = false>

// The two forms of a latent layer are no kinds.
// CHECK-LABEL: module @mla
// CHECK: attn_tile.program @mla_expanded_core_prefill(
// CHECK: attn_tile.program @mla_absorbed_core_prefill(
// CHECK-NOT: attn_tile.program
module @mla {
  attn_tile.program @mla_layer_0_expanded_core_prefill(%query: !attn_tile.view<?x?x1x8xf32>) layers [0] attributes {argument_names = ["query"], kernel = "mla_layer_0_expanded_core", scope = #attn.scope<core>, schedule = #prefill} {
    %left = attn_tile.parameter "left" = [128] : index
  }
  attn_tile.program @mla_layer_0_absorbed_core_prefill(%query: !attn_tile.view<?x?x1x16xf32>) layers [0] attributes {argument_names = ["query"], kernel = "mla_layer_0_absorbed_core", scope = #attn.scope<core>, schedule = #prefill} {
    %left = attn_tile.parameter "left" = [128] : index
  }
  attn_tile.program @mla_layer_1_expanded_core_prefill(%query: !attn_tile.view<?x?x1x8xf32>) layers [1] attributes {argument_names = ["query"], kernel = "mla_layer_1_expanded_core", scope = #attn.scope<core>, schedule = #prefill} {
    %left = attn_tile.parameter "left" = [64] : index
  }
  attn_tile.program @mla_layer_1_absorbed_core_prefill(%query: !attn_tile.view<?x?x1x16xf32>) layers [1] attributes {argument_names = ["query"], kernel = "mla_layer_1_absorbed_core", scope = #attn.scope<core>, schedule = #prefill} {
    %left = attn_tile.parameter "left" = [64] : index
  }
}
