// RUN: attn-opt %s --split-input-file --verify-diagnostics

// One test for each constraint of the masks and of what they look at.

func.func @window_c1() attributes {
  // expected-error @below {{window left is 0, expected at least 1}}
  mask = #attn.window<left = 0, right = 1>} {
  return
}

// -----

func.func @window_c1_right() attributes {
  // expected-error @below {{window right is -1, expected at least 1}}
  mask = #attn.window<left = 4, right = -1>} {
  return
}

// -----

func.func @chunk_c1() attributes {
  // expected-error @below {{chunk size is 0, expected at least 1}}
  mask = #attn.chunk<size = 0>} {
  return
}

// -----

func.func @all_c1() attributes {
  // expected-error @below {{there are no masks, expected at least one}}
  mask = #attn.all<[]>} {
  return
}

// -----

func.func @all_c1_kind() attributes {
  // expected-error @below {{4 : i64 is no mask}}
  mask = #attn.all<[#attn.causal, 4]>} {
  return
}

// -----

func.func @all_c2() attributes {
  // expected-error @below {{mask #attn.window<left = 4, alignment = top_left> does not meet those before it: expected one alignment}}
  mask = #attn.all<[#attn.bidirectional, #attn.causal,
                    #attn.window<left = 4, alignment = top_left>]>} {
  return
}

// -----

func.func @all_c3() attributes {
  // expected-error @below {{mask #attn.chunk<size = 6> does not meet those before it}}
  mask = #attn.all<[#attn.chunk<size = 4>, #attn.chunk<size = 6>]>} {
  return
}

// -----

func.func @mask_c2(%score: tensor<2x4x5x7xf32>) {
  // expected-error @below {{'attn.mask' op mask #attn.prefix looks at prefix, expected the operand 'prefix'}}
  %0 = attn.mask %score {mask = #attn.prefix} : tensor<2x4x5x7xf32>
  return
}

// -----

func.func @mask_c2_unused(%score: tensor<2x4x5x7xf32>,
                          %documents: tensor<2x7xi32>) {
  // expected-error @below {{'attn.mask' op mask #attn.causal does not look at documents, expected no operand 'documents'}}
  %0 = attn.mask %score documents(%documents : tensor<2x7xi32>)
      {mask = #attn.causal} : tensor<2x4x5x7xf32>
  return
}

// -----

func.func @mask_c2_batch(%score: tensor<2x4x5x7xf32>, %prefix: tensor<3xi32>) {
  // expected-error @below {{'attn.mask' op prefix}}
  %0 = attn.mask %score prefix(%prefix : tensor<3xi32>) {mask = #attn.prefix}
      : tensor<2x4x5x7xf32>
  return
}

// -----

func.func @masked_softmax_c7(%score: tensor<2x4x5x7xf32>,
                             %documents: tensor<2x5xi32>) {
  // expected-error @below {{'attn.masked_softmax' op documents}}
  %0, %1 = attn.masked_softmax %score documents(%documents : tensor<2x5xi32>)
      {scale = 1.0, mask = #attn.document}
      : tensor<2x4x5x7xf32> -> tensor<2x4x5x7xf32>, tensor<2x5x4xf32>
  return
}

// -----

func.func @flash_c9(%query: tensor<2x5x4x8xf32>, %key: tensor<2x7x4x8xf32>) {
  // expected-error @below {{'attn.flash' op mask #attn.document looks at documents, expected the operand 'documents'}}
  %0, %1 = attn.flash %query, %key, %key {scale = 1.0, mask = #attn.document}
      : tensor<2x5x4x8xf32>, tensor<2x7x4x8xf32>, tensor<2x7x4x8xf32>
      -> tensor<2x5x4x8xf32>, tensor<2x5x4xf32>
  return
}
