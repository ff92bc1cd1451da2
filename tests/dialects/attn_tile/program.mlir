// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s

// A program with two phases and every step, printed and read again.

// CHECK-LABEL: attn_tile.program @every_step(
// CHECK-SAME: %query: !attn_tile.view<?x?x8x64xf32>
// CHECK-SAME: %output: !attn_tile.view<?x?x8x64xf32>
// CHECK-SAME: layers [0 to 2, 5], [4] attributes {argument_names = ["query", "key", "lengths", "sinks", "output", "lse"], kernel = "steps", {{.*}}, scope = #attn.scope<core>}
attn_tile.program @every_step(
    %query: !attn_tile.view<?x?x8x64xf32>, %key: !attn_tile.view<?x?x2x64xf32>,
    %lengths: !attn_tile.view<?xi32>, %sinks: !attn_tile.view<8xf32>,
    %output: !attn_tile.view<?x?x8x64xf32>, %lse: !attn_tile.view<?x?x8xf32>)
    attributes {
      argument_names = ["query", "key", "lengths", "sinks", "output", "lse"],
      kernel = "steps", layers = array<i64: 0, 1, 2, 4, 5>,
      layer_rows = array<i64: 0, 0, 0, 1, 0>, scope = #attn.scope<core>,
      schedule = #attn_tile.schedule<name = "decode", max_queries = 1,
          query_block = 1, key_block = 128, split_keys = 1024, max_splits = 32,
          split_tasks = true>} {
  // CHECK: attn_tile.parameter "scale" = [0.125, 0.25] : f32
  %scale = attn_tile.parameter "scale" = [0.125, 0.25] : f32
  // CHECK: attn_tile.parameter "left" = [4096, unbounded] : index
  %left = attn_tile.parameter "left" = [4096, 2147483647] : index
  // CHECK: attn_tile.parameter "right" = [unbounded, -1] : index
  %right = attn_tile.parameter "right" = [unbounded, -1] : index
  // CHECK: attn_tile.dim %query, 0
  %batches = attn_tile.dim %query, 0 : !attn_tile.view<?x?x8x64xf32>
  // CHECK: attn_tile.max_length %key lengths(%lengths : !attn_tile.view<?xi32>)
  %longest = attn_tile.max_length %key lengths(%lengths : !attn_tile.view<?xi32>)
      : !attn_tile.view<?x?x2x64xf32>
  // CHECK: attn_tile.split_size %{{.+}} at_least 1024 at_most 32
  %split_keys = attn_tile.split_size %longest at_least 1024 at_most 32
  // CHECK: attn_tile.workspace[%{{.+}}, %{{.+}}] rows 4 columns 64 : !attn_tile.states
  %states = attn_tile.workspace[%batches, %batches] rows 4 columns 64
      : !attn_tile.states
  // CHECK: attn_tile.phase "attend" grid(%batch = %{{.+}}, %kv_head = %{{.+}}) {
  attn_tile.phase "attend" grid(%batch = %batches, %kv_head = %batches) {
    // CHECK: attn_tile.length %key[%batch] lengths(
    %length = attn_tile.length %key[%batch]
        lengths(%lengths : !attn_tile.view<?xi32>)
        : !attn_tile.view<?x?x2x64xf32>
    // CHECK: attn_tile.key_ranges position %{{.+}} count %{{.+}} length %{{.+}} band(%{{.+}}, %{{.+}}) block 128
    %lo, %full_lo, %full_hi, %hi = attn_tile.key_ranges position %length
        count %batch length %length band(%left, %left) block 128
    // CHECK: attn_tile.load_queries %query[%batch, %{{.+}}, %kv_head] count %{{.+}} group 4
    %q = attn_tile.load_queries %query[%batch, %lo, %kv_head] count %batch
        group 4 : !attn_tile.view<?x?x8x64xf32> -> !attn_tile.tile<?x64xf32>
    // CHECK: attn_tile.start rows
    %m, %l, %o = attn_tile.start rows %batch
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>,
        !attn_tile.tile<?x64xf32>
    // CHECK: attn_tile.load_keys %key[%batch, %{{.+}}, %kv_head] length
    %k = attn_tile.load_keys %key[%batch, %lo, %kv_head] length %length
        : !attn_tile.view<?x?x2x64xf32> -> !attn_tile.tile<128x64xf32>
    // CHECK: attn_tile.contract %{{.+}}, %{{.+}} scale
    %s = attn_tile.contract %q, %k scale %scale
        : !attn_tile.tile<?x64xf32>, !attn_tile.tile<128x64xf32>
        -> !attn_tile.tile<?x128xf32>
    // CHECK: attn_tile.map %{{.+}} first %{{.+}} key %{{.+}} kv_head %kv_head group 4
    %t = attn_tile.map %s first %lo key %lo kv_head %kv_head group 4
        : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32> {
    ^bb0(%score: f32, %row: index, %column: index, %head: index):
      // CHECK: attn_tile.yield
      attn_tile.yield %score : f32
    }
    // CHECK: attn_tile.mask %{{.+}} position %{{.+}} key %{{.+}} length %{{.+}} band(%{{.+}}, %{{.+}}) group 4
    %u = attn_tile.mask %t position %lo key %lo length %length
        band(%left, %left) group 4
        : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32>
    // CHECK: attn_tile.softmax_step
    %p, %m1, %l1, %alpha = attn_tile.softmax_step %u, %m, %l
        : !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>,
        !attn_tile.tile<?xf32> -> !attn_tile.tile<?x128xf32>,
        !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
    // CHECK: attn_tile.accumulate
    %o1 = attn_tile.accumulate %o, %alpha, %p, %k
        : !attn_tile.tile<?x64xf32>, !attn_tile.tile<?xf32>,
        !attn_tile.tile<?x128xf32>, !attn_tile.tile<128x64xf32>
        -> !attn_tile.tile<?x64xf32>
    // CHECK: attn_tile.save_state %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}[%batch, %kv_head]
    attn_tile.save_state %m1, %l1, %o1, %states[%batch, %kv_head]
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>,
        !attn_tile.tile<?x64xf32>
  }
  // CHECK: attn_tile.phase "merge" grid(%batch = %{{.+}}) {
  attn_tile.phase "merge" grid(%batch = %batches) {
    // CHECK: attn_tile.load_state %{{.+}}[%batch, %batch] rows
    %m, %l, %o = attn_tile.load_state %states[%batch, %batch] rows %batch
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>,
        !attn_tile.tile<?x64xf32>
    // CHECK: attn_tile.merge(
    %m1, %l1, %o1 = attn_tile.merge(%m, %l, %o), (%m, %l, %o)
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>,
        !attn_tile.tile<?x64xf32>
    // CHECK: attn_tile.finish %{{.+}} kv_head %batch sinks(%sinks : !attn_tile.view<8xf32>) group 4
    %out, %log = attn_tile.finish %m1, %l1, %o1 kv_head %batch
        sinks(%sinks : !attn_tile.view<8xf32>) group 4
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>,
        !attn_tile.tile<?x64xf32>
    // CHECK: attn_tile.store %{{.+}}, %output[%batch, %batch, %batch] count %batch group 4
    attn_tile.store %out, %output[%batch, %batch, %batch] count %batch group 4
        : !attn_tile.tile<?x64xf32>, !attn_tile.view<?x?x8x64xf32>
    // CHECK: attn_tile.store %{{.+}}, %lse[%batch, %batch, %batch] count %batch group 4
    attn_tile.store %log, %lse[%batch, %batch, %batch] count %batch group 4
        : !attn_tile.tile<?xf32>, !attn_tile.view<?x?x8xf32>
  }
}

// A program serves layers that it lists by their constants, or none.

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// CHECK-LABEL: attn_tile.program @lists(
// CHECK-SAME: layers [0, 2], [1, 3 to 5] attributes {argument_names = ["query"], schedule
attn_tile.program @lists(%query: !attn_tile.view<?x?x1x8xf32>)
    layers [0, 2], [1, 3 to 5]
    attributes {argument_names = ["query"], schedule = #schedule} {
}

// CHECK-LABEL: attn_tile.program @none(
// CHECK-SAME: ) attributes {argument_names = ["query"], schedule
attn_tile.program @none(%query: !attn_tile.view<?x?x1x8xf32>)
    attributes {argument_names = ["query"], schedule = #schedule} {
}

// CHECK-LABEL: attn_tile.program @program_c5(
// CHECK-SAME: result_count = 1 : i64
// CHECK-SAME: updated = array<i64: 0, 2>
attn_tile.program @program_c5(
    %state: !attn_tile.view<?x8xf32>, %x: !attn_tile.view<?x8xf32>,
    %cache: !attn_tile.view<?x8xf32>, %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["state", "x", "cache", "y"], result_count = 1 : i64,
    updated = array<i64: 0, 2>, schedule = #schedule} {
}

// CHECK-LABEL: attn_tile.program @program_c6(
// CHECK-SAME: lengths = 0 : i64
attn_tile.program @program_c6(
    %lengths: !attn_tile.view<?xi32>, %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["kv_lengths", "y"], result_count = 1 : i64,
    lengths = 0 : i64, schedule = #schedule} {
}

// CHECK: attn_tile.footprint = #attn_tile.footprint<scratch_bytes = 128, state_bytes = 64>
func.func private @lowered() attributes {
    attn_tile.footprint = #attn_tile.footprint<scratch_bytes = 128, state_bytes = 64>}

// CHECK: attn_tile.schedules = [#attn_tile.schedule<name = "prefill"
func.func private @scheduled() attributes {attn_tile.schedules = [#schedule]}
