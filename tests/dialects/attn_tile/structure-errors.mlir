// RUN: attn-opt %s --split-input-file --verify-diagnostics

// One test for each constraint of programs, phases, parameters, types and
// schedules.

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'attn_tile.program' op has 2 argument names for 1 arguments}}
attn_tile.program @program_c1(%query: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query", "key"], layers = array<i64: 0>,
    layer_rows = array<i64: 0>, schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'attn_tile.program' op argument 0 is 'index', expected a view}}
attn_tile.program @program_c1_type(%query: index) attributes {
    argument_names = ["query"], layers = array<i64: 0>,
    layer_rows = array<i64: 0>, schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'attn_tile.program' op has 2 layers and 1 layer rows}}
attn_tile.program @program_c2(%query: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query"], layers = array<i64: 0, 1>,
    layer_rows = array<i64: 0>, schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'attn_tile.program' op layer 0 follows 1, expected layers ascending from 0}}
attn_tile.program @program_c2_order(%query: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query"], layers = array<i64: 1, 0>,
    layer_rows = array<i64: 0, 0>, schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'attn_tile.program' op uses layer row 2, but not row 1}}
attn_tile.program @program_c3_gap(%query: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query"], layers = array<i64: 0, 1>,
    layer_rows = array<i64: 2, 0>, schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'layers' are given twice}}
attn_tile.program @layers_twice(%query: !attn_tile.view<?x?x1x8xf32>)
    layers [0] attributes {
    argument_names = ["query"], layers = array<i64: 0>,
    layer_rows = array<i64: 0>, schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @program_c3(%query: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query"], layers = array<i64: 0, 1>,
    layer_rows = array<i64: 0, 1>, schedule = #schedule} {
  // expected-error @below {{'attn_tile.parameter' op has 1 values, but layer row 1 is in use}}
  %left = attn_tile.parameter "left" = [4] : index
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'attn_tile.program' op has 2 results among 1 arguments}}
attn_tile.program @program_c4(%x: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x"], layers = array<i64>, layer_rows = array<i64>,
    result_count = 2 : i64, schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'attn_tile.program' op has axes of 0 tensors for 1 arguments}}
attn_tile.program @program_c4_tensors(%x: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x"], layers = array<i64>, layer_rows = array<i64>,
    argument_axes = [], schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'attn_tile.program' op has the axes ["batch"] for argument 0 of type '!attn_tile.view<?x8xf32>'}}
attn_tile.program @program_c4_axes(%x: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x"], layers = array<i64>, layer_rows = array<i64>,
    argument_axes = [["batch"]], schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'attn_tile.program' op has the axes ["rows", ""] for argument 0 of type '!attn_tile.view<?x8xf32>'}}
attn_tile.program @program_c4_unknown_axis(%x: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x"], layers = array<i64>, layer_rows = array<i64>,
    argument_axes = [["rows", ""]], schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'attn_tile.program' op updates argument 2 after -1, expected ascending numbers below 2}}
attn_tile.program @program_c5(%x: !attn_tile.view<?x8xf32>, %y: !attn_tile.view<?x8xf32>, %z: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "y", "z"], layers = array<i64>, layer_rows = array<i64>,
    result_count = 1 : i64, updated = array<i64: 2>, schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'attn_tile.program' op updates argument 0 after 1, expected ascending numbers below 2}}
attn_tile.program @program_c5_order(%x: !attn_tile.view<?x8xf32>, %y: !attn_tile.view<?x8xf32>, %z: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "y", "z"], layers = array<i64>, layer_rows = array<i64>,
    result_count = 1 : i64, updated = array<i64: 1, 0>, schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'attn_tile.program' op updates argument 0 after 0, expected ascending numbers below 2}}
attn_tile.program @program_c5_twice(%x: !attn_tile.view<?x8xf32>, %y: !attn_tile.view<?x8xf32>, %z: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "y", "z"], layers = array<i64>, layer_rows = array<i64>,
    result_count = 1 : i64, updated = array<i64: 0, 0>, schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'attn_tile.program' op updates argument -1 after -1, expected ascending numbers below 2}}
attn_tile.program @program_c5_negative(%x: !attn_tile.view<?x8xf32>, %y: !attn_tile.view<?x8xf32>, %z: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["x", "y", "z"], layers = array<i64>, layer_rows = array<i64>,
    result_count = 1 : i64, updated = array<i64: -1>, schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'attn_tile.program' op has its lengths in argument 1 of 1}}
attn_tile.program @program_c6(%n: !attn_tile.view<?xi32>, %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["n", "y"], layers = array<i64>, layer_rows = array<i64>,
    result_count = 1 : i64, lengths = 1 : i64, schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

// expected-error @below {{'attn_tile.program' op has its lengths in argument 0 of type '!attn_tile.view<?x8xi32>', expected one dimension of i32}}
attn_tile.program @program_c6_type(%n: !attn_tile.view<?x8xi32>, %y: !attn_tile.view<?x8xf32>) attributes {
    argument_names = ["n", "y"], layers = array<i64>, layer_rows = array<i64>,
    result_count = 1 : i64, lengths = 0 : i64, schedule = #schedule} {
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @phase_c1(%query: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query"], layers = array<i64: 0>,
    layer_rows = array<i64: 0>, schedule = #schedule} {
  %batches = attn_tile.dim %query, 0 : !attn_tile.view<?x?x1x8xf32>
  // expected-error @below {{'attn_tile.phase' op has 2 grid points for 1 extents}}
  "attn_tile.phase"(%batches) <{phase_name = "attend"}> ({
  ^bb0(%batch: index, %kv_head: index):
  }) : (index) -> ()
}

// -----

#schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
    query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
    split_tasks = false>

attn_tile.program @phase_c1_type(%query: !attn_tile.view<?x?x1x8xf32>)
    attributes {
    argument_names = ["query"], layers = array<i64: 0>,
    layer_rows = array<i64: 0>, schedule = #schedule} {
  %batches = attn_tile.dim %query, 0 : !attn_tile.view<?x?x1x8xf32>
  // expected-error @below {{'attn_tile.phase' op grid point 0 is 'i32', expected index}}
  "attn_tile.phase"(%batches) <{phase_name = "attend"}> ({
  ^bb0(%batch: i32):
  }) : (index) -> ()
}

// -----

func.func @parameter_c1() {
  // expected-error @below {{'attn_tile.parameter' op has no values}}
  %left = attn_tile.parameter "left" = [] : index
  return
}

// -----

func.func @parameter_c2() {
  // expected-error @below {{'attn_tile.parameter' op has the value 4.000000e+00 : f64, expected an 'i64'}}
  %left = attn_tile.parameter "left" = [4.0] : index
  return
}

// -----

// expected-error @below {{view has 7 dimensions, expected 1 to 6}}
func.func private @view_c1(!attn_tile.view<?x?x?x?x?x8x64xf32>)

// -----

// expected-error @below {{tile has a dimension of 0, expected at least 1}}
func.func private @tile_c1(!attn_tile.tile<?x0xf32>)

// -----

// expected-error @below {{tile has elements of type 'f16', expected f32, i1 or i32}}
func.func private @tile_c2(!attn_tile.tile<?x64xf16>)

// -----

func.func private @schedule_c1() attributes {
  // expected-error @below {{query_block is 0, expected at least 1}}
  schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
      query_block = 0, key_block = 128, split_keys = 1024, max_splits = 32,
      split_tasks = false>}

// -----

func.func private @schedule_c1_product_rows() attributes {
  // expected-error @below {{product_rows is -1, expected at least 1, or none}}
  schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
      query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
      split_tasks = false, product_rows = -1>}

// -----

func.func private @schedule_c2() attributes {
  // expected-error @below {{key_block 96 does not divide split_keys 1024}}
  schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
      query_block = 64, key_block = 96, split_keys = 1024, max_splits = 32,
      split_tasks = false>}

// -----

func.func private @footprint_c1() attributes {
  // expected-error @below {{state_bytes is -1, expected at least 0}}
  attn_tile.footprint = #attn_tile.footprint<scratch_bytes = 64, state_bytes = -1>}

// -----

// expected-error @below {{'func.func' op has 'attn_tile.footprint' = 64 : i64, expected #attn_tile.footprint<...>}}
func.func private @footprint_number() attributes {attn_tile.footprint = 64}

// -----

// expected-error @below {{'func.func' op has 'attn_tile.schedules' = [1], expected [#attn_tile.schedule<...>, ...]}}
func.func private @schedules_of_numbers() attributes {attn_tile.schedules = [1]}

// -----

// expected-error @below {{'func.func' op has 'attn_tile.schedules' = [], expected [#attn_tile.schedule<...>, ...]}}
func.func private @schedules_of_nothing() attributes {attn_tile.schedules = []}

// -----

// expected-error @below {{'builtin.module' op has attribute 'attn_tile.footprint', which the attn_tile dialect does not define here}}
module attributes {
    attn_tile.footprint = #attn_tile.footprint<scratch_bytes = 64, state_bytes = 0>} {
}
