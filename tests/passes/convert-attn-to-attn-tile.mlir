// RUN: attn-opt %s --convert-attn-to-attn-tile="schedules='[\
// RUN: #attn_tile.schedule<name = \"prefill\", max_queries = 2147483647, query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = false>, \
// RUN: #attn_tile.schedule<name = \"decode\", max_queries = 1, query_block = 1, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = true>]'" \
// RUN: | attn-opt --verify-roundtrip | FileCheck %s

// One fused function becomes one program per schedule: prefill walks its
// splits in the task, decode has a task per split and merges in a second
// phase.

func.func @gqa_core(%query: tensor<?x?x8x64xf32> {attn.name = "query"},
                    %key: tensor<?x?x2x64xf32> {attn.name = "key"},
                    %value: tensor<?x?x2x32xf32> {attn.name = "value"},
                    %lengths: tensor<?xi32> {attn.name = "kv_lengths"},
                    %sinks: tensor<8xf32> {attn.name = "sinks"})
    -> (tensor<?x?x8x32xf32> {attn.name = "output"},
        tensor<?x?x8xf32> {attn.name = "lse"})
    attributes {attn.layers = #attn.layers<0, 3>,
                attn.scope = #attn.scope<core>} {
  %output, %lse = attn.flash %query, %key, %value
      lengths(%lengths : tensor<?xi32>) sinks(%sinks : tensor<8xf32>)
      {scale = 0.125, mask = #attn.window<left = 128, right = 1>}
      : tensor<?x?x8x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x32xf32>
      -> tensor<?x?x8x32xf32>, tensor<?x?x8xf32>
  return %output, %lse : tensor<?x?x8x32xf32>, tensor<?x?x8xf32>
}

// A prefix is one more operand, read for each sequence.
func.func @prefix_core(%query: tensor<?x?x1x64xf32> {attn.name = "query"},
                       %key: tensor<?x?x1x64xf32> {attn.name = "key"},
                       %value: tensor<?x?x1x64xf32> {attn.name = "value"},
                       %prefix: tensor<?xi32> {attn.name = "prefix_lengths"})
    -> (tensor<?x?x1x64xf32> {attn.name = "output"},
        tensor<?x?x1xf32> {attn.name = "lse"}) {
  %output, %lse = attn.flash %query, %key, %value
      prefix(%prefix : tensor<?xi32>)
      {scale = 0.125, mask = #attn.all<[#attn.prefix, #attn.chunk<size = 64>]>}
      : tensor<?x?x1x64xf32>, tensor<?x?x1x64xf32>, tensor<?x?x1x64xf32>
      -> tensor<?x?x1x64xf32>, tensor<?x?x1xf32>
  return %output, %lse : tensor<?x?x1x64xf32>, tensor<?x?x1xf32>
}

// CHECK-LABEL: attn_tile.program @gqa_core_prefill(
// CHECK-SAME: %query: !attn_tile.view<?x?x8x64xf32>
// CHECK-SAME: %lse: !attn_tile.view<?x?x8xf32>
// CHECK-SAME: layers [0, 3]
// CHECK-SAME: argument_names = ["query", "key", "value", "kv_lengths", "sinks", "output", "lse"]
// CHECK-SAME: kernel = "gqa_core"
// CHECK-SAME: scope = #attn.scope<core>
// The scale carries log2(e): 0.125 * 1.442695.
// CHECK: %[[SCALE:.*]] = attn_tile.parameter "scale" = [0.18033688011112042] : f32
// CHECK: %[[LEFT:.*]] = attn_tile.parameter "left" = [128] : index
// CHECK: %[[RIGHT:.*]] = attn_tile.parameter "right" = [1] : index
// CHECK: %[[CHUNK:.*]] = attn_tile.parameter "chunk" = [unbounded] : index
// CHECK: attn_tile.phase "attend" grid(%batch = %{{.*}}, %kv_head = %{{.*}}, %block = %{{.*}})
// CHECK: %[[LO:.*]], %[[FULL_LO:.*]], %[[FULL_HI:.*]], %[[HI:.*]] = attn_tile.key_ranges
// CHECK-SAME: band(%[[LEFT]], %[[RIGHT]]) chunk %[[CHUNK]] block 128
// CHECK: %[[QUERY:.*]] = attn_tile.load_queries %query{{.*}} group 4
// CHECK: scf.for
// CHECK: scf.for %[[KEY:[^ ]*]] =
// CHECK: attn_tile.load_keys %key[%batch, %[[KEY]], %kv_head]
// CHECK: %[[SCORE:.*]] = attn_tile.contract %[[QUERY]], %{{.*}} scale %[[SCALE]]
// CHECK: arith.cmpi slt, %[[KEY]], %[[FULL_LO]]
// CHECK: arith.cmpi sge, %[[KEY]], %[[FULL_HI]]
// CHECK: scf.if
// CHECK: attn_tile.mask %[[SCORE]]{{.*}} band(%[[LEFT]], %[[RIGHT]]) chunk %[[CHUNK]] group 4
// CHECK: attn_tile.softmax_step
// CHECK: attn_tile.load_keys %value{{.*}} -> <128x32xf32>
// CHECK: attn_tile.accumulate
// CHECK: attn_tile.merge
// CHECK: attn_tile.finish {{.*}} sinks(%sinks
// CHECK: attn_tile.store {{.*}}, %output
// CHECK: attn_tile.store {{.*}}, %lse
// CHECK-NOT: attn_tile.phase

// CHECK-LABEL: attn_tile.program @gqa_core_decode(
// CHECK: %[[STATES:.*]] = attn_tile.workspace[{{.*}}] rows 4 columns 32
// CHECK: attn_tile.phase "attend" grid({{.*}}, %split = %{{.*}})
// CHECK: attn_tile.save_state {{.*}}, %[[STATES]][%batch, %kv_head, %block, %split]
// CHECK: attn_tile.phase "merge"
// CHECK: attn_tile.load_state %[[STATES]]
// CHECK: attn_tile.merge
// CHECK: attn_tile.finish

// CHECK-LABEL: attn_tile.program @prefix_core_prefill(
// CHECK: %[[CHUNK:.*]] = attn_tile.parameter "chunk" = [64] : index
// CHECK: attn_tile.phase
// CHECK: %[[PREFIX:.*]] = attn_tile.entry %prefix_lengths[%batch]
// CHECK: attn_tile.key_ranges {{.*}} chunk %[[CHUNK]] prefix %[[PREFIX]] block 128
// CHECK: attn_tile.mask {{.*}} chunk %[[CHUNK]] prefix %[[PREFIX]] group 1
// CHECK-NOT: func.func

// Keys in two arguments are loaded side by side, values from the first again.
func.func @latent_core(%query: tensor<?x?x4x10xf32> {attn.name = "query"},
                       %latent: tensor<?x?x8xf32> {attn.name = "latent"},
                       %rope_key: tensor<?x?x2xf32> {attn.name = "rope_key"},
                       %lengths: tensor<?xi32> {attn.name = "kv_lengths"})
    -> (tensor<?x?x4x8xf32> {attn.name = "output"},
        tensor<?x?x4xf32> {attn.name = "lse"}) {
  %value = attn.expand %latent {dim = 2} : tensor<?x?x8xf32> -> tensor<?x?x1x8xf32>
  %rope = attn.expand %rope_key {dim = 2} : tensor<?x?x2xf32> -> tensor<?x?x1x2xf32>
  %key = attn.concat %value, %rope {dim = 3}
      : tensor<?x?x1x8xf32>, tensor<?x?x1x2xf32> -> tensor<?x?x1x10xf32>
  %output, %lse = attn.flash %query, %key, %value
      lengths(%lengths : tensor<?xi32>) {scale = 0.25, mask = #attn.causal}
      : tensor<?x?x4x10xf32>, tensor<?x?x1x10xf32>, tensor<?x?x1x8xf32>
      -> tensor<?x?x4x8xf32>, tensor<?x?x4xf32>
  return %output, %lse : tensor<?x?x4x8xf32>, tensor<?x?x4xf32>
}

// CHECK-LABEL: attn_tile.program @latent_core_prefill(
// CHECK-SAME: %latent: !attn_tile.view<?x?x8xf32>, %rope_key: !attn_tile.view<?x?x2xf32>
// CHECK: attn_tile.length %latent[%batch] lengths(%kv_lengths
// CHECK: attn_tile.load_keys %latent, %rope_key[%batch, %[[KEY:.*]], %kv_head] {{.*}} -> <128x10xf32>
// CHECK: attn_tile.load_keys %latent[%batch, %[[KEY]], %kv_head] {{.*}} -> <128x8xf32>
// CHECK-LABEL: attn_tile.program @latent_core_decode(
// CHECK: attn_tile.max_length %latent

// Views are stored as tensors are, tiles are f32.

// CHECK-LABEL: attn_tile.program @stored_
// CHECK-SAME: !attn_tile.view<?x?x4x16xbf16>
// CHECK-SAME: !attn_tile.view<?x?x2x16xf16>
// CHECK: attn_tile.load_queries {{.*}} : <?x?x4x16xbf16> -> <?x16xf32>
// CHECK: attn_tile.load_keys {{.*}} : !attn_tile.view<?x?x2x16xf16> -> <128x16xf32>
// CHECK: attn_tile.store {{.*}} : <?x16xf32>, <?x?x4x16xbf16>
func.func @stored(%query: tensor<?x?x4x16xbf16> {attn.name = "query"},
                  %key: tensor<?x?x2x16xf16> {attn.name = "key"},
                  %value: tensor<?x?x2x16xf16> {attn.name = "value"})
    -> (tensor<?x?x4x16xbf16> {attn.name = "output"},
        tensor<?x?x4xf32> {attn.name = "lse"}) {
  %o, %l = attn.flash %query, %key, %value {scale = 0.25, mask = #attn.causal}
      : tensor<?x?x4x16xbf16>, tensor<?x?x2x16xf16>, tensor<?x?x2x16xf16>
      -> tensor<?x?x4x16xbf16>, tensor<?x?x4xf32>
  return %o, %l : tensor<?x?x4x16xbf16>, tensor<?x?x4xf32>
}
