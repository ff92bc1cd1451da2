// RUN: attn-opt %s --convert-attn-to-attn-tile="schedules='[\
// RUN: #attn_tile.schedule<name = \"prefill\", max_queries = 2147483647, query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = false>]'" \
// RUN: | attn-opt --verify-roundtrip | FileCheck %s

// A region that asks for positions gets the task's, also under a mask whose
// rows stand at their own indices; its lookups read the map's table.

// CHECK-LABEL: attn_tile.program @table_prefill(
// CHECK: attn_tile.phase "attend"
// CHECK: %[[FIRST:.*]] = arith.muli %block
// CHECK: attn_tile.key_ranges position %[[FIRST]]
// CHECK: %[[AHEAD:.*]] = arith.subi %{{.*}}, %{{.*}} : index
// CHECK-NEXT: %[[POSITION:.*]] = arith.addi %[[FIRST]], %[[AHEAD]]
// CHECK-NEXT: attn_tile.map %{{.*}} first %[[FIRST]] key %{{.*}} kv_head %kv_head position %[[POSITION]] table(%biases : !attn_tile.view<32x4xf32>) group 2
// CHECK-NEXT: ^bb0(%[[SCORE:.*]]: f32, %{{.*}}: index, %[[COLUMN:.*]]: index, %[[HEAD:.*]]: index, %[[P:.*]]: index):
// CHECK: %[[DISTANCE:.*]] = arith.subi %[[COLUMN]], %[[P]]
// CHECK: %[[BIAS:.*]] = attn_tile.lookup[%[[DISTANCE]], %[[HEAD]]]
// CHECK: arith.addf %[[SCORE]], %[[BIAS]]
func.func @table(%query: tensor<?x?x4x8xf32> {attn.name = "q"},
                 %key: tensor<?x?x2x8xf32> {attn.name = "k"},
                 %biases: tensor<32x4xf32> {attn.name = "biases"})
    -> (tensor<?x?x4x8xf32> {attn.name = "o"}) {
  %output, %lse = attn.flash %query, %key, %key table(%biases : tensor<32x4xf32>)
      {scale = 0.5, mask = #attn.causal<alignment = top_left>}
      : tensor<?x?x4x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>
      -> tensor<?x?x4x8xf32>, tensor<?x?x4xf32>
      score_mod (%score: f32, %row: index, %column: index, %head: index,
                 %position: index) {
    %distance = arith.subi %column, %position : index
    %bias = attn.lookup[%distance, %head]
    %biased = arith.addf %score, %bias : f32
    attn.yield %biased : f32
  }
  return %output : tensor<?x?x4x8xf32>
}
