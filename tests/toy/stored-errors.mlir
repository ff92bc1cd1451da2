// RUN: not attn-toy-translate --attn-tile-to-toy %s 2>&1 | FileCheck %s

// The toy has no tensors of 16 bits, and says so.

// CHECK: stored-errors.mlir:[[#@LINE + 1]]:1: error: 'attn_tile.program' op has a view of 'bf16', the toy target takes 32 bits and i1
attn_tile.program @stored(%query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xbf16>) attributes {
    argument_names = ["query", "key"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
}
