// RUN: attn-opt %s --split-input-file --verify-diagnostics

// One test for each constraint of the operations that size, load and store.

func.func @dim_c1(%view: !attn_tile.view<?x?x8x64xf32>) {
  // expected-error @below {{'attn_tile.dim' op asks for dimension 4 of a view of 4}}
  %size = attn_tile.dim %view, 4 : !attn_tile.view<?x?x8x64xf32>
  return
}

// -----

func.func @workspace_c1() {
  // expected-error @below {{'attn_tile.workspace' op has 0 extents, expected 1 to 4}}
  %states = attn_tile.workspace[] rows 8 columns 64 : !attn_tile.states
  return
}

// -----

func.func @workspace_c1_rows(%splits: index) {
  // expected-error @below {{'attn_tile.workspace' op attribute 'rows' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %states = attn_tile.workspace[%splits] rows 0 columns 64 : !attn_tile.states
  return
}

// -----

func.func @split_size_not_positive(%length: index) {
  // expected-error @below {{attribute 'at_least' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %size = attn_tile.split_size %length at_least 0 at_most 32
  return
}

// -----

func.func @key_ranges_not_positive(%p: index) {
  // expected-error @below {{attribute 'block' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %lo, %full_lo, %full_hi, %hi = attn_tile.key_ranges position %p count %p
      length %p band(%p, %p) block -4
  return
}

// -----

func.func @length_rank(%key: !attn_tile.view<?x64xf32>, %batch: index) {
  // expected-error @below {{'attn_tile.length' op operand #0 must be view of three or four dimensions}}
  %length = attn_tile.length %key[%batch] : !attn_tile.view<?x64xf32>
  return
}

// -----

func.func @load_queries_c1(%query: !attn_tile.view<?x?x8x64xf32>, %batch: index, %first: index, %kv_head: index, %count: index) {
  // expected-error @below {{'attn_tile.load_queries' op columns of tile and view differ: 32 and 64}}
  %tile = attn_tile.load_queries %query[%batch, %first, %kv_head] count %count
      group 4 : !attn_tile.view<?x?x8x64xf32> -> !attn_tile.tile<?x32xf32>
  return
}

// -----

func.func @load_keys_c1(%key: !attn_tile.view<?x?x8x64xf32>, %batch: index, %first: index, %kv_head: index, %length: index) {
  // expected-error @below {{'attn_tile.load_keys' op loads a tile of dynamic rows, expected the schedule's key_block}}
  %tile = attn_tile.load_keys %key[%batch, %first, %kv_head] length %length
      : !attn_tile.view<?x?x8x64xf32> -> !attn_tile.tile<?x64xf32>
  return
}

// -----

func.func @load_keys_c1_columns(%key: !attn_tile.view<?x?x8x64xf32>, %batch: index, %first: index, %kv_head: index, %length: index) {
  // expected-error @below {{'attn_tile.load_keys' op columns of tile and view differ: 32 and 64}}
  %tile = attn_tile.load_keys %key[%batch, %first, %kv_head] length %length
      : !attn_tile.view<?x?x8x64xf32> -> !attn_tile.tile<128x32xf32>
  return
}

// -----

func.func @load_keys_c1_joined(%latent: !attn_tile.view<?x?x64xf32>, %rope_key: !attn_tile.view<?x?x8xf32>, %batch: index, %first: index, %kv_head: index, %length: index) {
  // expected-error @below {{'attn_tile.load_keys' op columns of tile and view differ: 64 and 72}}
  %tile = attn_tile.load_keys %latent, %rope_key[%batch, %first, %kv_head] length %length
      : !attn_tile.view<?x?x64xf32>, !attn_tile.view<?x?x8xf32> -> !attn_tile.tile<128x64xf32>
  return
}

// -----

func.func @load_keys_c2(%batch: index, %first: index, %kv_head: index, %length: index) {
  // expected-error @below {{'attn_tile.load_keys' op has no view, expected at least one}}
  %tile = "attn_tile.load_keys"(%batch, %first, %kv_head, %length)
      : (index, index, index, index) -> !attn_tile.tile<128x64xf32>
  return
}

// -----

func.func @store_c1(%tile: !attn_tile.tile<?x64xf32>, %output: !attn_tile.view<?x?x8xf32>,
    %batch: index, %first: index, %kv_head: index, %count: index) {
  // expected-error @below {{'attn_tile.store' op stores a tile of 2 dimensions to a view of 3, expected 4}}
  attn_tile.store %tile, %output[%batch, %first, %kv_head] count %count group 4
      : !attn_tile.tile<?x64xf32>, !attn_tile.view<?x?x8xf32>
  return
}

// -----

func.func @store_c1_columns(%tile: !attn_tile.tile<?x64xf32>, %output: !attn_tile.view<?x?x8x32xf32>,
    %batch: index, %first: index, %kv_head: index, %count: index) {
  // expected-error @below {{'attn_tile.store' op columns of tile and view differ: 64 and 32}}
  attn_tile.store %tile, %output[%batch, %first, %kv_head] count %count group 4
      : !attn_tile.tile<?x64xf32>, !attn_tile.view<?x?x8x32xf32>
  return
}

// -----

func.func @save_state_c1(%maximum: !attn_tile.tile<?xf32>, %denominator: !attn_tile.tile<?xf32>,
    %sum: !attn_tile.tile<?x64xf32>, %i: index) {
  %states = attn_tile.workspace[%i, %i] rows 8 columns 64 : !attn_tile.states
  // expected-error @below {{'attn_tile.save_state' op has 1 indices for 2 extents of the workspace}}
  attn_tile.save_state %maximum, %denominator, %sum, %states[%i]
      : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x64xf32>
  return
}

// -----

func.func @save_state_c2(%maximum: !attn_tile.tile<?xf32>, %denominator: !attn_tile.tile<?xf32>,
    %sum: !attn_tile.tile<?x32xf32>, %i: index) {
  %states = attn_tile.workspace[%i, %i] rows 8 columns 64 : !attn_tile.states
  // expected-error @below {{'attn_tile.save_state' op columns of sum and workspace differ: 32 and 64}}
  attn_tile.save_state %maximum, %denominator, %sum, %states[%i, %i]
      : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x32xf32>
  return
}

// -----

func.func @save_state_c3(%maximum: !attn_tile.tile<8xf32>, %denominator: !attn_tile.tile<?xf32>,
    %sum: !attn_tile.tile<?x64xf32>, %i: index) {
  %states = attn_tile.workspace[%i, %i] rows 8 columns 64 : !attn_tile.states
  // expected-error @below {{'attn_tile.save_state' op rows of maximum and sum differ: 8 and ?}}
  attn_tile.save_state %maximum, %denominator, %sum, %states[%i, %i]
      : !attn_tile.tile<8xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x64xf32>
  return
}

// -----

func.func @load_state_c1(%unused: index, %i: index) {
  %states = attn_tile.workspace[%i, %i] rows 8 columns 64 : !attn_tile.states
  // expected-error @below {{'attn_tile.load_state' op has 3 indices for 2 extents of the workspace}}
  %maximum, %denominator, %sum = attn_tile.load_state %states[%i, %i, %i] rows %i
      : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x64xf32>
  return
}

// -----

func.func @load_state_c2(%unused: index, %i: index) {
  %states = attn_tile.workspace[%i, %i] rows 8 columns 64 : !attn_tile.states
  // expected-error @below {{'attn_tile.load_state' op columns of sum and workspace differ: 32 and 64}}
  %maximum, %denominator, %sum = attn_tile.load_state %states[%i, %i] rows %i
      : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x32xf32>
  return
}

// -----

func.func @load_state_c3(%unused: index, %i: index) {
  %states = attn_tile.workspace[%i, %i] rows 8 columns 64 : !attn_tile.states
  // expected-error @below {{'attn_tile.load_state' op rows of denominator and sum differ: 8 and ?}}
  %maximum, %denominator, %sum = attn_tile.load_state %states[%i, %i] rows %i
      : !attn_tile.tile<?xf32>, !attn_tile.tile<8xf32>, !attn_tile.tile<?x64xf32>
  return
}

// -----

func.func @start_c1(%rows: index) {
  // expected-error @below {{'attn_tile.start' op rows of maximum and sum differ: ? and 8}}
  %maximum, %denominator, %sum = attn_tile.start rows %rows
      : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<8x64xf32>
  return
}

// -----

func.func @entry_c1(%view: !attn_tile.view<?xf32>, %batch: index) {
  // expected-error @below {{'attn_tile.entry' op reads elements of type 'f32', expected i32}}
  %value = attn_tile.entry %view[%batch] : !attn_tile.view<?xf32>
  return
}
