// RUN: attn-opt %s --split-input-file --verify-diagnostics

// One test for each constraint of buffers and views of views.

func.func @buffer_c1(%n: index) {
  // expected-error @below {{'attn_tile.buffer' op has 1 sizes for 2 dynamic dimensions}}
  %b = attn_tile.buffer[%n] : !attn_tile.view<?x?x64xf32>
  return
}

// -----

func.func @permute_c1(%v: !attn_tile.view<?x8xf32>) {
  // expected-error @below {{'attn_tile.permute' op has elements of type 'f32' and 'i1'}}
  %r = attn_tile.permute %v [1, 0] : !attn_tile.view<?x8xf32> -> !attn_tile.view<8x?xi1>
  return
}

// -----

func.func @permute_c2(%v: !attn_tile.view<?x8xf32>) {
  // expected-error @below {{'attn_tile.permute' op has a permutation that does not name each of 2 dimensions once}}
  %r = attn_tile.permute %v [1, 1] : !attn_tile.view<?x8xf32> -> !attn_tile.view<8x8xf32>
  return
}

// -----

func.func @permute_c2_sizes(%v: !attn_tile.view<?x8xf32>) {
  // expected-error @below {{'attn_tile.permute' op sizes of view and result differ: 8 and 4}}
  %r = attn_tile.permute %v [1, 0] : !attn_tile.view<?x8xf32> -> !attn_tile.view<4x?xf32>
  return
}

// -----

func.func @permute_c2_rank(%v: !attn_tile.view<?x8xf32>) {
  // expected-error @below {{'attn_tile.permute' op has a result of 3 dimensions, expected 2}}
  %r = attn_tile.permute %v [1, 0] : !attn_tile.view<?x8xf32> -> !attn_tile.view<8x?x1xf32>
  return
}

// -----

func.func @split_dim_c1(%v: !attn_tile.view<?x8xf32>) {
  // expected-error @below {{'attn_tile.split_dim' op has elements of type 'f32' and 'i32'}}
  %r = attn_tile.split_dim %v, 1 : !attn_tile.view<?x8xf32> -> !attn_tile.view<?x2x4xi32>
  return
}

// -----

func.func @split_dim_c2(%v: !attn_tile.view<?x8xf32>) {
  // expected-error @below {{'attn_tile.split_dim' op has sizes 2 and 3 for one of 8}}
  %r = attn_tile.split_dim %v, 1 : !attn_tile.view<?x8xf32> -> !attn_tile.view<?x2x3xf32>
  return
}

// -----

func.func @split_dim_c2_dimension(%v: !attn_tile.view<?x8xf32>) {
  // expected-error @below {{'attn_tile.split_dim' op asks for dimension 2 of a view of 2}}
  %r = attn_tile.split_dim %v, 2 : !attn_tile.view<?x8xf32> -> !attn_tile.view<?x2x4xf32>
  return
}

// -----

func.func @split_dim_c2_dynamic(%v: !attn_tile.view<?x8xf32>) {
  // expected-error @below {{'attn_tile.split_dim' op has two dynamic sizes for one, expected a static one}}
  %r = attn_tile.split_dim %v, 0 : !attn_tile.view<?x8xf32> -> !attn_tile.view<?x?x8xf32>
  return
}

// -----

func.func @merge_dims_c1(%v: !attn_tile.view<?x2x4xf32>) {
  // expected-error @below {{'attn_tile.merge_dims' op has elements of type 'f32' and 'i1'}}
  %r = attn_tile.merge_dims %v, 1 : !attn_tile.view<?x2x4xf32> -> !attn_tile.view<?x8xi1>
  return
}

// -----

func.func @merge_dims_c2(%v: !attn_tile.view<?x2x4xf32>) {
  // expected-error @below {{'attn_tile.merge_dims' op has sizes 2 and 4 for one of 6}}
  %r = attn_tile.merge_dims %v, 1 : !attn_tile.view<?x2x4xf32> -> !attn_tile.view<?x6xf32>
  return
}

// -----

func.func @merge_dims_c2_dimension(%v: !attn_tile.view<?x2x4xf32>) {
  // expected-error @below {{'attn_tile.merge_dims' op asks for dimension 2 and the next of a view of 3}}
  %r = attn_tile.merge_dims %v, 2 : !attn_tile.view<?x2x4xf32> -> !attn_tile.view<?x8xf32>
  return
}

// -----

func.func @merge_dims_c2_others(%v: !attn_tile.view<5x2x4xf32>) {
  // expected-error @below {{'attn_tile.merge_dims' op sizes of view and result differ: 5 and 6}}
  %r = attn_tile.merge_dims %v, 1 : !attn_tile.view<5x2x4xf32> -> !attn_tile.view<6x8xf32>
  return
}

// -----

func.func @slice_c1(%v: !attn_tile.view<?x8xf32>) {
  // expected-error @below {{'attn_tile.slice' op has elements of type 'f32' and 'i1'}}
  %r = attn_tile.slice %v, 1 from 0 : !attn_tile.view<?x8xf32> -> !attn_tile.view<?x4xi1>
  return
}

// -----

func.func @slice_c2(%v: !attn_tile.view<?x8xf32>) {
  // expected-error @below {{'attn_tile.slice' op takes 4 elements from 5 on of 8}}
  %r = attn_tile.slice %v, 1 from 5 : !attn_tile.view<?x8xf32> -> !attn_tile.view<?x4xf32>
  return
}

// -----

func.func @slice_c2_dynamic(%v: !attn_tile.view<?x8xf32>) {
  // expected-error @below {{'attn_tile.slice' op takes a dynamic number of elements of dimension 0}}
  %r = attn_tile.slice %v, 0 from 1 : !attn_tile.view<?x8xf32> -> !attn_tile.view<?x8xf32>
  return
}

// -----

func.func @broadcast_c1(%v: !attn_tile.view<8xf32>, %n: index) {
  // expected-error @below {{'attn_tile.broadcast' op has elements of type 'f32' and 'i1'}}
  %r = attn_tile.broadcast %v[%n] : !attn_tile.view<8xf32> -> !attn_tile.view<?x8xi1>
  return
}

// -----

func.func @broadcast_c2(%v: !attn_tile.view<8xf32>, %n: index) {
  // expected-error @below {{'attn_tile.broadcast' op sizes of view and result differ: 8 and 4}}
  %r = attn_tile.broadcast %v[%n] : !attn_tile.view<8xf32> -> !attn_tile.view<?x4xf32>
  return
}

// -----

func.func @broadcast_c2_rank(%v: !attn_tile.view<2x8xf32>, %n: index) {
  // expected-error @below {{'attn_tile.broadcast' op has a result of 1 dimensions for a view of 2}}
  %r = attn_tile.broadcast %v[] : !attn_tile.view<2x8xf32> -> !attn_tile.view<8xf32>
  return
}

// -----

func.func @broadcast_c3(%v: !attn_tile.view<8xf32>, %n: index) {
  // expected-error @below {{'attn_tile.broadcast' op has 0 sizes for 1 dynamic dimensions}}
  %r = attn_tile.broadcast %v[] : !attn_tile.view<8xf32> -> !attn_tile.view<?x8xf32>
  return
}

// -----

func.func @slice_beyond(%x: !attn_tile.view<4x8xf32>) {
  // expected-error @below {{'attn_tile.slice' op takes 2 elements from 9223372036854775807 on of 4}}
  %part = attn_tile.slice %x, 0 from 9223372036854775807
      : !attn_tile.view<4x8xf32> -> !attn_tile.view<2x8xf32>
  return
}

// -----

func.func @merge_beyond(%x: !attn_tile.view<4x8xf32>) {
  // expected-error @below {{'attn_tile.merge_dims' op asks for dimension 9223372036854775807 and the next of a view of 2}}
  %merged = attn_tile.merge_dims %x, 9223372036854775807
      : !attn_tile.view<4x8xf32> -> !attn_tile.view<4xf32>
  return
}
