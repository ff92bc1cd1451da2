// RUN: attn-toy-translate --attn-tile-to-toy %s | FileCheck %s

// A map's rows know their position, and its region looks into its table.

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// CHECK: void biased(
// CHECK: const toy_view * [[TABLE:v[0-9]+]] = &views[2];
// CHECK: float [[SCORE:v[0-9]+]] = {{.*}}.data[
// CHECK: int64_t [[COLUMN:v[0-9]+]] = {{v[0-9]+}} + c;
// CHECK-NEXT: int64_t [[HEAD:v[0-9]+]] =
// CHECK-NEXT: int64_t [[POSITION:v[0-9]+]] = {{v[0-9]+}} + r / 4;
// CHECK-NEXT: int64_t [[DISTANCE:v[0-9]+]] = [[COLUMN]] - [[POSITION]];
// CHECK-NEXT: float [[BIAS:v[0-9]+]] = toy_lookup([[TABLE]], [[DISTANCE]], [[HEAD]]);
// CHECK-NEXT: = [[SCORE]] + [[BIAS]];
attn_tile.program @biased(%query: !attn_tile.view<?x?x4x8xf32>,
                          %key: !attn_tile.view<?x?x1x8xf32>,
                          %table: !attn_tile.view<32x4xf32>) attributes {
    argument_names = ["query", "key", "table"], layers = array<i64>,
    layer_rows = array<i64>, schedule = #schedule} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %scale = arith.constant 1.0 : f32
    %q = attn_tile.load_queries %query[%batch, %one, %one] count %one group 4
        : !attn_tile.view<?x?x4x8xf32> -> !attn_tile.tile<?x8xf32>
    %k = attn_tile.load_keys %key[%batch, %one, %one] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %score = attn_tile.contract %q, %k scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
    %biased = attn_tile.map %score first %one key %one kv_head %one position %one
        table(%table : !attn_tile.view<32x4xf32>) group 4
        : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32> {
    ^bb0(%s: f32, %row: index, %column: index, %head: index, %position: index):
      %distance = arith.subi %column, %position : index
      %bias = attn_tile.lookup[%distance, %head]
      %sum = arith.addf %s, %bias : f32
      attn_tile.yield %sum : f32
    }
  }
}
