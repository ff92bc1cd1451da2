// RUN: attn-opt %s --split-input-file --verify-diagnostics

// One test for each constraint of the graph operations.

func.func @repeat_kv_c1(%key: tensor<?x?x2x16xf32>) {
  // expected-error @below {{'attn.repeat_kv' op times is 0, expected at least 1}}
  %repeated = attn.repeat_kv %key {times = 0}
      : tensor<?x?x2x16xf32> -> tensor<?x?x2x16xf32>
  return
}

// -----

func.func @repeat_kv_c2(%key: tensor<?x?x2x16xf32>) {
  // expected-error @below {{'attn.repeat_kv' op result has 6 heads, expected 2 * 4}}
  %repeated = attn.repeat_kv %key {times = 4}
      : tensor<?x?x2x16xf32> -> tensor<?x?x6x16xf32>
  return
}

// -----

func.func @repeat_kv_c2_dim(%key: tensor<?x?x2x16xf32>) {
  // expected-error @below {{'attn.repeat_kv' op dimension 3 of input and result is 16 and 32}}
  %repeated = attn.repeat_kv %key {times = 4}
      : tensor<?x?x2x16xf32> -> tensor<?x?x8x32xf32>
  return
}

// -----

func.func @score_c1(%query: tensor<2x?x4x16xf32>, %key: tensor<3x?x4x16xf32>) {
  // expected-error @below {{'attn.score' op batch of query and key differ: 2 and 3}}
  %score = attn.score %query, %key
      : tensor<2x?x4x16xf32>, tensor<3x?x4x16xf32> -> tensor<2x4x?x?xf32>
  return
}

// -----

func.func @score_c1_head_size(%query: tensor<?x?x4x16xf32>, %key: tensor<?x?x4x32xf32>) {
  // expected-error @below {{'attn.score' op head sizes of query and key differ: 16 and 32}}
  %score = attn.score %query, %key
      : tensor<?x?x4x16xf32>, tensor<?x?x4x32xf32> -> tensor<?x4x?x?xf32>
  return
}

// -----

func.func @score_c2(%query: tensor<?x?x4x16xf32>, %key: tensor<?x?x3x16xf32>) {
  // expected-error @below {{'attn.score' op key/value heads 3 do not divide query heads 4}}
  %score = attn.score %query, %key
      : tensor<?x?x4x16xf32>, tensor<?x?x3x16xf32> -> tensor<?x4x?x?xf32>
  return
}

// -----

func.func @score_c3(%query: tensor<?x?x4x16xf32>, %key: tensor<?x?x4x16xf32>) {
  // expected-error @below {{'attn.score' op heads of query and score differ: 4 and 8}}
  %score = attn.score %query, %key
      : tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32> -> tensor<?x8x?x?xf32>
  return
}

// -----

func.func @score_c3_keys(%query: tensor<?x?x4x16xf32>, %key: tensor<?x5x4x16xf32>) {
  // expected-error @below {{'attn.score' op keys of key and score differ: 5 and 6}}
  %score = attn.score %query, %key
      : tensor<?x?x4x16xf32>, tensor<?x5x4x16xf32> -> tensor<?x4x?x6xf32>
  return
}

// -----

func.func @scale_by_integer(%score: tensor<?x4x?x?xf32>) {
  // expected-error @below {{custom op 'attn.scale' attribute 'by' failed to satisfy constraint: 64-bit float attribute}}
  %scaled = attn.scale %score {by = 1} : tensor<?x4x?x?xf32>
  return
}

// -----

func.func @scale_c1(%score: tensor<?x4x?x?xf32>) {
  // expected-error @below {{'attn.scale' op scale is}}
  %scaled = attn.scale %score {by = 0x7FF8000000000000 : f64}
      : tensor<?x4x?x?xf32>
  return
}

// -----

func.func @softcap_c1(%score: tensor<?x4x?x?xf32>) {
  // expected-error @below {{'attn.softcap' op softcap is 0.000000e+00, expected a positive finite number in f32}}
  %capped = attn.softcap %score {cap = 0.0} : tensor<?x4x?x?xf32>
  return
}

// -----

func.func @mask_c1(%score: tensor<2x4x?x?xf32>, %lengths: tensor<3xi32>) {
  // expected-error @below {{'attn.mask' op batch of score and lengths differ: 2 and 3}}
  %masked = attn.mask %score lengths(%lengths : tensor<3xi32>)
      {mask = #attn.causal} : tensor<2x4x?x?xf32>
  return
}

// -----

func.func @softmax_c1(%score: tensor<?x4x?x?xf32>, %sinks: tensor<5xf32>) {
  // expected-error @below {{'attn.softmax' op heads of score and sinks differ: 4 and 5}}
  %probability, %lse = attn.softmax %score sinks(%sinks : tensor<5xf32>)
      : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>, tensor<?x?x4xf32>
  return
}

// -----

func.func @softmax_c2(%score: tensor<?x4x?x?xf32>) {
  // expected-error @below {{'attn.softmax' op heads of score and lse differ: 4 and 5}}
  %probability, %lse = attn.softmax %score
      : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>, tensor<?x?x5xf32>
  return
}

// -----

func.func @softmax_c3(%score: tensor<?x4x?x?xf32>) {
  // expected-error @below {{'attn.softmax' op probability has shape [?, 8, ?, ?], expected [?, 4, ?, ?]}}
  %probability, %lse = attn.softmax %score
      : tensor<?x4x?x?xf32> -> tensor<?x8x?x?xf32>, tensor<?x?x4xf32>
  return
}

// -----

func.func @weighted_sum_c1(%probability: tensor<?x4x?x5xf32>, %value: tensor<?x6x4x16xf32>) {
  // expected-error @below {{'attn.weighted_sum' op keys of probability and value differ: 5 and 6}}
  %output = attn.weighted_sum %probability, %value
      : tensor<?x4x?x5xf32>, tensor<?x6x4x16xf32> -> tensor<?x?x4x16xf32>
  return
}

// -----

func.func @weighted_sum_c2(%probability: tensor<?x4x?x?xf32>, %value: tensor<?x?x3x16xf32>) {
  // expected-error @below {{'attn.weighted_sum' op key/value heads 3 do not divide query heads 4}}
  %output = attn.weighted_sum %probability, %value
      : tensor<?x4x?x?xf32>, tensor<?x?x3x16xf32> -> tensor<?x?x4x16xf32>
  return
}

// -----

func.func @weighted_sum_c3(%probability: tensor<?x4x?x?xf32>, %value: tensor<?x?x4x16xf32>) {
  // expected-error @below {{'attn.weighted_sum' op head sizes of value and output differ: 16 and 32}}
  %output = attn.weighted_sum %probability, %value
      : tensor<?x4x?x?xf32>, tensor<?x?x4x16xf32> -> tensor<?x?x4x32xf32>
  return
}

// -----

// The product does not overflow into a number that happens to fit.
func.func @repeat_kv_c2_overflow(%key: tensor<?x?x4x16xf32>) {
  // expected-error @below {{'attn.repeat_kv' op result has 4 heads, expected 4 * 4611686018427387905}}
  %repeated = attn.repeat_kv %key {times = 4611686018427387905}
      : tensor<?x?x4x16xf32> -> tensor<?x?x4x16xf32>
  return
}

// -----

func.func @softmax_c1(%s: tensor<2x3x4xf32>, %k: tensor<2xf32>) {
  // expected-error @below {{'attn.softmax' op has sinks or lse and a score of rank 3, expected rank 4 without dim}}
  %p = attn.softmax %s sinks(%k : tensor<2xf32>)
      : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @softmax_c4(%s: tensor<2x3x4xf32>) {
  // expected-error @below {{'attn.softmax' op dimension 3 is none of a tensor of rank 3}}
  %p = attn.softmax %s dim(3) : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  return
}

// -----

func.func @rope_c2(%q: tensor<2x5x4x16xf32>, %p: tensor<3x5xi32>) {
  // expected-error @below {{'attn.rope' op batch of input and positions differ: 2 and 3}}
  %r = attn.rope %q positions(%p : tensor<3x5xi32>)
      {position = #attn.rope<theta = 1.0e4>} : tensor<2x5x4x16xf32>
  return
}

// -----

func.func @rope_c2_heads_first(%q: tensor<2x5x4x16xf32>, %p: tensor<1x5xi32>) {
  // expected-error @below {{'attn.rope' op sequences of input and positions differ: 4 and 5}}
  %r = attn.rope %q positions(%p : tensor<1x5xi32>)
      {position = #attn.rope<theta = 1.0e4>, heads_first} : tensor<2x5x4x16xf32>
  return
}

// -----

func.func @rope_c3(%q: tensor<2x5x4x15xf32>) {
  // expected-error @below {{'attn.rope' op head size 15 is odd, and a rotation takes pairs}}
  %r = attn.rope %q {position = #attn.rope<theta = 1.0e4>} : tensor<2x5x4x15xf32>
  return
}

// -----

func.func @cache_append_c1(%c: tensor<2x9x4x16xf32>, %k: tensor<2x3x5x16xf32>, %l: tensor<2xi32>) {
  // expected-error @below {{'attn.cache_append' op fresh has shape [2, 3, 5, 16], expected [2, 3, 4, 16]}}
  %r = attn.cache_append %c, %k lengths(%l : tensor<2xi32>)
      : tensor<2x9x4x16xf32>, tensor<2x3x5x16xf32>
  return
}

// -----

func.func @cache_append_c2(%c: tensor<2x9x4x16xf32>, %k: tensor<2x3x4x16xf32>, %l: tensor<3xi32>) {
  // expected-error @below {{'attn.cache_append' op batch of cache and lengths differ: 2 and 3}}
  %r = attn.cache_append %c, %k lengths(%l : tensor<3xi32>)
      : tensor<2x9x4x16xf32>, tensor<2x3x4x16xf32>
  return
}

// -----

func.func @repeat_kv_type(%key: tensor<?x?x2x16xf16>) {
  // expected-error @below {{'attn.repeat_kv' op failed to verify that all of {input, result} have same element type}}
  %repeated = attn.repeat_kv %key {times = 2}
      : tensor<?x?x2x16xf16> -> tensor<?x?x4x16xf32>
  return
}

// -----

func.func @score_type(%query: tensor<?x?x2x16xf64>, %key: tensor<?x?x2x16xf16>) {
  // expected-error @below {{'attn.score' op operand #0 must be 4D tensor of 32-bit float or 16-bit float or bfloat16 type values, but got 'tensor<?x?x2x16xf64>'}}
  %score = attn.score %query, %key
      : tensor<?x?x2x16xf64>, tensor<?x?x2x16xf16> -> tensor<?x2x?x?xf32>
  return
}
