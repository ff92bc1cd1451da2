// RUN: attn-opt %s --convert-attn-to-attn-tile | FileCheck %s

// A product with the rows of a cache stops at the valid ones, where nothing but
// attention to these reads it: a cache may have far more room than rows. A bias
// keeps it out of the tasks of attention.

// CHECK-LABEL: attn_tile.program @bounded_prefill
// CHECK: %[[LONGEST:.+]] = attn_tile.max_length %cache lengths(%kv_lengths
// CHECK: %[[MOST:.+]] = arith.minsi %{{.+}}, %[[LONGEST]]
// CHECK: %[[BLOCKS:.+]] = arith.ceildivui %[[MOST]]
// CHECK: attn_tile.phase "linear" grid({{.*}} = %[[BLOCKS]])
// CHECK: %[[LENGTH:.+]] = attn_tile.length %cache
// CHECK: %[[VALID:.+]] = arith.minsi %{{.+}}, %[[LENGTH]]
// CHECK: arith.maxsi %[[VALID]]
func.func @bounded(
    %query: tensor<?x?x2x8xf32> {attn.name = "query"},
    %cache: tensor<?x?x16xf32> {attn.name = "cache"},
    %fresh: tensor<?x1x16xf32> {attn.name = "fresh"},
    %kv_lengths: tensor<?xi32> {attn.name = "kv_lengths"},
    %weight: tensor<16x16xf32> {attn.name = "weight"},
    %bias: tensor<16xf32> {attn.name = "bias"})
    -> (tensor<?x?x16xf32> {attn.updates = "cache"},
        tensor<?x?x2x8xf32> {attn.name = "output"}) {
  %grown = attn.cache_append %cache, %fresh lengths(%kv_lengths : tensor<?xi32>)
      : tensor<?x?x16xf32>, tensor<?x1x16xf32>
  %rows = attn.linear %grown, %weight bias(%bias : tensor<16xf32>)
      : tensor<?x?x16xf32>, tensor<16x16xf32> -> tensor<?x?x16xf32>
  %heads = attn.unflatten %rows {dim = 2} : tensor<?x?x16xf32> -> tensor<?x?x2x8xf32>
  %output, %lse = attn.flash %query, %heads, %heads
      lengths(%kv_lengths : tensor<?xi32>) {scale = 1.0, mask = #attn.causal}
      : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>
      -> tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
  return %grown, %output : tensor<?x?x16xf32>, tensor<?x?x2x8xf32>
}

// What is returned is returned whole.

// CHECK-LABEL: attn_tile.program @returned_prefill
// CHECK-NOT: attn_tile.max_length
// CHECK: attn_tile.phase "linear"
func.func @returned(
    %query: tensor<?x?x2x8xf32> {attn.name = "query"},
    %cache: tensor<?x?x16xf32> {attn.name = "cache"},
    %fresh: tensor<?x1x16xf32> {attn.name = "fresh"},
    %kv_lengths: tensor<?xi32> {attn.name = "kv_lengths"},
    %weight: tensor<16x16xf32> {attn.name = "weight"})
    -> (tensor<?x?x16xf32> {attn.updates = "cache"},
        tensor<?x?x2x8xf32> {attn.name = "output"},
        tensor<?x?x16xf32> {attn.name = "rows"}) {
  %grown = attn.cache_append %cache, %fresh lengths(%kv_lengths : tensor<?xi32>)
      : tensor<?x?x16xf32>, tensor<?x1x16xf32>
  %rows = attn.linear %grown, %weight
      : tensor<?x?x16xf32>, tensor<16x16xf32> -> tensor<?x?x16xf32>
  %heads = attn.unflatten %rows {dim = 2} : tensor<?x?x16xf32> -> tensor<?x?x2x8xf32>
  %output, %lse = attn.flash %query, %heads, %heads
      lengths(%kv_lengths : tensor<?xi32>) {scale = 1.0, mask = #attn.causal}
      : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>
      -> tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
  return %grown, %output, %rows
      : tensor<?x?x16xf32>, tensor<?x?x2x8xf32>, tensor<?x?x16xf32>
}

// Neither where rows are picked or split: then they are others than the valid.

// CHECK-LABEL: attn_tile.program @slice_of_rows_prefill
// CHECK-NOT: attn_tile.max_length
// CHECK: attn_tile.phase "linear"
func.func @slice_of_rows(
    %query: tensor<?x?x2x8xf32> {attn.name = "query"},
    %cache: tensor<?x128x16xf32> {attn.name = "cache"},
    %fresh: tensor<?x1x16xf32> {attn.name = "fresh"},
    %kv_lengths: tensor<?xi32> {attn.name = "kv_lengths"},
    %weight: tensor<16x16xf32> {attn.name = "weight"})
    -> (tensor<?x128x16xf32> {attn.updates = "cache"},
        tensor<?x?x2x8xf32> {attn.name = "output"}) {
  %grown = attn.cache_append %cache, %fresh lengths(%kv_lengths : tensor<?xi32>)
      : tensor<?x128x16xf32>, tensor<?x1x16xf32>
  %rows = attn.linear %grown, %weight
      : tensor<?x128x16xf32>, tensor<16x16xf32> -> tensor<?x128x16xf32>
  %last = attn.slice %rows {dim = 1, offset = 64} : tensor<?x128x16xf32> -> tensor<?x64x16xf32>
  %heads = attn.unflatten %last {dim = 2} : tensor<?x64x16xf32> -> tensor<?x64x2x8xf32>
  %output, %lse = attn.flash %query, %heads, %heads
      lengths(%kv_lengths : tensor<?xi32>) {scale = 1.0, mask = #attn.causal}
      : tensor<?x?x2x8xf32>, tensor<?x64x2x8xf32>, tensor<?x64x2x8xf32>
      -> tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
  return %grown, %output : tensor<?x128x16xf32>, tensor<?x?x2x8xf32>
}
