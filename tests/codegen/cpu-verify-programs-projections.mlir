// RUN: attn-opt %s --attn-cpu-verify-programs="target=x86-64-v4" --split-input-file --verify-diagnostics

// Keys that a task makes of stored rows: each program is allowed by the dialect, and
// an error of the CPU back end that names the step.

attn_tile.program @unused_product(%query: !attn_tile.view<?x?x1x8xf32>, %rows: !attn_tile.view<?x?x16xf32>,
                       %weight: !attn_tile.view<1x8x16xf32>, %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "rows", "weight", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  %zero = arith.constant 0 : index
  %size = arith.constant 8 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %w = attn_tile.load_rows %weight[%zero, %zero] count %size
        : !attn_tile.view<1x8x16xf32> -> !attn_tile.tile<8x16xf32>
    %r = attn_tile.load_keys %rows[%batch, %zero, %zero] length %one
        : !attn_tile.view<?x?x16xf32> -> !attn_tile.tile<128x16xf32>
    // expected-error @below {{'attn_tile.project' op has 0 uses, the CPU packs a product for exactly one contract or join, one accumulate, or both}}
    %p = attn_tile.project %r, %w
        : !attn_tile.tile<128x16xf32>, !attn_tile.tile<8x16xf32> -> !attn_tile.tile<128x8xf32>
  }
}

// -----

attn_tile.program @product_of_two_keys(%query: !attn_tile.view<?x?x1x8xf32>, %rows: !attn_tile.view<?x?x16xf32>,
                       %weight: !attn_tile.view<1x8x16xf32>, %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "rows", "weight", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  %zero = arith.constant 0 : index
  %size = arith.constant 8 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %w = attn_tile.load_rows %weight[%zero, %zero] count %size
        : !attn_tile.view<1x8x16xf32> -> !attn_tile.tile<8x16xf32>
    %r = attn_tile.load_keys %rows[%batch, %zero, %zero] length %one
        : !attn_tile.view<?x?x16xf32> -> !attn_tile.tile<128x16xf32>
    %scale = arith.constant 1.0 : f32
    %q = attn_tile.load_queries %query[%batch, %zero, %zero] count %one group 1
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.project' op has 2 uses, the CPU packs a product for exactly one contract or join, one accumulate, or both}}
    %p = attn_tile.project %r, %w
        : !attn_tile.tile<128x16xf32>, !attn_tile.tile<8x16xf32> -> !attn_tile.tile<128x8xf32>
    %score = attn_tile.contract %q, %p scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
    %again = attn_tile.contract %q, %p scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
  }
}

// -----

attn_tile.program @product_of_weights(%query: !attn_tile.view<?x?x1x8xf32>, %rows: !attn_tile.view<?x?x16xf32>,
                       %weight: !attn_tile.view<1x8x16xf32>, %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "rows", "weight", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  %zero = arith.constant 0 : index
  %size = arith.constant 8 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %w = attn_tile.load_rows %weight[%zero, %zero] count %size
        : !attn_tile.view<1x8x16xf32> -> !attn_tile.tile<8x16xf32>
    // expected-error @below {{'attn_tile.project' op has a tile that no attn_tile.load_keys loads beside it}}
    %p = attn_tile.project %w, %w
        : !attn_tile.tile<8x16xf32>, !attn_tile.tile<8x16xf32> -> !attn_tile.tile<8x8xf32>
  }
}

// -----

attn_tile.program @weight_of_part(%query: !attn_tile.view<?x?x1x8xf32>, %rows: !attn_tile.view<?x?x16xf32>,
                       %weight: !attn_tile.view<1x8x16xf32>, %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "rows", "weight", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  %zero = arith.constant 0 : index
  %size = arith.constant 8 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %w = attn_tile.load_rows %weight[%zero, %one] count %size
        : !attn_tile.view<1x8x16xf32> -> !attn_tile.tile<8x16xf32>
    %r = attn_tile.load_keys %rows[%batch, %zero, %zero] length %one
        : !attn_tile.view<?x?x16xf32> -> !attn_tile.tile<128x16xf32>
    %scale = arith.constant 1.0 : f32
    %q = attn_tile.load_queries %query[%batch, %zero, %zero] count %one group 1
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.project' op has a weight of 16 columns, expected the whole rows of '!attn_tile.view<1x8x16xf32>'}}
    %p = attn_tile.project %r, %w
        : !attn_tile.tile<128x16xf32>, !attn_tile.tile<8x16xf32> -> !attn_tile.tile<128x8xf32>
    %score = attn_tile.contract %q, %p scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
  }
}

// -----

attn_tile.program @weight_of_few_rows(%query: !attn_tile.view<?x?x1x8xf32>, %rows: !attn_tile.view<?x?x16xf32>,
                       %weight: !attn_tile.view<1x8x16xf32>, %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "rows", "weight", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  %zero = arith.constant 0 : index
  %size = arith.constant 8 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %w = attn_tile.load_rows %weight[%zero, %zero] count %one
        : !attn_tile.view<1x8x16xf32> -> !attn_tile.tile<8x16xf32>
    %r = attn_tile.load_keys %rows[%batch, %zero, %zero] length %one
        : !attn_tile.view<?x?x16xf32> -> !attn_tile.tile<128x16xf32>
    %scale = arith.constant 1.0 : f32
    %q = attn_tile.load_queries %query[%batch, %zero, %zero] count %one group 1
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.project' op has a weight whose elements or rows in '!attn_tile.view<1x8x16xf32>' do not follow each other}}
    %p = attn_tile.project %r, %w
        : !attn_tile.tile<128x16xf32>, !attn_tile.tile<8x16xf32> -> !attn_tile.tile<128x8xf32>
    %score = attn_tile.contract %q, %p scale %scale
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<?x128xf32>
  }
}

// -----

attn_tile.program @weight_of_keys(%query: !attn_tile.view<?x?x1x8xf32>, %rows: !attn_tile.view<?x?x16xf32>,
                       %weight: !attn_tile.view<1x8x16xf32>, %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "rows", "weight", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  %zero = arith.constant 0 : index
  %size = arith.constant 8 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %r = attn_tile.load_keys %rows[%batch, %zero, %zero] length %one
        : !attn_tile.view<?x?x16xf32> -> !attn_tile.tile<128x16xf32>
    // expected-error @below {{'attn_tile.project' op has a weight that no attn_tile.load_rows loads for projections alone}}
    %p = attn_tile.project %r, %r
        : !attn_tile.tile<128x16xf32>, !attn_tile.tile<128x16xf32> -> !attn_tile.tile<128x128xf32>
    %k = attn_tile.load_keys %query[%batch, %zero, %zero] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %joined = attn_tile.join %p, %k
        : !attn_tile.tile<128x128xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<128x136xf32>
  }
}

// -----

attn_tile.program @join_of_weights(%query: !attn_tile.view<?x?x1x8xf32>, %rows: !attn_tile.view<?x?x16xf32>,
                       %weight: !attn_tile.view<1x8x16xf32>, %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "rows", "weight", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  %zero = arith.constant 0 : index
  %size = arith.constant 8 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %w = attn_tile.load_rows %weight[%zero, %zero] count %size
        : !attn_tile.view<1x8x16xf32> -> !attn_tile.tile<8x16xf32>
    // expected-error @below {{'attn_tile.join' op has a tile that is no result of attn_tile.load_keys or attn_tile.project beside it}}
    %k = attn_tile.join %w, %w
        : !attn_tile.tile<8x16xf32>, !attn_tile.tile<8x16xf32> -> !attn_tile.tile<8x32xf32>
  }
}

// -----

attn_tile.program @unused_join(%query: !attn_tile.view<?x?x1x8xf32>, %rows: !attn_tile.view<?x?x16xf32>,
                       %weight: !attn_tile.view<1x8x16xf32>, %output: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "rows", "weight", "output"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024,
        max_splits = 32, split_tasks = false>} {
  %one = arith.constant 1 : index
  %zero = arith.constant 0 : index
  %size = arith.constant 8 : index
  attn_tile.phase "attend" grid(%batch = %one) {
    %k = attn_tile.load_keys %query[%batch, %zero, %zero] length %one
        : !attn_tile.view<?x?x1x8xf32> -> !attn_tile.tile<128x8xf32>
    %w = attn_tile.load_rows %weight[%zero, %zero] count %size
        : !attn_tile.view<1x8x16xf32> -> !attn_tile.tile<8x16xf32>
    %r = attn_tile.load_keys %rows[%batch, %zero, %zero] length %one
        : !attn_tile.view<?x?x16xf32> -> !attn_tile.tile<128x16xf32>
    %p = attn_tile.project %r, %w
        : !attn_tile.tile<128x16xf32>, !attn_tile.tile<8x16xf32> -> !attn_tile.tile<128x8xf32>
    // expected-error @below {{'attn_tile.join' op has a result that is not for one contract}}
    %joined = attn_tile.join %p, %k
        : !attn_tile.tile<128x8xf32>, !attn_tile.tile<128x8xf32> -> !attn_tile.tile<128x16xf32>
  }
}
