// RUN: attn-opt %s --split-input-file --verify-diagnostics

// One test for each constraint of the fused operations.

func.func @masked_softmax_c1(%score: tensor<2x4x?x?xf32>, %lengths: tensor<3xi32>) {
  // expected-error @below {{'attn.masked_softmax' op batch of score and lengths differ: 2 and 3}}
  %probability, %lse = attn.masked_softmax %score lengths(%lengths : tensor<3xi32>)
      {scale = 1.0, mask = #attn.causal}
      : tensor<2x4x?x?xf32> -> tensor<2x4x?x?xf32>, tensor<2x?x4xf32>
  return
}

// -----

func.func @masked_softmax_c2(%score: tensor<2x4x?x?xf32>, %sinks: tensor<5xf32>) {
  // expected-error @below {{'attn.masked_softmax' op heads of score and sinks differ: 4 and 5}}
  %probability, %lse = attn.masked_softmax %score sinks(%sinks : tensor<5xf32>)
      {scale = 1.0, mask = #attn.causal}
      : tensor<2x4x?x?xf32> -> tensor<2x4x?x?xf32>, tensor<2x?x4xf32>
  return
}

// -----

func.func @masked_softmax_c3(%score: tensor<2x4x?x?xf32>) {
  // expected-error @below {{'attn.masked_softmax' op batch of score and lse differ: 2 and 3}}
  %probability, %lse = attn.masked_softmax %score
      {scale = 1.0, mask = #attn.causal}
      : tensor<2x4x?x?xf32> -> tensor<2x4x?x?xf32>, tensor<3x?x4xf32>
  return
}

// -----

func.func @masked_softmax_c4(%score: tensor<2x4x?x?xf32>) {
  // expected-error @below {{'attn.masked_softmax' op softcap is -2.000000e+00, expected a positive finite number in f32}}
  %probability, %lse = attn.masked_softmax %score
      {scale = 1.0, softcap = -2.0, mask = #attn.causal}
      : tensor<2x4x?x?xf32> -> tensor<2x4x?x?xf32>, tensor<2x?x4xf32>
  return
}

// -----

func.func @masked_softmax_c5(%score: tensor<2x4x?x5xf32>) {
  // expected-error @below {{'attn.masked_softmax' op keys of score and probability differ: 5 and 7}}
  %probability, %lse = attn.masked_softmax %score
      {scale = 1.0, mask = #attn.causal}
      : tensor<2x4x?x5xf32> -> tensor<2x4x?x7xf32>, tensor<2x?x4xf32>
  return
}

// -----

func.func @flash_c1(%query: tensor<2x?x4x16xf32>, %key: tensor<3x?x2x16xf32>,
    %value: tensor<3x?x2x16xf32>) {
  // expected-error @below {{'attn.flash' op batch of query and key differ: 2 and 3}}
  %output, %lse = attn.flash %query, %key, %value
      {scale = 0.25, mask = #attn.causal}
      : tensor<2x?x4x16xf32>, tensor<3x?x2x16xf32>, tensor<3x?x2x16xf32>
      -> tensor<2x?x4x16xf32>, tensor<2x?x4xf32>
  return
}

// -----

func.func @flash_c1_keys(%query: tensor<2x?x4x16xf32>, %key: tensor<2x5x2x16xf32>,
    %value: tensor<2x6x2x16xf32>) {
  // expected-error @below {{'attn.flash' op keys of key and value differ: 5 and 6}}
  %output, %lse = attn.flash %query, %key, %value
      {scale = 0.25, mask = #attn.causal}
      : tensor<2x?x4x16xf32>, tensor<2x5x2x16xf32>, tensor<2x6x2x16xf32>
      -> tensor<2x?x4x16xf32>, tensor<2x?x4xf32>
  return
}

// -----

func.func @flash_c2(%query: tensor<2x?x4x16xf32>, %key: tensor<2x?x2x16xf32>,
    %value: tensor<2x?x4x16xf32>) {
  // expected-error @below {{'attn.flash' op heads of key and value differ: 2 and 4}}
  %output, %lse = attn.flash %query, %key, %value
      {scale = 0.25, mask = #attn.causal}
      : tensor<2x?x4x16xf32>, tensor<2x?x2x16xf32>, tensor<2x?x4x16xf32>
      -> tensor<2x?x4x16xf32>, tensor<2x?x4xf32>
  return
}

// -----

func.func @flash_c2_groups(%query: tensor<2x?x4x16xf32>, %key: tensor<2x?x3x16xf32>,
    %value: tensor<2x?x3x16xf32>) {
  // expected-error @below {{'attn.flash' op key/value heads 3 do not divide query heads 4}}
  %output, %lse = attn.flash %query, %key, %value
      {scale = 0.25, mask = #attn.causal}
      : tensor<2x?x4x16xf32>, tensor<2x?x3x16xf32>, tensor<2x?x3x16xf32>
      -> tensor<2x?x4x16xf32>, tensor<2x?x4xf32>
  return
}

// -----

func.func @flash_c3(%query: tensor<2x?x4x16xf32>, %key: tensor<2x?x2x16xf32>,
    %value: tensor<2x?x2x8xf32>) {
  // expected-error @below {{'attn.flash' op head sizes of value and output differ: 8 and 16}}
  %output, %lse = attn.flash %query, %key, %value
      {scale = 0.25, mask = #attn.causal}
      : tensor<2x?x4x16xf32>, tensor<2x?x2x16xf32>, tensor<2x?x2x8xf32>
      -> tensor<2x?x4x16xf32>, tensor<2x?x4xf32>
  return
}

// -----

func.func @flash_c3_lse(%query: tensor<2x?x4x16xf32>, %key: tensor<2x?x2x16xf32>,
    %value: tensor<2x?x2x16xf32>) {
  // expected-error @below {{'attn.flash' op heads of query and lse differ: 4 and 5}}
  %output, %lse = attn.flash %query, %key, %value
      {scale = 0.25, mask = #attn.causal}
      : tensor<2x?x4x16xf32>, tensor<2x?x2x16xf32>, tensor<2x?x2x16xf32>
      -> tensor<2x?x4x16xf32>, tensor<2x?x5xf32>
  return
}

// -----

func.func @flash_c4(%query: tensor<2x?x4x16xf32>, %key: tensor<2x?x2x16xf32>,
    %value: tensor<2x?x2x16xf32>, %lengths: tensor<3xi32>) {
  // expected-error @below {{'attn.flash' op batch of query and lengths differ: 2 and 3}}
  %output, %lse = attn.flash %query, %key, %value lengths(%lengths : tensor<3xi32>)
      {scale = 0.25, mask = #attn.causal}
      : tensor<2x?x4x16xf32>, tensor<2x?x2x16xf32>, tensor<2x?x2x16xf32>
      -> tensor<2x?x4x16xf32>, tensor<2x?x4xf32>
  return
}

// -----

func.func @flash_c4_sinks(%query: tensor<2x?x4x16xf32>, %key: tensor<2x?x2x16xf32>,
    %value: tensor<2x?x2x16xf32>, %sinks: tensor<5xf32>) {
  // expected-error @below {{'attn.flash' op heads of query and sinks differ: 4 and 5}}
  %output, %lse = attn.flash %query, %key, %value sinks(%sinks : tensor<5xf32>)
      {scale = 0.25, mask = #attn.causal}
      : tensor<2x?x4x16xf32>, tensor<2x?x2x16xf32>, tensor<2x?x2x16xf32>
      -> tensor<2x?x4x16xf32>, tensor<2x?x4xf32>
  return
}

// -----

func.func @flash_c6(%query: tensor<2x?x4x16xf32>, %key: tensor<2x?x2x16xf32>,
    %value: tensor<2x?x2x16xf32>) {
  // expected-error @below {{'attn.flash' op score_mod takes 'f32', 'index', expected (f32 score, index row, index column, index head), and maybe index position}}
  %output, %lse = attn.flash %query, %key, %value
      {scale = 0.25, mask = #attn.causal}
      : tensor<2x?x4x16xf32>, tensor<2x?x2x16xf32>, tensor<2x?x2x16xf32>
      -> tensor<2x?x4x16xf32>, tensor<2x?x4xf32>
      score_mod (%score: f32, %row: index) {
    attn.yield %score : f32
  }
  return
}

// -----

func.func @flash_c5(%query: tensor<2x?x4x16xf32>, %key: tensor<2x?x2x16xf32>,
    %value: tensor<2x?x2x16xf32>) {
  // expected-error @below {{'attn.flash' op scale is}}
  %output, %lse = attn.flash %query, %key, %value
      {scale = 0x7FF0000000000000 : f64, mask = #attn.causal}
      : tensor<2x?x4x16xf32>, tensor<2x?x2x16xf32>, tensor<2x?x2x16xf32>
      -> tensor<2x?x4x16xf32>, tensor<2x?x4xf32>
  return
}

// -----

func.func @flash_c6_no_yield(%query: tensor<?x?x4x16xf32>) {
  // expected-error @below {{'attn.flash' op score_mod ends without 'attn.yield'}}
  %output, %lse = attn.flash %query, %query, %query
      {scale = 0.25, mask = #attn.causal}
      : tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32>
      -> tensor<?x?x4x16xf32>, tensor<?x?x4xf32>
      score_mod (%score: f32, %row: index, %column: index, %head: index) {
    llvm.unreachable
  }
  return
}

// -----

func.func @flash_c7(%q: tensor<2x5x4x16xf32>, %k: tensor<2x7x2x16xf32>, %m: tensor<1x4x5x6xi1>) {
  // expected-error @below {{'attn.flash' op tensor_mask has shape [1, 4, 5, 6], expected [1, 4, 5, 7]}}
  %o, %l = attn.flash %q, %k, %k tensor_mask(%m : tensor<1x4x5x6xi1>)
      {scale = 1.0, mask = #attn.bidirectional}
      : tensor<2x5x4x16xf32>, tensor<2x7x2x16xf32>, tensor<2x7x2x16xf32>
      -> tensor<2x5x4x16xf32>, tensor<2x5x4xf32>
  return
}

// -----

func.func @masked_softmax_c6(%s: tensor<2x4x5x7xf32>, %m: tensor<2x2x5x7xf32>) {
  // expected-error @below {{'attn.masked_softmax' op tensor_mask has shape [2, 2, 5, 7], expected [2, 4, 5, 7]}}
  %p, %l = attn.masked_softmax %s tensor_mask(%m : tensor<2x2x5x7xf32>)
      {scale = 1.0, mask = #attn.bidirectional}
      : tensor<2x4x5x7xf32> -> tensor<2x4x5x7xf32>, tensor<2x5x4xf32>
  return
}

// -----

func.func @flash_c8(%q: tensor<2x5x4x16xf32>, %outer: f32) {
  // expected-note @below {{required by region isolation constraints}}
  %o, %l = attn.flash %q, %q, %q {scale = 1.0, mask = #attn.bidirectional}
      : tensor<2x5x4x16xf32>, tensor<2x5x4x16xf32>, tensor<2x5x4x16xf32>
      -> tensor<2x5x4x16xf32>, tensor<2x5x4xf32>
      score_mod (%score: f32, %row: index, %column: index, %head: index) {
    // expected-error @below {{'arith.addf' op using value defined outside the region}}
    %sum = arith.addf %score, %outer : f32
    attn.yield %sum : f32
  }
  return
}

// -----

func.func @flash_c10(%q: tensor<2x5x4x16xf32>, %table: tensor<?x4xf32>) {
  // expected-error @below {{'attn.flash' op table is 'tensor<?x4xf32>', expected static sizes of at least 1}}
  %o, %l = attn.flash %q, %q, %q table(%table : tensor<?x4xf32>)
      {scale = 1.0, mask = #attn.bidirectional}
      : tensor<2x5x4x16xf32>, tensor<2x5x4x16xf32>, tensor<2x5x4x16xf32>
      -> tensor<2x5x4x16xf32>, tensor<2x5x4xf32>
  return
}

// -----

func.func @lookup_c1(%q: tensor<2x5x4x16xf32>) {
  // expected-note @below {{this attn.flash has no operand 'table'}}
  %o, %l = attn.flash %q, %q, %q {scale = 1.0, mask = #attn.bidirectional}
      : tensor<2x5x4x16xf32>, tensor<2x5x4x16xf32>, tensor<2x5x4x16xf32>
      -> tensor<2x5x4x16xf32>, tensor<2x5x4xf32>
      score_mod (%score: f32, %row: index, %column: index, %head: index) {
    // expected-error @below {{'attn.lookup' op reads a table}}
    %bias = attn.lookup[%row, %head]
    attn.yield %bias : f32
  }
  return
}
