// RUN: attn-opt %s --convert-attn-to-attn-tile="schedules='[\
// RUN: #attn_tile.schedule<name = \"graph\", max_queries = 64, query_block = 32, key_block = 16, split_keys = 64, max_splits = 4, split_tasks = false>]'" \
// RUN: --canonicalize --cse | attn-opt --verify-roundtrip | FileCheck %s

// A cache that a result updates is an argument, and no result: the fresh rows
// go where they belong in it, and nothing else moves.

func.func @in_place(%cache: tensor<?x?x2x8xf32> {attn.name = "key_cache"},
                    %fresh: tensor<?x?x2x8xf32> {attn.name = "key"},
                    %lengths: tensor<?xi32> {attn.name = "kv_lengths"})
    -> (tensor<?x?x2x8xf32> {attn.updates = "key_cache"}) {
  %grown = attn.cache_append %cache, %fresh lengths(%lengths : tensor<?xi32>)
      : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>
  return %grown : tensor<?x?x2x8xf32>
}

// CHECK-LABEL: attn_tile.program @in_place_graph(
// CHECK-SAME: %key_cache: {{[^,]+}}, %key: {{[^,]+}}, %kv_lengths: {{[^,]+}})
// CHECK-SAME: argument_names = ["key_cache", "key", "kv_lengths"]
// CHECK-SAME: result_count = 0
// CHECK-SAME: updated = array<i64: 0>
// CHECK-DAG: %[[CAPACITY:.+]] = attn_tile.dim %key_cache, 1
// CHECK-DAG: %[[ADDED:.+]] = attn_tile.dim %key, 1
// CHECK: %[[BLOCKS:.+]] = arith.ceildivui %[[ADDED]], %c16
// CHECK: attn_tile.phase "append" grid(%batch = %{{.+}}, %[[BLOCK:.+]] = %[[BLOCKS]])
// CHECK:   %[[LENGTH:.+]] = attn_tile.length %key_cache[%batch]
// CHECK:   %[[SHIFT:.+]] = arith.subi %[[LENGTH]], %[[ADDED]]
// CHECK:   %[[BEGIN:.+]] = arith.maxsi %[[SHIFT]], %c0
// CHECK:   %[[OFFSET:.+]] = arith.muli %[[BLOCK]], %c16
// CHECK:   arith.addi %[[BEGIN]], %[[OFFSET]]
// CHECK-NOT: attn_tile.load_rows %key_cache
// CHECK:   %[[ROWS:.+]] = attn_tile.load_rows %key[
// CHECK:   attn_tile.store_rows %[[ROWS]], %key_cache[
// CHECK-NOT: attn_tile.load_rows
// CHECK-NOT: attn_tile.store_rows

// One that is a result of its own gets all rows: those before, the fresh ones
// and those behind.

func.func @beside(%cache: tensor<?x?x2x8xf32> {attn.name = "key_cache"},
                  %fresh: tensor<?x?x2x8xf32> {attn.name = "key"},
                  %lengths: tensor<?xi32> {attn.name = "kv_lengths"})
    -> (tensor<?x?x2x8xf32> {attn.name = "grown"}) {
  %grown = attn.cache_append %cache, %fresh lengths(%lengths : tensor<?xi32>)
      : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>
  return %grown : tensor<?x?x2x8xf32>
}

// CHECK-LABEL: attn_tile.program @beside_graph(
// CHECK-SAME: argument_names = ["key_cache", "key", "kv_lengths", "grown"]
// CHECK-SAME: result_count = 1
// CHECK-NOT: updated
// CHECK: %[[CAPACITY:.+]] = attn_tile.dim %key_cache, 1
// CHECK: %[[BLOCKS:.+]] = arith.ceildivui %[[CAPACITY]], %c16
// CHECK: attn_tile.phase "append" grid(%batch = %{{.+}}, %[[BLOCK:.+]] = %[[BLOCKS]])
// CHECK:   attn_tile.load_rows %key_cache[
// CHECK:   attn_tile.store_rows %{{.+}}, %grown[
// CHECK:   attn_tile.load_rows %key[
// CHECK:   attn_tile.store_rows %{{.+}}, %grown[
// CHECK:   attn_tile.load_rows %key_cache[
// CHECK:   attn_tile.store_rows %{{.+}}, %grown[

// Arguments that are updated keep their places among the others, in whatever
// order results name them; what reads the grown cache reads it where it is.

func.func @two(%x: tensor<?x?x8xf32> {attn.name = "x"},
               %first: tensor<?x64x8xf32> {attn.name = "first"},
               %lengths: tensor<?xi32> {attn.name = "kv_lengths"},
               %second: tensor<?x64x8xf32> {attn.name = "second"})
    -> (tensor<?x64x8xf32> {attn.updates = "second"},
        tensor<?x64x8xf32> {attn.name = "y"},
        tensor<?x64x8xf32> {attn.updates = "first"}) {
  %a = attn.cache_append %first, %x lengths(%lengths : tensor<?xi32>)
      : tensor<?x64x8xf32>, tensor<?x?x8xf32>
  %b = attn.cache_append %second, %x lengths(%lengths : tensor<?xi32>)
      : tensor<?x64x8xf32>, tensor<?x?x8xf32>
  %y = attn.silu %a : tensor<?x64x8xf32>
  return %b, %y, %a
      : tensor<?x64x8xf32>, tensor<?x64x8xf32>, tensor<?x64x8xf32>
}

// CHECK-LABEL: attn_tile.program @two_graph(
// CHECK-SAME: argument_names = ["x", "first", "kv_lengths", "second", "y"]
// CHECK-SAME: result_count = 1
// CHECK-SAME: updated = array<i64: 1, 3>
// CHECK-DAG: attn_tile.store_rows %{{.+}}, %first[
// CHECK-DAG: attn_tile.store_rows %{{.+}}, %second[
// CHECK-DAG: attn_tile.load_rows %first[
// CHECK-DAG: attn_tile.store_rows %{{.+}}, %y[
