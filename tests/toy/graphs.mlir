// RUN: attn-toy-translate --attn-tile-to-toy --split-input-file \
// RUN:   --verify-diagnostics %s

// The toy target knows attention alone, and says so of every operation of a
// graph.

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @buffer(%x: !attn_tile.view<2x8xf32>) attributes {
    argument_names = ["x"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  // expected-error @below {{'attn_tile.buffer' op is unknown to the toy target}}
  %buffer = attn_tile.buffer[] : !attn_tile.view<2x8xf32>
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @split(%x: !attn_tile.view<2x8xf32>) attributes {
    argument_names = ["x"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  // expected-error @below {{'attn_tile.split_dim' op is unknown to the toy target}}
  %split = attn_tile.split_dim %x, 1
      : !attn_tile.view<2x8xf32> -> !attn_tile.view<2x2x4xf32>
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @rows(%x: !attn_tile.view<2x8xf32>) attributes {
    argument_names = ["x"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %one = arith.constant 1 : index
  attn_tile.phase "rows" grid(%row = %one) {
    // expected-error @below {{'attn_tile.load_rows' op is unknown to the toy target}}
    %tile = attn_tile.load_rows %x[%row, %row] count %one
        : !attn_tile.view<2x8xf32> -> !attn_tile.tile<?x8xf32>
  }
}
