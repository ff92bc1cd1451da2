// RUN: attn-opt %s --split-input-file --verify-diagnostics

// One test for each constraint of masks and biases as tensors.

func.func @full_c1() {
  // expected-error @below {{'attn.full' op result is 'tensor<?x4xi1>', expected static sizes}}
  %t = attn.full {value = true} : tensor<?x4xi1>
  return
}

// -----

func.func @full_c2() {
  // expected-error @below {{'attn.full' op value true does not fit elements of 'f32'}}
  %t = attn.full {value = true} : tensor<3x4xf32>
  return
}

// -----

func.func @triu_c1(%x: tensor<4xi1>) {
  // expected-error @below {{'attn.triu' op input has rank 1, expected at least 2}}
  %t = attn.triu %x {diagonal = 1} : tensor<4xi1>
  return
}

// -----

func.func @tril_c1(%x: tensor<4xf32>) {
  // expected-error @below {{'attn.tril' op input has rank 1, expected at least 2}}
  %t = attn.tril %x {diagonal = 0} : tensor<4xf32>
  return
}

// -----

func.func @and_c1(%x: tensor<3x4xi1>, %y: tensor<2x4xi1>) {
  // expected-error @below {{'attn.and' op dimension 0 of the result is 3, expected 2}}
  %t = attn.and %x, %y : tensor<3x4xi1>, tensor<2x4xi1> -> tensor<3x4xi1>
  return
}

// -----

func.func @or_c1(%x: tensor<3x4xi1>, %y: tensor<2x4xi1>) {
  // expected-error @below {{'attn.or' op dimension 0 of the result is 3, expected 2}}
  %t = attn.or %x, %y : tensor<3x4xi1>, tensor<2x4xi1> -> tensor<3x4xi1>
  return
}

// -----

func.func @masked_fill_c1(%x: tensor<2x3x4xf32>, %y: tensor<5x4xi1>) {
  // expected-error @below {{'attn.masked_fill' op dimension 1 of the result is 3, expected 5}}
  %t = attn.masked_fill %x, %y {value = 0.0} : tensor<2x3x4xf32>, tensor<5x4xi1>
  return
}

// -----

func.func @where_c1(%c: tensor<3x4xi1>, %x: tensor<2x3x4xf32>, %y: tensor<2xf32>) {
  // expected-error @below {{'attn.where' op dimension 2 of the result is 4, expected 2}}
  %t = attn.where %c, %x, %y
      : tensor<3x4xi1>, tensor<2x3x4xf32>, tensor<2xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @position_bias_c1(%s: tensor<2x4x?x?xf32>, %l: tensor<3xi32>) {
  // expected-error @below {{'attn.position_bias' op batch of score and lengths differ: 2 and 3}}
  %t = attn.position_bias %s lengths(%l : tensor<3xi32>) {bias = #attn.alibi}
      : tensor<2x4x?x?xf32>
  return
}

// -----

func.func @position_bias_c2(%s: tensor<2x4x?x?xf32>) {
  // expected-error @below {{'attn.position_bias' op bias #attn.buckets<count = 32, max_distance = 128> needs a table of 32 rows}}
  %t = attn.position_bias %s
      {bias = #attn.buckets<count = 32, max_distance = 128>} : tensor<2x4x?x?xf32>
  return
}

// -----

func.func @position_bias_c2_none(%s: tensor<2x4x?x?xf32>, %w: tensor<32x4xf32>) {
  // expected-error @below {{'attn.position_bias' op bias #attn.alibi reads no table}}
  %t = attn.position_bias %s table(%w : tensor<32x4xf32>) {bias = #attn.alibi}
      : tensor<2x4x?x?xf32>
  return
}

// -----

func.func @position_bias_c2_shape(%s: tensor<2x4x?x?xf32>, %w: tensor<32x5xf32>) {
  // expected-error @below {{'attn.position_bias' op table has shape [32, 5], expected [32, 4]}}
  %t = attn.position_bias %s table(%w : tensor<32x5xf32>)
      {bias = #attn.buckets<count = 32, max_distance = 128>} : tensor<2x4x?x?xf32>
  return
}

// -----

// expected-error @below {{alibi max_bias is 0.000000e+00, expected a positive finite number}}
func.func private @alibi_c1() attributes {test.bias = #attn.alibi<max_bias = 0.0>}

// -----

// expected-error @below {{alibi factor is 0.000000e+00, expected a positive finite number}}
func.func private @alibi_c2() attributes {test.bias = #attn.alibi<factor = 0.0>}

// -----

// expected-error @below {{alibi rounding is 'f16', expected bf16}}
func.func private @alibi_c3() attributes {test.bias = #attn.alibi<rounding = f16>}

// -----

// expected-error @below {{bucket count is 5, expected an even number of at least 4}}
func.func private @buckets_c1() attributes {test.bias = #attn.buckets<count = 5, max_distance = 128>}

// -----

// expected-error @below {{bucket max_distance is 16, expected more than the 16 exact buckets}}
func.func private @buckets_c1_distance() attributes {test.bias = #attn.buckets<count = 32, max_distance = 16>}
