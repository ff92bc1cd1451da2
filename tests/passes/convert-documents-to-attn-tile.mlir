// RUN: attn-opt %s --convert-attn-to-attn-tile="schedules='[\
// RUN: #attn_tile.schedule<name = \"prefill\", max_queries = 2147483647, query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = false>, \
// RUN: #attn_tile.schedule<name = \"decode\", max_queries = 1, query_block = 1, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = true>]'" \
// RUN: | attn-opt --verify-roundtrip | FileCheck %s

// The keys of a query's document are found once a task, and limit the blocks
// that it visits as well as those that it masks, in both phases of split keys.

// CHECK-LABEL: attn_tile.program @core_prefill(
// CHECK-SAME: %document_ids: !attn_tile.view<?x?xi32>
// CHECK: attn_tile.phase "attend"
// Rows stand at the end of the sequence, of which the keys may be a part.
// CHECK: %[[END:.*]] = attn_tile.length %key[%batch] lengths(%kv_lengths
// CHECK-NEXT: %[[KEYS:.*]] = attn_tile.dim %key, 1
// CHECK-NEXT: %[[LENGTH:.*]] = arith.minsi %[[END]], %[[KEYS]]
// CHECK-NEXT: %[[FIRST_KEY:.*]] = attn_tile.first_key[%batch]
// CHECK-NEXT: %[[SHIFT:.*]] = arith.subi %[[END]],
// CHECK-NEXT: %[[POSITION:.*]] = arith.addi %{{.*}}, %[[SHIFT]]
// CHECK-NEXT: %begins, %ends = attn_tile.documents %document_ids[%batch] position %[[POSITION]] count %{{.*}} length %[[END]] first_key %[[FIRST_KEY]] : <?x?xi32> -> <?xi32>
// CHECK-NEXT: attn_tile.key_ranges position %[[POSITION]] count %{{.*}} length %[[LENGTH]] {{.*}} documents(%begins, %ends : !attn_tile.tile<?xi32>, !attn_tile.tile<?xi32>) block 128
// CHECK: scf.for
// CHECK-NOT: attn_tile.documents
// CHECK: attn_tile.mask {{.*}} documents(%begins, %ends : !attn_tile.tile<?xi32>, !attn_tile.tile<?xi32>) group 4
// CHECK-LABEL: attn_tile.program @core_decode(
// CHECK: attn_tile.phase "attend"
// CHECK: attn_tile.documents
// CHECK: attn_tile.phase "merge"
// CHECK: %[[BEGINS:.*]], %[[ENDS:.*]] = attn_tile.documents
// CHECK: attn_tile.key_ranges {{.*}} documents(%[[BEGINS]], %[[ENDS]] :
func.func @core(%query: tensor<?x?x8x64xf32> {attn.name = "query"},
                %key: tensor<?x?x2x64xf32> {attn.name = "key"},
                %value: tensor<?x?x2x64xf32> {attn.name = "value"},
                %lengths: tensor<?xi32> {attn.name = "kv_lengths"},
                %documents: tensor<?x?xi32> {attn.name = "document_ids"})
    -> (tensor<?x?x8x64xf32> {attn.name = "output"},
        tensor<?x?x8xf32> {attn.name = "lse"}) {
  %output, %lse = attn.flash %query, %key, %value
      lengths(%lengths : tensor<?xi32>) documents(%documents : tensor<?x?xi32>)
      {scale = 0.125, mask = #attn.all<[#attn.causal, #attn.document]>}
      : tensor<?x?x8x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>
      -> tensor<?x?x8x64xf32>, tensor<?x?x8xf32>
  return %output, %lse : tensor<?x?x8x64xf32>, tensor<?x?x8xf32>
}

// Top-left queries stand at their own indices, and a graph's tensors are where
// the graph has them.
// CHECK-LABEL: attn_tile.program @graph_prefill(
// CHECK: attn_tile.phase "attend"
// CHECK: %[[FIRST:.*]] = arith.muli %block
// CHECK-NOT: attn_tile.first_key
// CHECK: attn_tile.documents %ids[%batch] position %[[FIRST]] count
func.func @graph(%query: tensor<2x?x8x64xf32> {attn.name = "q"},
                 %key: tensor<2x?x2x64xf32> {attn.name = "k"},
                 %documents: tensor<2x?xi32> {attn.name = "ids"})
    -> (tensor<2x?x8x64xf32> {attn.name = "o"}) {
  %output, %lse = attn.flash %query, %key, %key
      documents(%documents : tensor<2x?xi32>)
      {scale = 0.125, mask = #attn.document<alignment = top_left>}
      : tensor<2x?x8x64xf32>, tensor<2x?x2x64xf32>, tensor<2x?x2x64xf32>
      -> tensor<2x?x8x64xf32>, tensor<2x?x8xf32>
  return %output : tensor<2x?x8x64xf32>
}
