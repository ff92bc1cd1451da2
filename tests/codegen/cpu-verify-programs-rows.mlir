// RUN: attn-opt %s --attn-cpu-verify-programs=target=x86-64-v3 \
// RUN:   --split-input-file --verify-diagnostics

// Steps on rows that the emitter could not run in one loop, and products whose
// operands it could not pack.

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @map_of_nothing(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "w", "y"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %one = arith.constant 1 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %zero = arith.constant 0 : index
    %tile = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.map_rows' op cannot be lowered for the CPU: it holds 'math.sin'}}
    %m = attn_tile.map_rows %tile : !attn_tile.tile<?x8xf32> -> !attn_tile.tile<?x8xf32> {
    ^bb0(%a: f32):
      %b = math.sin %a : f32
      attn_tile.yield %b : f32
    }
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @rows_of_other_count(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "w", "y"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  // expected-note @below {{the step's rows are counted here}}
  %one = arith.constant 1 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %zero = arith.constant 0 : index
    %tile = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    %other = attn_tile.load_rows %y[%row, %zero] count %row
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.map_rows' op takes a tile whose number of rows is another value than that of the step}}
    %m = attn_tile.map_rows %tile, %other : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32> -> !attn_tile.tile<?x8xf32> {
    ^bb0(%a: f32, %b: f32):
      attn_tile.yield %a : f32
    }
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @store_of_other_count(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "w", "y"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %one = arith.constant 1 : index
  // expected-note @below {{the step's rows are counted here}}
  attn_tile.phase "rows" grid(%row = %one) {
    %zero = arith.constant 0 : index
    %tile = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.store_rows' op takes a tile whose number of rows is another value than that of the step}}
    attn_tile.store_rows %tile, %y[%row, %zero] count %row
        : !attn_tile.tile<?x8xf32>, !attn_tile.view<?x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @other_columns(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "w", "y"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %one = arith.constant 1 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %zero = arith.constant 0 : index
    // expected-note @below {{which begins at column 0 of 8}}
    %tile = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.store_rows' op begins at column 1 of 8, other than the first step on the same rows}}
    attn_tile.store_rows %tile, %y[%row, %one] count %one
        : !attn_tile.tile<?x8xf32>, !attn_tile.view<?x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @sum_of_a_part(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "w", "y"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %one = arith.constant 1 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %zero = arith.constant 0 : index
    %tile = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x4xf32>
    // expected-error @below {{'attn_tile.sum_rows' op takes rows of 4 columns from column 0 on, expected the whole rows of 8}}
    %sum = attn_tile.sum_rows %tile
        : !attn_tile.tile<?x4xf32> -> !attn_tile.tile<?xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @stored_coordinates(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "w", "y"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %one = arith.constant 1 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %zero = arith.constant 0 : index
    %view = attn_tile.coordinates %x, 1 [%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xi32>
    // expected-error @below {{'attn_tile.map_rows' op cannot be lowered for the CPU: it holds 'math.cos'}}
    %f = attn_tile.map_rows %view : !attn_tile.tile<?x8xi32> -> !attn_tile.tile<?x8xf32> {
    ^bb0(%a: i32):
      %b = arith.sitofp %a : i32 to f32
      %c = math.cos %b : f32
      attn_tile.yield %c : f32
    }
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @product_of_a_map(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "w", "y"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %one = arith.constant 1 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %zero = arith.constant 0 : index
    %tile = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    %weight = attn_tile.load_rows %w[%zero, %zero] count %one
        : !attn_tile.view<8x8xf32> -> !attn_tile.tile<8x8xf32>
    %none = arith.constant 0.0 : f32
    %start = attn_tile.fill %none rows %one : f32 -> !attn_tile.tile<?x8xf32>
    %m = attn_tile.map_rows %tile : !attn_tile.tile<?x8xf32> -> !attn_tile.tile<?x8xf32> {
    ^bb0(%a: f32):
      attn_tile.yield %a : f32
    }
    // expected-error @below {{'attn_tile.multiply' op has rows that no attn_tile.load_rows loads for it alone}}
    %sum = attn_tile.multiply %start, %m, %weight
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>, !attn_tile.tile<8x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @product_from_one(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "w", "y"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %one = arith.constant 1 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %zero = arith.constant 0 : index
    %tile = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    %weight = attn_tile.load_rows %w[%zero, %zero] count %one
        : !attn_tile.view<8x8xf32> -> !attn_tile.tile<8x8xf32>
    %some = arith.constant 1.0 : f32
    // expected-error @below {{'attn_tile.fill' op begins a sum with 1.000000, expected 0}}
    %start = attn_tile.fill %some rows %one : f32 -> !attn_tile.tile<?x8xf32>
    %sum = attn_tile.multiply %start, %tile, %weight
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>, !attn_tile.tile<8x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @sum_of_other_rows(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "w", "y"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  // expected-note @below {{the step's rows are counted here}}
  %one = arith.constant 1 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %zero = arith.constant 0 : index
    %tile = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    %weight = attn_tile.load_rows %w[%zero, %zero] count %one
        : !attn_tile.view<8x8xf32> -> !attn_tile.tile<8x8xf32>
    %none = arith.constant 0.0 : f32
    %start = attn_tile.fill %none rows %row : f32 -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.multiply' op has a sum whose number of rows is another value than that of the step}}
    %sum = attn_tile.multiply %start, %tile, %weight
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>, !attn_tile.tile<8x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @view_in_a_phase(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "w", "y"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %one = arith.constant 1 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %zero = arith.constant 0 : index
    // expected-error @below {{'attn_tile.permute' op stands in a phase, expected before the phases}}
    %turned = attn_tile.permute %w [1, 0]
        : !attn_tile.view<8x8xf32> -> !attn_tile.view<8x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @store_to_an_input(%x: !attn_tile.view<?x8xf32>, %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "y"], layers = array<i64>, layer_rows = array<i64>,
    argument_axes = [["batch", ""], ["batch", ""]], result_count = 1 : i64,
    schedule = #schedule} {
  %one = arith.constant 1 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %zero = arith.constant 0 : index
    %tile = attn_tile.load_rows %y[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.store_rows' op stores to "x", argument 0, expected a buffer, an updated argument or one from 1 on}}
    attn_tile.store_rows %tile, %x[%row, %zero] count %one
        : !attn_tile.tile<?x8xf32>, !attn_tile.view<?x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @append_without_rows(%cache: !attn_tile.view<?x?x1x8xf32>, %x: !attn_tile.view<?x8xf32>, %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["cache", "x", "y"], layers = array<i64>, layer_rows = array<i64>,
    argument_axes = [["batch", "kv_capacity", "", ""], ["batch", ""], ["batch", ""]],
    scope = #attn.scope<attend>, updated = array<i64: 0>, result_count = 1 : i64,
    schedule = #schedule} {
  %one = arith.constant 1 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %zero = arith.constant 0 : index
    %tile = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.store_rows' op appends to "cache", but no argument's axis is query_length: the rows of the call}}
    attn_tile.store_rows %tile, %cache[%row, %zero] count %one
        : !attn_tile.tile<?x8xf32>, !attn_tile.view<?x?x1x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @load_beyond_the_tile(%x: !attn_tile.view<?x8xf32>, %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "y"], layers = array<i64>, layer_rows = array<i64>,
    argument_axes = [["batch", ""], ["batch", ""]], result_count = 1 : i64,
    schedule = #schedule} {
  %one = arith.constant 1 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %zero = arith.constant 0 : index
    %four = arith.constant 4 : index
    // expected-error @below {{'attn_tile.load_rows' op counts 4 rows, the tile has room for 3}}
    %tile = attn_tile.load_rows %x[%row, %zero] count %four
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<3x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @store_beyond_the_tile(%x: !attn_tile.view<?x8xf32>, %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "y"], layers = array<i64>, layer_rows = array<i64>,
    argument_axes = [["batch", ""], ["batch", ""]], result_count = 1 : i64,
    schedule = #schedule} {
  %one = arith.constant 1 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %zero = arith.constant 0 : index
    %four = arith.constant 4 : index
    %two = arith.constant 2 : index
    %tile = attn_tile.load_rows %x[%row, %zero] count %two
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<3x8xf32>
    // expected-error @below {{'attn_tile.store_rows' op counts 4 rows, the tile has room for 3}}
    attn_tile.store_rows %tile, %y[%row, %zero] count %four
        : !attn_tile.tile<3x8xf32>, !attn_tile.view<?x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @store_of_two_rows(%x: !attn_tile.view<?x8xf32>, %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "y"], layers = array<i64>, layer_rows = array<i64>,
    argument_axes = [["batch", ""], ["batch", ""]], result_count = 1 : i64,
    schedule = #schedule} {
  %one = arith.constant 1 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %zero = arith.constant 0 : index
    %two = arith.constant 2 : index
    %tile = attn_tile.load_rows %x[%row, %zero] count %two
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.store_rows' op takes a tile of 2 rows, expected 1}}
    attn_tile.store_rows %tile, %y[%row, %zero] count %one
        : !attn_tile.tile<?x8xf32>, !attn_tile.view<?x8xf32>
  }
}
