// RUN: attn-opt %s --split-input-file --verify-diagnostics

// One test for each constraint of the steps on rows of tensors.

func.func @load_rows_c1(%v: !attn_tile.view<?x8xf32>, %i: index) {
  // expected-error @below {{'attn_tile.load_rows' op has elements of type 'f32' and 'i1'}}
  %t = attn_tile.load_rows %v[%i, %i] count %i : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xi1>
  return
}

// -----

func.func @load_rows_c2(%v: !attn_tile.view<?x8xf32>, %i: index) {
  // expected-error @below {{'attn_tile.load_rows' op has a tile of one value per row for rows of 8}}
  %t = attn_tile.load_rows %v[%i, %i] count %i : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?xf32>
  return
}

// -----

func.func @load_rows_c2_columns(%v: !attn_tile.view<?x8xf32>, %i: index) {
  // expected-error @below {{'attn_tile.load_rows' op has a tile with a dynamic number of columns}}
  %t = attn_tile.load_rows %v[%i, %i] count %i : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x?xf32>
  return
}

// -----

func.func @store_rows_c1(%t: !attn_tile.tile<?x8xi1>, %v: !attn_tile.view<?x8xf32>, %i: index) {
  // expected-error @below {{'attn_tile.store_rows' op has elements of type 'f32' and 'i1'}}
  attn_tile.store_rows %t, %v[%i, %i] count %i : !attn_tile.tile<?x8xi1>, !attn_tile.view<?x8xf32>
  return
}

// -----

func.func @store_rows_c2(%t: !attn_tile.tile<?xf32>, %v: !attn_tile.view<?x?xf32>, %i: index) {
  // expected-error @below {{'attn_tile.store_rows' op has a tile of one value per row for rows of ?}}
  attn_tile.store_rows %t, %v[%i, %i] count %i : !attn_tile.tile<?xf32>, !attn_tile.view<?x?xf32>
  return
}

// -----

func.func @coordinates_c1(%v: !attn_tile.view<?x8xf32>, %i: index) {
  // expected-error @below {{'attn_tile.coordinates' op asks for dimension 2 of a view of 2}}
  %t = attn_tile.coordinates %v, 2 [%i, %i] count %i : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?xi32>
  return
}

// -----

func.func @coordinates_c1_elements(%v: !attn_tile.view<?x8xf32>, %i: index) {
  // expected-error @below {{'attn_tile.coordinates' op tile has elements of type 'f32', expected 'i32'}}
  %t = attn_tile.coordinates %v, 0 [%i, %i] count %i : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?xf32>
  return
}

// -----

func.func @coordinates_c2(%v: !attn_tile.view<?x8xf32>, %i: index) {
  // expected-error @below {{'attn_tile.coordinates' op has a tile of columns for dimension 0 of a view of 2}}
  %t = attn_tile.coordinates %v, 0 [%i, %i] count %i : !attn_tile.view<?x8xf32> -> !attn_tile.tile<?x8xi32>
  return
}

// -----

func.func @fill_c1(%x: f32, %i: index) {
  // expected-error @below {{'attn_tile.fill' op tile has elements of type 'i1', expected 'f32'}}
  %t = attn_tile.fill %x rows %i : f32 -> !attn_tile.tile<?x8xi1>
  return
}

// -----

func.func @map_rows_c1(%t: !attn_tile.tile<?x8xf32>) {
  // expected-error @below {{'attn_tile.map_rows' op region takes 'i1', expected the elements of the tiles}}
  %r = attn_tile.map_rows %t : !attn_tile.tile<?x8xf32> -> !attn_tile.tile<?x8xi1> {
  ^bb0(%x: i1):
    attn_tile.yield %x : i1
  }
  return
}

// -----

func.func @map_rows_c1_yield(%t: !attn_tile.tile<?x8xf32>) {
  // expected-error @below {{'attn_tile.map_rows' op region yields 'f32', expected 'i1'}}
  %r = attn_tile.map_rows %t : !attn_tile.tile<?x8xf32> -> !attn_tile.tile<?x8xi1> {
  ^bb0(%x: f32):
    attn_tile.yield %x : f32
  }
  return
}

// -----

func.func @map_rows_c2(%t: !attn_tile.tile<?x8xf32>) {
  // expected-error @below {{'attn_tile.map_rows' op columns of tile and result differ: 8 and 4}}
  %r = attn_tile.map_rows %t : !attn_tile.tile<?x8xf32> -> !attn_tile.tile<?x4xf32> {
  ^bb0(%x: f32):
    attn_tile.yield %x : f32
  }
  return
}

// -----

func.func @map_rows_c2_rows(%t: !attn_tile.tile<4x8xf32>) {
  // expected-error @below {{'attn_tile.map_rows' op rows of tile and result differ: 4 and ?}}
  %r = attn_tile.map_rows %t : !attn_tile.tile<4x8xf32> -> !attn_tile.tile<?x8xf32> {
  ^bb0(%x: f32):
    attn_tile.yield %x : f32
  }
  return
}

// -----

func.func @map_rows_c2_no_columns(%t: !attn_tile.tile<?x8xf32>) {
  // expected-error @below {{'attn_tile.map_rows' op has a tile with columns and a result without}}
  %r = attn_tile.map_rows %t : !attn_tile.tile<?x8xf32> -> !attn_tile.tile<?xf32> {
  ^bb0(%x: f32):
    attn_tile.yield %x : f32
  }
  return
}

// -----

func.func @sum_rows_c1(%t: !attn_tile.tile<4x8xf32>) {
  // expected-error @below {{'attn_tile.sum_rows' op rows of tile and sum differ: 4 and ?}}
  %s = attn_tile.sum_rows %t : !attn_tile.tile<4x8xf32> -> !attn_tile.tile<?xf32>
  return
}

// -----

func.func @sum_rows_c1_elements(%t: !attn_tile.tile<?x8xi32>) {
  // expected-error @below {{'attn_tile.sum_rows' op tile has elements of type 'i32', expected 'f32'}}
  %s = attn_tile.sum_rows %t : !attn_tile.tile<?x8xi32> -> !attn_tile.tile<?xf32>
  return
}

// -----

func.func @rotate_c1(%t: !attn_tile.tile<?x8xf32>, %p: !attn_tile.tile<?xf32>) {
  // expected-error @below {{'attn_tile.rotate' op position has elements of type 'f32', expected 'i32'}}
  %r = attn_tile.rotate %t, %p by [1.0] : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?xf32>
  return
}

// -----

func.func @rotate_c2(%t: !attn_tile.tile<?x2xf32>, %p: !attn_tile.tile<?xi32>) {
  // expected-error @below {{'attn_tile.rotate' op has 2 frequencies for 2 columns}}
  %r = attn_tile.rotate %t, %p by [1.0, 2.0] : !attn_tile.tile<?x2xf32>, !attn_tile.tile<?xi32>
  return
}

// -----

func.func @multiply_c1(%s: !attn_tile.tile<4x8xf32>, %x: !attn_tile.tile<?x2xf32>, %w: !attn_tile.tile<2x8xf32>) {
  // expected-error @below {{'attn_tile.multiply' op rows of sum and rows differ: 4 and ?}}
  %r = attn_tile.multiply %s, %x, %w : !attn_tile.tile<4x8xf32>, !attn_tile.tile<?x2xf32>, !attn_tile.tile<2x8xf32>
  return
}

// -----

func.func @multiply_c2(%s: !attn_tile.tile<?x8xf32>, %x: !attn_tile.tile<?x2xf32>, %w: !attn_tile.tile<2x8xf32>) {
  // expected-error @below {{'attn_tile.multiply' op columns of rows and inner size of weight differ: 2 and 8}}
  %r = attn_tile.multiply %s, %x, %w transposed : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x2xf32>, !attn_tile.tile<2x8xf32>
  return
}

// -----

func.func @multiply_c3(%s: !attn_tile.tile<?x8xf32>, %x: !attn_tile.tile<?x2xf32>, %w: !attn_tile.tile<2x4xf32>) {
  // expected-error @below {{'attn_tile.multiply' op columns of sum and outer size of weight differ: 8 and 4}}
  %r = attn_tile.multiply %s, %x, %w : !attn_tile.tile<?x8xf32>, !attn_tile.tile<?x2xf32>, !attn_tile.tile<2x4xf32>
  return
}

// -----

func.func @tensor_mask_c1(%s: !attn_tile.tile<?x128xf32>, %m: !attn_tile.view<?x8x?x?xi32>, %i: index) {
  // expected-error @below {{'attn_tile.tensor_mask' op mask has elements of type 'i32', expected i1, f32, f16 or bf16}}
  %r = attn_tile.tensor_mask %s, %m[%i, %i, %i, %i] length %i group 4 : !attn_tile.tile<?x128xf32>, !attn_tile.view<?x8x?x?xi32>
  return
}

// -----

func.func @store_rows_c3(%tile: !attn_tile.tile<?x8xf32>,
                         %x: !attn_tile.view<8xf32>, %row: index) {
  %repeated = attn_tile.broadcast %x[]
      : !attn_tile.view<8xf32> -> !attn_tile.view<4x8xf32>
  // expected-error @below {{'attn_tile.store_rows' op stores to a view that repeats its elements along dimension 0}}
  attn_tile.store_rows %tile, %repeated[%row, %row] count %row
      : !attn_tile.tile<?x8xf32>, !attn_tile.view<4x8xf32>
  return
}
