// RUN: attn-opt %s --split-input-file --verify-diagnostics

// One test for each constraint of the operations that move elements.

func.func @transpose_c1(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.transpose' op permutation [0, 1, 1] does not name each of 3 dimensions once}}
  %t = attn.transpose %x {permutation = array<i64: 0, 1, 1>}
      : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @transpose_c2(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.transpose' op result has shape [2, 3, 4], expected [2, 4, 3]}}
  %t = attn.transpose %x {permutation = array<i64: 0, 2, 1>}
      : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @flatten_c1(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.flatten' op dimension 3 is none of a tensor of rank 3}}
  %t = attn.flatten %x {dim = 2} : tensor<2x3x4xf32> -> tensor<2x12xf32>
  return
}

// -----

func.func @flatten_c2(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.flatten' op result has shape [2, 7], expected [2, 12]}}
  %t = attn.flatten %x {dim = 1} : tensor<2x3x4xf32> -> tensor<2x7xf32>
  return
}

// -----

func.func @unflatten_c1(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.unflatten' op dimension 3 is none of a tensor of rank 3}}
  %t = attn.unflatten %x {dim = 3} : tensor<2x3x4xf32> -> tensor<2x3x2x2xf32>
  return
}

// -----

func.func @unflatten_c1_rank(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.unflatten' op result has rank 3, expected 4}}
  %t = attn.unflatten %x {dim = 2} : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @unflatten_c2(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.unflatten' op input has shape [2, 3, 4], expected [2, 3, 6]}}
  %t = attn.unflatten %x {dim = 2} : tensor<2x3x4xf32> -> tensor<2x3x3x2xf32>
  return
}

// -----

func.func @unflatten_c3(%x: tensor<2x3x?xf32>) {
  // expected-error @below {{'attn.unflatten' op dimensions 2 and 3 of the result are both dynamic, expected one static size}}
  %t = attn.unflatten %x {dim = 2} : tensor<2x3x?xf32> -> tensor<2x3x?x?xf32>
  return
}

// -----

func.func @expand_c1(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.expand' op dimension 4 cannot be new in a tensor of rank 3, expected 0 to 3}}
  %t = attn.expand %x {dim = 4} : tensor<2x3x4xf32> -> tensor<2x3x4x5xf32>
  return
}

// -----

func.func @expand_c2(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.expand' op size of the new dimension is ?, expected a static one of at least 1}}
  %t = attn.expand %x {dim = 1} : tensor<2x3x4xf32> -> tensor<2x?x3x4xf32>
  return
}

// -----

func.func @expand_c2_rank(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.expand' op result has rank 3, expected 4}}
  %t = attn.expand %x {dim = 1} : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @expand_c2_shape(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.expand' op result has shape [2, 5, 4, 3], expected [2, 5, 3, 4]}}
  %t = attn.expand %x {dim = 1} : tensor<2x3x4xf32> -> tensor<2x5x4x3xf32>
  return
}

// -----

func.func @slice_c1(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.slice' op dimension 3 is none of a tensor of rank 3}}
  %t = attn.slice %x {dim = 3, offset = 0} : tensor<2x3x4xf32> -> tensor<2x3x2xf32>
  return
}

// -----

func.func @slice_c1_others(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.slice' op result has shape [2, 2, 2], expected [2, 3, 2]}}
  %t = attn.slice %x {dim = 2, offset = 0} : tensor<2x3x4xf32> -> tensor<2x2x2xf32>
  return
}

// -----

func.func @slice_c2(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.slice' op elements 3 to 5 do not lie in dimension 2 of size 4}}
  %t = attn.slice %x {dim = 2, offset = 3} : tensor<2x3x4xf32> -> tensor<2x3x2xf32>
  return
}

// -----

func.func @slice_c2_negative(%x: tensor<2x3x?xf32>) {
  // expected-error @below {{'attn.slice' op elements -1 to 1 do not lie in dimension 2 of size ?}}
  %t = attn.slice %x {dim = 2, offset = -1} : tensor<2x3x?xf32> -> tensor<2x3x2xf32>
  return
}

// -----

func.func @slice_c2_dynamic(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.slice' op size of dimension 2 of the result is dynamic, expected a static one}}
  %t = attn.slice %x {dim = 2, offset = 0} : tensor<2x3x4xf32> -> tensor<2x3x?xf32>
  return
}

// -----

func.func @repeat_interleave_c1(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.repeat_interleave' op times is 0, expected at least 1}}
  %t = attn.repeat_interleave %x {times = 0, dim = 1}
      : tensor<2x3x4xf32> -> tensor<2x0x4xf32>
  return
}

// -----

func.func @repeat_interleave_c2(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.repeat_interleave' op result has shape [2, 5, 4], expected [2, 6, 4]}}
  %t = attn.repeat_interleave %x {times = 2, dim = 1}
      : tensor<2x3x4xf32> -> tensor<2x5x4xf32>
  return
}

// -----

func.func @tile_c1(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.tile' op dimension -1 is none of a tensor of rank 3}}
  %t = attn.tile %x {times = 2, dim = -1}
      : tensor<2x3x4xf32> -> tensor<2x3x8xf32>
  return
}

// -----

func.func @tile_c2(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.tile' op result has shape [2, 3, 4], expected [2, 3, 8]}}
  %t = attn.tile %x {times = 2, dim = 2}
      : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @slice_c2_overflow(%x: tensor<2x?xf32>) {
  // expected-error @below {{'attn.slice' op elements 9223372036854775807 to 9223372036854775807 do not lie in dimension 1 of size ?}}
  %t = attn.slice %x {dim = 1, offset = 9223372036854775807}
      : tensor<2x?xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @concat_c1() {
  // expected-error @below {{'attn.concat' op has no inputs, expected at least one}}
  %t = "attn.concat"() {dim = 0 : i64} : () -> tensor<2xf32>
  return
}

// -----

func.func @concat_c1_rank(%x: tensor<2x3x4xf32>, %y: tensor<2x3xf32>) {
  // expected-error @below {{'attn.concat' op input is 'tensor<2x3xf32>' and the result 'tensor<2x3x8xf32>', expected equal ranks and elements}}
  %t = attn.concat %x, %y {dim = 2}
      : tensor<2x3x4xf32>, tensor<2x3xf32> -> tensor<2x3x8xf32>
  return
}

// -----

func.func @concat_c1_elements(%x: tensor<2x3xf16>, %y: tensor<2x3xi32>) {
  // expected-error @below {{'attn.concat' op input is 'tensor<2x3xi32>' and the result 'tensor<2x6xf32>', expected equal ranks and elements}}
  %t = attn.concat %x, %y {dim = 1}
      : tensor<2x3xf16>, tensor<2x3xi32> -> tensor<2x6xf32>
  return
}

// -----

func.func @concat_c2(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.concat' op inputs have 8 elements along dimension 2 and the result 9}}
  %t = attn.concat %x, %x {dim = 2}
      : tensor<2x3x4xf32>, tensor<2x3x4xf32> -> tensor<2x3x9xf32>
  return
}

// -----

func.func @concat_c2_others(%x: tensor<2x3x4xf32>, %y: tensor<2x2x4xf32>) {
  // expected-error @below {{'attn.concat' op input has shape [2, 2, 4], expected [2, 3, 4]}}
  %t = attn.concat %x, %y {dim = 2}
      : tensor<2x3x4xf32>, tensor<2x2x4xf32> -> tensor<2x3x8xf32>
  return
}

// -----

func.func @concat_c2_overflow(%x: tensor<9223372036854775807x0xf32>) {
  // expected-error @below {{'attn.concat' op inputs have more than 9223372036854775807 elements along dimension 0}}
  %t = attn.concat %x, %x {dim = 0}
      : tensor<9223372036854775807x0xf32>, tensor<9223372036854775807x0xf32> -> tensor<?x0xf32>
  return
}
