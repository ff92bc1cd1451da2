// RUN: attn-opt %s --convert-attn-to-attn-tile | FileCheck %s

// A function that has schedules becomes their programs, another those of the
// pass.

#decode = #attn_tile.schedule<name = "decode", max_queries = 1,
    query_block = 1, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = true>
#many = #attn_tile.schedule<name = "many", max_queries = 64,
    query_block = 16, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// CHECK: attn_tile.program @own_decode(
// CHECK: schedule = #attn_tile.schedule<name = "decode", max_queries = 1,
// CHECK: attn_tile.program @own_many(
// CHECK: schedule = #attn_tile.schedule<name = "many", max_queries = 64,
// CHECK: attn_tile.program @other_prefill(
// CHECK-NOT: attn_tile.program
// CHECK-NOT: attn_tile.schedules
func.func @own(%query: tensor<?x?x1x8xf32> {attn.name = "query"},
               %key: tensor<?x?x1x8xf32> {attn.name = "key"},
               %value: tensor<?x?x1x8xf32> {attn.name = "value"})
    -> (tensor<?x?x1x8xf32> {attn.name = "output"},
        tensor<?x?x1xf32> {attn.name = "lse"})
    attributes {attn_tile.schedules = [#decode, #many]} {
  %output, %lse = attn.flash %query, %key, %value
      {scale = 0.5, mask = #attn.causal}
      : tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>
      -> tensor<?x?x1x8xf32>, tensor<?x?x1xf32>
  return %output, %lse : tensor<?x?x1x8xf32>, tensor<?x?x1xf32>
}

func.func @other(%query: tensor<?x?x1x8xf32> {attn.name = "query"},
                 %key: tensor<?x?x1x8xf32> {attn.name = "key"},
                 %value: tensor<?x?x1x8xf32> {attn.name = "value"})
    -> (tensor<?x?x1x8xf32> {attn.name = "output"},
        tensor<?x?x1xf32> {attn.name = "lse"}) {
  %output, %lse = attn.flash %query, %key, %value
      {scale = 0.5, mask = #attn.causal}
      : tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>
      -> tensor<?x?x1x8xf32>, tensor<?x?x1xf32>
  return %output, %lse : tensor<?x?x1x8xf32>, tensor<?x?x1xf32>
}
