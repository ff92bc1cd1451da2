// RUN: attn-opt %s --convert-attn-to-attn-tile="schedules='[\
// RUN: #attn_tile.schedule<name = \"prefill\", max_queries = 2147483647, query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = false>]'" \
// RUN: | attn-opt --verify-roundtrip | FileCheck %s

// A call may have a part of a sequence's keys. Programs count from its first
// one; what callers count from the sequence's is moved, where there is such.

// CHECK-LABEL: attn_tile.program @distances_prefill(
// CHECK-NOT: attn_tile.first_key
// CHECK: scf.for %[[KEY:[^ ]*]] = {{.*}} step %c128
// CHECK-NOT: attn_tile.first_key
// CHECK: attn_tile.map %{{.*}} first %{{.*}} key %[[KEY]] kv_head %kv_head position
// CHECK-NOT: attn_tile.first_key
// CHECK-LABEL: attn_tile.program @top_left_prefill(
func.func @distances(%query: tensor<?x?x2x8xf32> {attn.name = "query"},
                     %key: tensor<?x?x2x8xf32> {attn.name = "key"},
                     %value: tensor<?x?x2x8xf32> {attn.name = "value"},
                     %lengths: tensor<?xi32> {attn.name = "kv_lengths"})
    -> (tensor<?x?x2x8xf32> {attn.name = "output"},
        tensor<?x?x2xf32> {attn.name = "lse"}) {
  %output, %lse = attn.flash %query, %key, %value
      lengths(%lengths : tensor<?xi32>)
      {scale = 0.125, mask = #attn.all<[#attn.window<left = 9, right = 1>, #attn.chunk<size = 64>]>}
      : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>
      -> tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
      score_mod (%score: f32, %row: index, %column: index, %head: index, %position: index) {
    %distance = arith.subi %column, %position : index
    %number = arith.index_cast %distance : index to i32
    %bias = arith.sitofp %number : i32 to f32
    %sum = arith.addf %score, %bias : f32
    attn.yield %sum : f32
  }
  return %output, %lse : tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
}

// CHECK: %[[FIRST:.*]] = arith.muli %block
// CHECK: %[[FIRST_KEY:.*]] = attn_tile.first_key[%batch]
// CHECK-NEXT: %[[POSITION:.*]] = arith.subi %[[FIRST]], %[[FIRST_KEY]]
// CHECK-NEXT: attn_tile.key_ranges position %[[POSITION]]
// CHECK: attn_tile.mask %{{.*}} position %[[POSITION]]
func.func @top_left(%query: tensor<?x?x2x8xf32> {attn.name = "query"},
                    %key: tensor<?x?x2x8xf32> {attn.name = "key"},
                    %value: tensor<?x?x2x8xf32> {attn.name = "value"},
                    %lengths: tensor<?xi32> {attn.name = "kv_lengths"})
    -> (tensor<?x?x2x8xf32> {attn.name = "output"},
        tensor<?x?x2xf32> {attn.name = "lse"}) {
  %output, %lse = attn.flash %query, %key, %value
      lengths(%lengths : tensor<?xi32>)
      {scale = 0.125, mask = #attn.causal<alignment = top_left>}
      : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>
      -> tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
  return %output, %lse : tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
}

// CHECK-LABEL: attn_tile.program @prefix_prefill(
// CHECK: %[[FIRST_KEY:.*]] = attn_tile.first_key[%batch]
// CHECK: %[[ENTRY:.*]] = attn_tile.entry %prefix_lengths[%batch]
// CHECK-NEXT: %[[PREFIX:.*]] = arith.subi %[[ENTRY]], %[[FIRST_KEY]]
// CHECK-NEXT: attn_tile.key_ranges {{.*}} prefix %[[PREFIX]] block 128
func.func @prefix(%query: tensor<?x?x2x8xf32> {attn.name = "query"},
                  %key: tensor<?x?x2x8xf32> {attn.name = "key"},
                  %value: tensor<?x?x2x8xf32> {attn.name = "value"},
                  %lengths: tensor<?xi32> {attn.name = "kv_lengths"},
                  %prefix: tensor<?xi32> {attn.name = "prefix_lengths"})
    -> (tensor<?x?x2x8xf32> {attn.name = "output"},
        tensor<?x?x2xf32> {attn.name = "lse"}) {
  %output, %lse = attn.flash %query, %key, %value
      lengths(%lengths : tensor<?xi32>) prefix(%prefix : tensor<?xi32>)
      {scale = 0.125, mask = #attn.prefix}
      : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>
      -> tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
  return %output, %lse : tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
}

// A mask of the call, and a bias by the key's number.

// CHECK-LABEL: attn_tile.program @numbers_prefill(
// CHECK: %[[FIRST_KEY:.*]] = attn_tile.first_key[%batch]
// CHECK: scf.for %[[KEY:[^ ]*]] = {{.*}} step %c128
// CHECK: %[[COLUMN:.*]] = arith.addi %[[KEY]], %[[FIRST_KEY]]
// CHECK-NEXT: attn_tile.map %{{.*}} key %[[COLUMN]] kv_head
// CHECK: attn_tile.tensor_mask %{{.*}}, %mask[%batch, %{{.*}}, %[[KEY]], %kv_head] length %{{.*}} first_key %[[FIRST_KEY]] group 1
func.func @numbers(%query: tensor<?x?x2x8xf32> {attn.name = "query"},
                   %key: tensor<?x?x2x8xf32> {attn.name = "key"},
                   %value: tensor<?x?x2x8xf32> {attn.name = "value"},
                   %lengths: tensor<?xi32> {attn.name = "kv_lengths"},
                   %mask: tensor<?x2x?x?xi1> {attn.name = "mask"})
    -> (tensor<?x?x2x8xf32> {attn.name = "output"},
        tensor<?x?x2xf32> {attn.name = "lse"})
    attributes {attn.layers = #attn.layers<0>, attn.scope = #attn.scope<core>} {
  %output, %lse = attn.flash %query, %key, %value
      lengths(%lengths : tensor<?xi32>) tensor_mask(%mask : tensor<?x2x?x?xi1>)
      {scale = 0.125, mask = #attn.causal}
      : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>
      -> tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
      score_mod (%score: f32, %row: index, %column: index, %head: index) {
    %number = arith.index_cast %column : index to i32
    %bias = arith.sitofp %number : i32 to f32
    %sum = arith.addf %score, %bias : f32
    attn.yield %sum : f32
  }
  return %output, %lse : tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
}
