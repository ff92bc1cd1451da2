// RUN: attn-opt %s --convert-attn-to-attn-tile | FileCheck %s

// Keys and values that are the product of a cache's rows with a weight are made
// block by block in the tasks of attention: no buffer grows with the context.

// A latent layer: keys have a part that all heads share, stored as it is.

// CHECK-LABEL: attn_tile.program @latent_prefill
// CHECK-NOT: attn_tile.buffer[%{{.+}}, %kv_capacity]
// CHECK-NOT: attn_tile.phase "linear"
// CHECK: attn_tile.phase "attend" grid(%{{.+}}, %[[HEAD:[a-z_]+]] = %{{.+}}, %{{.+}})
// CHECK: %[[ROW:.+]] = arith.muli %[[HEAD]], %{{.+}}
// CHECK: %[[KEY_WEIGHT:.+]] = attn_tile.load_rows %{{.+}}[%[[ROW]], %{{.+}}] count
// CHECK-SAME: <2x8x16xf32> -> <8x16xf32>
// CHECK: %[[VALUE_ROW:.+]] = arith.muli %[[HEAD]], %{{.+}}
// CHECK: %[[VALUE_WEIGHT:.+]] = attn_tile.load_rows %{{.+}}[%[[VALUE_ROW]], %{{.+}}] count
// CHECK-SAME: <2x4x16xf32> -> <4x16xf32>
// CHECK: scf.for
// CHECK: %[[LATENT:.+]] = attn_tile.load_keys %cache[%{{.+}}, %[[FIRST:.+]], %[[HEAD]]]
// CHECK: %[[PROJECTED:.+]] = attn_tile.project %[[LATENT]], %[[KEY_WEIGHT]]
// CHECK: %[[ROPE:.+]] = attn_tile.load_keys %{{.+}}[%{{.+}}, %[[FIRST]], %[[HEAD]]]
// CHECK: %[[KEY:.+]] = attn_tile.join %[[PROJECTED]], %[[ROPE]]
// CHECK-SAME: <128x8xf32>, {{.*}}<128x4xf32> -> <128x12xf32>
// CHECK: attn_tile.contract %{{.+}}, %[[KEY]]
// CHECK: %[[ROWS:.+]] = attn_tile.load_keys %cache[%{{.+}}, %[[FIRST]], %[[HEAD]]]
// CHECK: %[[VALUE:.+]] = attn_tile.project %[[ROWS]], %[[VALUE_WEIGHT]]
// CHECK: attn_tile.accumulate %{{.+}}, %{{.+}}, %{{.+}}, %[[VALUE]]
func.func @latent(
    %query: tensor<?x?x2x12xf32> {attn.name = "query"},
    %cache: tensor<?x?x16xf32> {attn.name = "cache"},
    %rope_cache: tensor<?x?x4xf32> {attn.name = "rope_cache"},
    %fresh: tensor<?x1x16xf32> {attn.name = "fresh"},
    %fresh_rope: tensor<?x1x4xf32> {attn.name = "fresh_rope"},
    %kv_lengths: tensor<?xi32> {attn.name = "kv_lengths"},
    %weight: tensor<24x16xf32> {attn.name = "weight"})
    -> (tensor<?x?x16xf32> {attn.updates = "cache"},
        tensor<?x?x4xf32> {attn.updates = "rope_cache"},
        tensor<?x?x2x4xf32> {attn.name = "output"}) {
  %rows = attn.cache_append %cache, %fresh lengths(%kv_lengths : tensor<?xi32>)
      : tensor<?x?x16xf32>, tensor<?x1x16xf32>
  %ropes = attn.cache_append %rope_cache, %fresh_rope
      lengths(%kv_lengths : tensor<?xi32>) : tensor<?x?x4xf32>, tensor<?x1x4xf32>
  %both = attn.linear %rows, %weight
      : tensor<?x?x16xf32>, tensor<24x16xf32> -> tensor<?x?x24xf32>
  %heads = attn.unflatten %both {dim = 2} : tensor<?x?x24xf32> -> tensor<?x?x2x12xf32>
  %rope_head = attn.expand %ropes {dim = 2} : tensor<?x?x4xf32> -> tensor<?x?x1x4xf32>
  %shared = attn.repeat_kv %rope_head {times = 2}
      : tensor<?x?x1x4xf32> -> tensor<?x?x2x4xf32>
  %nope = attn.slice %heads {dim = 3, offset = 0}
      : tensor<?x?x2x12xf32> -> tensor<?x?x2x8xf32>
  %key = attn.concat %nope, %shared {dim = 3}
      : tensor<?x?x2x8xf32>, tensor<?x?x2x4xf32> -> tensor<?x?x2x12xf32>
  %value = attn.slice %heads {dim = 3, offset = 8}
      : tensor<?x?x2x12xf32> -> tensor<?x?x2x4xf32>
  %output, %lse = attn.flash %query, %key, %value
      lengths(%kv_lengths : tensor<?xi32>) {scale = 1.0, mask = #attn.causal}
      : tensor<?x?x2x12xf32>, tensor<?x?x2x12xf32>, tensor<?x?x2x4xf32>
      -> tensor<?x?x2x4xf32>, tensor<?x?x2xf32>
  return %rows, %ropes, %output
      : tensor<?x?x16xf32>, tensor<?x?x4xf32>, tensor<?x?x2x4xf32>
}

// One product that is both, under a mask of the call.

// CHECK-LABEL: attn_tile.program @shared_prefill
// CHECK-NOT: attn_tile.phase "linear"
// CHECK: attn_tile.phase "attend"
// CHECK: %[[ONE_WEIGHT:.+]] = attn_tile.load_rows
// CHECK-NOT: attn_tile.load_rows
// CHECK: %[[ONE_KEY:.+]] = attn_tile.project %{{.+}}, %[[ONE_WEIGHT]]
// CHECK: %[[SCORE:.+]] = attn_tile.contract %{{.+}}, %[[ONE_KEY]]
// CHECK: attn_tile.tensor_mask %[[SCORE]]
// CHECK: %[[ONE_VALUE:.+]] = attn_tile.project %{{.+}}, %[[ONE_WEIGHT]]
// CHECK: attn_tile.accumulate %{{.+}}, %[[ONE_VALUE]]
func.func @shared(
    %query: tensor<?x?x2x8xf32> {attn.name = "query"},
    %cache: tensor<?x?x16xf32> {attn.name = "cache"},
    %fresh: tensor<?x1x16xf32> {attn.name = "fresh"},
    %kv_lengths: tensor<?xi32> {attn.name = "kv_lengths"},
    %weight: tensor<16x16xf32> {attn.name = "weight"},
    %mask: tensor<?x1x?x?xf16> {attn.name = "mask"})
    -> (tensor<?x?x16xf32> {attn.updates = "cache"},
        tensor<?x?x2x8xf32> {attn.name = "output"}) {
  %rows = attn.cache_append %cache, %fresh lengths(%kv_lengths : tensor<?xi32>)
      : tensor<?x?x16xf32>, tensor<?x1x16xf32>
  %both = attn.linear %rows, %weight
      : tensor<?x?x16xf32>, tensor<16x16xf32> -> tensor<?x?x16xf32>
  %heads = attn.unflatten %both {dim = 2} : tensor<?x?x16xf32> -> tensor<?x?x2x8xf32>
  %output, %lse = attn.flash %query, %heads, %heads
      lengths(%kv_lengths : tensor<?xi32>)
      tensor_mask(%mask : tensor<?x1x?x?xf16>) {scale = 1.0, mask = #attn.causal}
      : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>
      -> tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
  return %rows, %output : tensor<?x?x16xf32>, tensor<?x?x2x8xf32>
}

// Attention to other keys than the valid ones reads a tensor.

// CHECK-LABEL: attn_tile.program @all_rows_prefill
// CHECK: attn_tile.phase "linear"
// CHECK-NOT: attn_tile.project
func.func @all_rows(
    %query: tensor<?x?x2x8xf32> {attn.name = "query"},
    %cache: tensor<?x?x16xf32> {attn.name = "cache"},
    %fresh: tensor<?x1x16xf32> {attn.name = "fresh"},
    %kv_lengths: tensor<?xi32> {attn.name = "kv_lengths"},
    %weight: tensor<16x16xf32> {attn.name = "weight"})
    -> (tensor<?x?x16xf32> {attn.updates = "cache"},
        tensor<?x?x2x8xf32> {attn.name = "output"}) {
  %rows = attn.cache_append %cache, %fresh lengths(%kv_lengths : tensor<?xi32>)
      : tensor<?x?x16xf32>, tensor<?x1x16xf32>
  %both = attn.linear %rows, %weight
      : tensor<?x?x16xf32>, tensor<16x16xf32> -> tensor<?x?x16xf32>
  %heads = attn.unflatten %both {dim = 2} : tensor<?x?x16xf32> -> tensor<?x?x2x8xf32>
  %output, %lse = attn.flash %query, %heads, %heads {scale = 1.0, mask = #attn.causal}
      : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>
      -> tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
  return %rows, %output : tensor<?x?x16xf32>, tensor<?x?x2x8xf32>
}
