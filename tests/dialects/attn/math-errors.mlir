// RUN: attn-opt %s --split-input-file --verify-diagnostics

// One test for each constraint of the arithmetic around attention.

func.func @matmul_c1(%x: tensor<2x3x4xf32>, %y: tensor<1x2x4x5xf32>) {
  // expected-error @below {{'attn.matmul' op ranks are 3 and 4, expected equal ranks of at least 2, or 2 for the right matrix}}
  %t = attn.matmul %x, %y
      : tensor<2x3x4xf32>, tensor<1x2x4x5xf32> -> tensor<2x3x5xf32>
  return
}

// -----

func.func @matmul_c2(%x: tensor<2x3x4xf32>, %y: tensor<5x6xf32>) {
  // expected-error @below {{'attn.matmul' op inner sizes differ: 4 and 5}}
  %t = attn.matmul %x, %y
      : tensor<2x3x4xf32>, tensor<5x6xf32> -> tensor<2x3x6xf32>
  return
}

// -----

func.func @matmul_c2_batch(%x: tensor<2x3x4xf32>, %y: tensor<1x4x6xf32>) {
  // expected-error @below {{'attn.matmul' op batch sizes differ: 2 and 1}}
  %t = attn.matmul %x, %y
      : tensor<2x3x4xf32>, tensor<1x4x6xf32> -> tensor<2x3x6xf32>
  return
}

// -----

func.func @matmul_c3(%x: tensor<2x3x4xf32>, %y: tensor<4x6xf32>) {
  // expected-error @below {{'attn.matmul' op result has shape [2, 3, 4], expected [2, 3, 6]}}
  %t = attn.matmul %x, %y
      : tensor<2x3x4xf32>, tensor<4x6xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @linear_c1(%x: tensor<2x3x4xf32>, %w: tensor<6x5xf32>) {
  // expected-error @below {{'attn.linear' op inputs of input and weight differ: 4 and 5}}
  %t = attn.linear %x, %w
      : tensor<2x3x4xf32>, tensor<6x5xf32> -> tensor<2x3x6xf32>
  return
}

// -----

func.func @linear_c2(%x: tensor<2x3x4xf32>, %w: tensor<6x4xf32>, %b: tensor<4xf32>) {
  // expected-error @below {{'attn.linear' op outputs of weight and bias differ: 6 and 4}}
  %t = attn.linear %x, %w bias(%b : tensor<4xf32>)
      : tensor<2x3x4xf32>, tensor<6x4xf32> -> tensor<2x3x6xf32>
  return
}

// -----

func.func @linear_c3(%x: tensor<2x3x4xf32>, %w: tensor<6x4xf32>) {
  // expected-error @below {{'attn.linear' op result has shape [2, 3, 4], expected [2, 3, 6]}}
  %t = attn.linear %x, %w
      : tensor<2x3x4xf32>, tensor<6x4xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @head_linear_c1(%x: tensor<2x?x8x4xf32>, %w: tensor<8x6x5xf32>) {
  // expected-error @below {{'attn.head_linear' op inputs of input and weight differ: 4 and 5}}
  %t = attn.head_linear %x, %w
      : tensor<2x?x8x4xf32>, tensor<8x6x5xf32> -> tensor<2x?x8x6xf32>
  return
}

// -----

func.func @head_linear_c1_transposed(%x: tensor<2x?x8x4xf32>, %w: tensor<8x6x4xf32>) {
  // expected-error @below {{'attn.head_linear' op inputs of input and weight differ: 4 and 6}}
  %t = attn.head_linear %x, %w {transposed}
      : tensor<2x?x8x4xf32>, tensor<8x6x4xf32> -> tensor<2x?x8x4xf32>
  return
}

// -----

func.func @head_linear_c1_heads(%x: tensor<2x?x8x4xf32>, %w: tensor<4x6x4xf32>) {
  // expected-error @below {{'attn.head_linear' op heads of input and weight differ: 8 and 4}}
  %t = attn.head_linear %x, %w
      : tensor<2x?x8x4xf32>, tensor<4x6x4xf32> -> tensor<2x?x8x6xf32>
  return
}

// -----

func.func @head_linear_c2(%x: tensor<2x?x8x4xf32>, %w: tensor<8x6x4xf32>) {
  // expected-error @below {{'attn.head_linear' op result has shape [2, ?, 8, 4], expected [2, ?, 8, 6]}}
  %t = attn.head_linear %x, %w
      : tensor<2x?x8x4xf32>, tensor<8x6x4xf32> -> tensor<2x?x8x4xf32>
  return
}

// -----

func.func @add_c1(%x: tensor<2x3x4xf32>, %y: tensor<5xf32>) {
  // expected-error @below {{'attn.add' op dimension 2 of the result is 4, expected 5}}
  %t = attn.add %x, %y
      : tensor<2x3x4xf32>, tensor<5xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @add_c2(%x: tensor<2x4xf32>, %y: tensor<4xf16>) {
  // expected-error @below {{'attn.add' op result has elements of type 'f16', expected 'f32'}}
  %t = attn.add %x, %y : tensor<2x4xf32>, tensor<4xf16> -> tensor<2x4xf16>
  return
}

// -----

func.func @sub_c2(%x: tensor<2x4xf16>, %y: tensor<4xf16>) {
  // expected-error @below {{'attn.sub' op result has elements of type 'f32', expected 'f16'}}
  %t = attn.sub %x, %y : tensor<2x4xf16>, tensor<4xf16> -> tensor<2x4xf32>
  return
}

// -----

func.func @mul_c2(%x: tensor<2x4xbf16>, %y: tensor<4xf16>) {
  // expected-error @below {{'attn.mul' op result has elements of type 'bf16', expected 'f32'}}
  %t = attn.mul %x, %y : tensor<2x4xbf16>, tensor<4xf16> -> tensor<2x4xbf16>
  return
}

// -----

func.func @div_c2(%x: tensor<2x4xf32>, %y: tensor<4xf32>) {
  // expected-error @below {{'attn.div' op result has elements of type 'f16', expected 'f32'}}
  %t = attn.div %x, %y : tensor<2x4xf32>, tensor<4xf32> -> tensor<2x4xf16>
  return
}

// -----

func.func @sub_c1(%x: tensor<2x3x4xf32>, %y: tensor<5xf32>) {
  // expected-error @below {{'attn.sub' op dimension 2 of the result is 4, expected 5}}
  %t = attn.sub %x, %y
      : tensor<2x3x4xf32>, tensor<5xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @mul_c1(%x: tensor<2x3x4xf32>, %y: tensor<5xf32>) {
  // expected-error @below {{'attn.mul' op dimension 2 of the result is 4, expected 5}}
  %t = attn.mul %x, %y
      : tensor<2x3x4xf32>, tensor<5xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @div_c1(%x: tensor<2x3x4xf32>, %y: tensor<5xf32>) {
  // expected-error @below {{'attn.div' op dimension 2 of the result is 4, expected 5}}
  %t = attn.div %x, %y
      : tensor<2x3x4xf32>, tensor<5xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @add_c1_rank(%x: tensor<2x3x4xf32>, %y: tensor<4xf32>) {
  // expected-error @below {{'attn.add' op result has rank 1 and an operand 3, expected at most as many}}
  %t = attn.add %x, %y : tensor<2x3x4xf32>, tensor<4xf32> -> tensor<4xf32>
  return
}

// -----

func.func @add_c1_repeated(%x: tensor<1x4xf32>, %y: tensor<4xf32>) {
  // expected-error @below {{'attn.add' op dimension 0 of the result is 2, expected 1}}
  %t = attn.add %x, %y : tensor<1x4xf32>, tensor<4xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @scale_c1(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.scale' op scale is INF, expected a finite number in f32}}
  %t = attn.scale %x {by = 0x7FF0000000000000 : f64} : tensor<2x3x4xf32>
  return
}

// -----

func.func @sum_c1(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.sum' op dimension 3 is none of a tensor of rank 3}}
  %t = attn.sum %x {dim = 3} : tensor<2x3x4xf32> -> tensor<2x3x1xf32>
  return
}

// -----

func.func @sum_c2(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.sum' op result has shape [2, 3, 4], expected [2, 3, 1]}}
  %t = attn.sum %x {dim = 2} : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @rms_norm_c1(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.rms_norm' op eps is -1.000000e+00, expected 0 or a normal number in f32}}
  %t = attn.rms_norm %x {eps = -1.0} : tensor<2x3x4xf32>
  return
}

// -----

func.func @rms_norm_c1_offset(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.rms_norm' op offset is nan, expected a finite number}}
  %t = attn.rms_norm %x {eps = 1.0, offset = 0x7FF8000000000000 : f64} : tensor<2x3x4xf32>
  return
}

// -----

func.func @rms_norm_c2(%x: tensor<2x3x4xf32>, %w: tensor<3xf32>) {
  // expected-error @below {{'attn.rms_norm' op weight has shape [3], expected [4]}}
  %t = attn.rms_norm %x weight(%w : tensor<3xf32>) {eps = 1.0} : tensor<2x3x4xf32>
  return
}

// -----

func.func @layer_norm_c1(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.layer_norm' op eps is INF, expected 0 or a normal number in f32}}
  %t = attn.layer_norm %x {eps = 0x7FF0000000000000 : f64} : tensor<2x3x4xf32>
  return
}

// -----

func.func @layer_norm_c2(%x: tensor<2x3x4xf32>, %w: tensor<4xf32>, %b: tensor<2x4xf32>) {
  // expected-error @below {{'attn.layer_norm' op bias has shape [2, 4], expected [3, 4]}}
  %t = attn.layer_norm %x weight(%w : tensor<4xf32>) bias(%b : tensor<2x4xf32>)
      {eps = 1.0} : tensor<2x3x4xf32>
  return
}

// -----

func.func @layer_norm_c2_rank(%x: tensor<4xf32>, %w: tensor<3x4xf32>) {
  // expected-error @below {{'attn.layer_norm' op weight has rank 2, expected 1 to 1}}
  %t = attn.layer_norm %x weight(%w : tensor<3x4xf32>)
      {eps = 1.0} : tensor<4xf32>
  return
}

// -----

func.func @rms_norm_c1_subnormal(%x: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.rms_norm' op eps is 1.000000e-60, expected 0 or a normal number in f32}}
  %y = attn.rms_norm %x {eps = 1.0e-60} : tensor<2x3x4xf32>
  return
}
