// RUN: attn-opt %s --attn-cpu-verify-programs=target=x86-64-v3 \
// RUN:   --split-input-file --verify-diagnostics

// Tiles that steps on rows and products cannot take from where they are.

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @coordinates_stored(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>, %v: !attn_tile.view<8xf32>, %z: !attn_tile.view<8x?xf32>, %i: !attn_tile.view<?x8xi32>) attributes {
    argument_names = ["x", "w", "y", "v", "z", "i"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %eight = arith.constant 8 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %none = arith.constant 0.0 : f32
    %place = attn_tile.coordinates %x, 1 [%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xi32>
    // expected-error @below {{'attn_tile.store_rows' op stores coordinates, which the CPU keeps nowhere}}
    attn_tile.store_rows %place, %i[%row, %zero] count %one
        : !attn_tile.tile<?x8xi32>, !attn_tile.view<?x8xi32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @sum_of_a_product(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>, %v: !attn_tile.view<8xf32>, %z: !attn_tile.view<8x?xf32>) attributes {
    argument_names = ["x", "w", "y", "v", "z"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %eight = arith.constant 8 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %none = arith.constant 0.0 : f32
    %rows = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    %weight = attn_tile.load_rows %w[%zero, %zero] count %eight
        : !attn_tile.view<8x8xf32> -> !attn_tile.tile<8x8xf32>
    %start = attn_tile.fill %none rows %one : f32 -> !attn_tile.tile<?x8xf32>
    %sum = attn_tile.multiply %start, %rows, %weight
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>, !attn_tile.tile<8x8xf32>
    // expected-error @below {{'attn_tile.sum_rows' op takes the sum of a product, which is a part of rows}}
    %total = attn_tile.sum_rows %sum
        : !attn_tile.tile<?x8xf32> -> !attn_tile.tile<?xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @tile_of_another_block(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>, %v: !attn_tile.view<8xf32>, %z: !attn_tile.view<8x?xf32>) attributes {
    argument_names = ["x", "w", "y", "v", "z"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %eight = arith.constant 8 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %none = arith.constant 0.0 : f32
    %rows = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    scf.for %i = %zero to %eight step %one {
    // expected-error @below {{'attn_tile.store_rows' op takes a tile that 'attn_tile.load_rows' makes in another block}}
    attn_tile.store_rows %rows, %y[%row, %zero] count %one
        : !attn_tile.tile<?x8xf32>, !attn_tile.view<?x8xf32>
    }
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @tile_of_no_row_step(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>, %v: !attn_tile.view<8xf32>, %z: !attn_tile.view<8x?xf32>) attributes {
    argument_names = ["x", "w", "y", "v", "z"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %eight = arith.constant 8 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %none = arith.constant 0.0 : f32
    %maximum, %denominator, %started = attn_tile.start rows %one
        : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.store_rows' op takes a tile that comes from 'attn_tile.start', expected a step on rows}}
    attn_tile.store_rows %started, %y[%row, %zero] count %one
        : !attn_tile.tile<?x8xf32>, !attn_tile.view<?x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @map_of_no_tile(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>, %v: !attn_tile.view<8xf32>, %z: !attn_tile.view<8x?xf32>) attributes {
    argument_names = ["x", "w", "y", "v", "z"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %eight = arith.constant 8 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %none = arith.constant 0.0 : f32
    // expected-error @below {{'attn_tile.map_rows' op has no tile, the CPU takes one or more}}
    %m = "attn_tile.map_rows"() ({
      %a = arith.constant 1.0 : f32
      "attn_tile.yield"(%a) : (f32) -> ()
    }) : () -> !attn_tile.tile<?x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @weight_not_packed(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>, %v: !attn_tile.view<8xf32>, %z: !attn_tile.view<8x?xf32>) attributes {
    argument_names = ["x", "w", "y", "v", "z"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %eight = arith.constant 8 : index
  %turned = attn_tile.permute %w [1, 0]
      : !attn_tile.view<8x8xf32> -> !attn_tile.view<8x8xf32>
  attn_tile.phase "rows" grid(%row = %one) {
    %none = arith.constant 0.0 : f32
    %rows = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    %weight = attn_tile.load_rows %turned[%zero, %zero] count %eight
        : !attn_tile.view<8x8xf32> -> !attn_tile.tile<8x8xf32>
    %start = attn_tile.fill %none rows %one : f32 -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.multiply' op has a weight in '!attn_tile.view<8x8xf32>' whose elements do not follow each other}}
    %sum = attn_tile.multiply %start, %rows, %weight
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>, !attn_tile.tile<8x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @weight_of_dynamic_columns(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>, %v: !attn_tile.view<8xf32>, %z: !attn_tile.view<8x?xf32>) attributes {
    argument_names = ["x", "w", "y", "v", "z"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %eight = arith.constant 8 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %none = arith.constant 0.0 : f32
    %rows = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    %weight = attn_tile.load_rows %z[%zero, %zero] count %eight
        : !attn_tile.view<8x?xf32> -> !attn_tile.tile<8x8xf32>
    %start = attn_tile.fill %none rows %one : f32 -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.multiply' op has a weight in '!attn_tile.view<8x?xf32>', expected a static number of columns}}
    %sum = attn_tile.multiply %start, %rows, %weight
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>, !attn_tile.tile<8x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @weight_of_one_dimension(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>, %v: !attn_tile.view<8xf32>, %z: !attn_tile.view<8x?xf32>) attributes {
    argument_names = ["x", "w", "y", "v", "z"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %eight = arith.constant 8 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %none = arith.constant 0.0 : f32
    %rows = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    %weight = attn_tile.load_rows %v[%zero, %zero] count %one
        : !attn_tile.view<8xf32> -> !attn_tile.tile<8x8xf32>
    %start = attn_tile.fill %none rows %one : f32 -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'attn_tile.multiply' op has a weight in '!attn_tile.view<8xf32>', expected two dimensions or more}}
    %sum = attn_tile.multiply %start, %rows, %weight
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>, !attn_tile.tile<8x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @sum_without_a_start(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>, %v: !attn_tile.view<8xf32>, %z: !attn_tile.view<8x?xf32>) attributes {
    argument_names = ["x", "w", "y", "v", "z"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %eight = arith.constant 8 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %none = arith.constant 0.0 : f32
    %rows = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    %weight = attn_tile.load_rows %w[%zero, %zero] count %eight
        : !attn_tile.view<8x8xf32> -> !attn_tile.tile<8x8xf32>
    %more = attn_tile.load_rows %y[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    %m = attn_tile.map_rows %more : !attn_tile.tile<?x8xf32> -> !attn_tile.tile<?x8xf32> {
    ^bb0(%a: f32):
      attn_tile.yield %a : f32
    }
    // expected-error @below {{'attn_tile.multiply' op has a sum that does not begin with attn_tile.fill}}
    %sum = attn_tile.multiply %m, %rows, %weight
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>, !attn_tile.tile<8x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @sum_used_again(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>, %v: !attn_tile.view<8xf32>, %z: !attn_tile.view<8x?xf32>) attributes {
    argument_names = ["x", "w", "y", "v", "z"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %eight = arith.constant 8 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %none = arith.constant 0.0 : f32
    %rows = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    %weight = attn_tile.load_rows %w[%zero, %zero] count %eight
        : !attn_tile.view<8x8xf32> -> !attn_tile.tile<8x8xf32>
    %others = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    %other_weight = attn_tile.load_rows %w[%zero, %zero] count %eight
        : !attn_tile.view<8x8xf32> -> !attn_tile.tile<8x8xf32>
    %start = attn_tile.fill %none rows %one : f32 -> !attn_tile.tile<?x8xf32>
    %first = attn_tile.multiply %start, %rows, %weight
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>, !attn_tile.tile<8x8xf32>
    // expected-error @below {{'attn_tile.multiply' op updates a sum of 2 uses, expected 1}}
    %second = attn_tile.multiply %first, %others, %other_weight
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>, !attn_tile.tile<8x8xf32>
    attn_tile.store_rows %first, %y[%row, %zero] count %one
        : !attn_tile.tile<?x8xf32>, !attn_tile.view<?x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @two_sums_begun(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>, %v: !attn_tile.view<8xf32>, %z: !attn_tile.view<8x?xf32>) attributes {
    argument_names = ["x", "w", "y", "v", "z"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %eight = arith.constant 8 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %none = arith.constant 0.0 : f32
    %rows = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    %weight = attn_tile.load_rows %w[%zero, %zero] count %eight
        : !attn_tile.view<8x8xf32> -> !attn_tile.tile<8x8xf32>
    %others = attn_tile.load_rows %x[%row, %zero] count %one
        : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
    %other_weight = attn_tile.load_rows %w[%zero, %zero] count %eight
        : !attn_tile.view<8x8xf32> -> !attn_tile.tile<8x8xf32>
    // expected-error @below {{'attn_tile.fill' op begins a sum and has 2 uses, expected 1}}
    %start = attn_tile.fill %none rows %one : f32 -> !attn_tile.tile<?x8xf32>
    %first = attn_tile.multiply %start, %rows, %weight
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>, !attn_tile.tile<8x8xf32>
    %second = attn_tile.multiply %start, %others, %other_weight
        : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>, !attn_tile.tile<8x8xf32>
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @loop_of_two_sums(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>, %v: !attn_tile.view<8xf32>, %z: !attn_tile.view<8x?xf32>) attributes {
    argument_names = ["x", "w", "y", "v", "z"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %eight = arith.constant 8 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %none = arith.constant 0.0 : f32
    %start = attn_tile.fill %none rows %one : f32 -> !attn_tile.tile<?x8xf32>
    %other = attn_tile.fill %none rows %one : f32 -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'scf.for' op carries 2 values, expected the sum of one product that begins with attn_tile.fill}}
    %product:2 = scf.for %i = %zero to %eight step %eight iter_args(%a = %start, %b = %other) -> (!attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>) {
      %rows = attn_tile.load_rows %x[%row, %zero] count %one
          : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
      %weight = attn_tile.load_rows %w[%zero, %zero] count %eight
          : !attn_tile.view<8x8xf32> -> !attn_tile.tile<8x8xf32>
      %sum = attn_tile.multiply %a, %rows, %weight
          : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>, !attn_tile.tile<8x8xf32>
      scf.yield %sum, %b : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>
    }
  }
}

// -----

#schedule = #attn_tile.schedule<name = "graph", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @loop_of_another_sum(%x: !attn_tile.view<?x8xf32>, %w: !attn_tile.view<8x8xf32>,
    %y: !attn_tile.view<?x8xf32>, %v: !attn_tile.view<8xf32>, %z: !attn_tile.view<8x?xf32>) attributes {
    argument_names = ["x", "w", "y", "v", "z"], layers = array<i64>, layer_rows = array<i64>,
    schedule = #schedule} {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %eight = arith.constant 8 : index
  attn_tile.phase "rows" grid(%row = %one) {
    %none = arith.constant 0.0 : f32
    %start = attn_tile.fill %none rows %one : f32 -> !attn_tile.tile<?x8xf32>
    %other = attn_tile.fill %none rows %one : f32 -> !attn_tile.tile<?x8xf32>
    // expected-error @below {{'scf.for' op yields another sum than the one that it carries}}
    %product = scf.for %i = %zero to %eight step %eight iter_args(%a = %start) -> (!attn_tile.tile<?x8xf32>) {
      %rows = attn_tile.load_rows %x[%row, %zero] count %one
          : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xf32>
      %weight = attn_tile.load_rows %w[%zero, %zero] count %eight
          : !attn_tile.view<8x8xf32> -> !attn_tile.tile<8x8xf32>
      %sum = attn_tile.multiply %other, %rows, %weight
          : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x8xf32>, !attn_tile.tile<8x8xf32>
      scf.yield %sum : !attn_tile.tile<?x8xf32>
    }
  }
}
