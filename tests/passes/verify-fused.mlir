// RUN: attn-opt %s --split-input-file --attn-verify-fused --verify-diagnostics

// --require-fused: one error for each function, naming the first operation that
// is left; flash and what surrounds it pass.

func.func @unfused(%score: tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32> {
  %scaled = attn.scale %score {by = 0.5} : tensor<?x4x?x?xf32>
  // expected-error @below {{'attn.softmax' op stays unfused in 'unfused', expected 'attn.flash'}}
  // expected-note @below {{the remarks of attn-form-flash say why}}
  %probability, %lse = attn.softmax %scaled
      : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>, tensor<?x?x4xf32>
  return %probability : tensor<?x4x?x?xf32>
}

func.func @unfused_too(%score: tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32> {
  // expected-error @below {{'attn.masked_softmax' op stays unfused in 'unfused_too'}}
  // expected-note @below {{the remarks of attn-form-flash say why}}
  %probability, %lse = attn.masked_softmax %score
      {scale = 1.0, mask = #attn.causal}
      : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>, tensor<?x?x4xf32>
  return %probability : tensor<?x4x?x?xf32>
}

// -----

func.func @fused(%query: tensor<?x?x4x16xf32>, %key: tensor<?x?x4x16xf32>,
                 %value: tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32> {
  %output, %lse = attn.flash %query, %key, %value
      {scale = 0.25, mask = #attn.causal}
      : tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32>
      -> tensor<?x?x4x16xf32>, tensor<?x?x4xf32>
      score_mod (%score: f32, %row: index, %column: index, %head: index) {
    attn.yield %score : f32
  }
  return %output : tensor<?x?x4x16xf32>
}

// -----

// What arranges the rows of a key moves nothing.
func.func @arranged(%query: tensor<?x?x4x10xf32>, %latent: tensor<?x?x8xf32>,
                    %rope_key: tensor<?x?x2xf32>) -> tensor<?x?x4x8xf32> {
  %value = attn.expand %latent {dim = 2} : tensor<?x?x8xf32> -> tensor<?x?x1x8xf32>
  %rope = attn.expand %rope_key {dim = 2} : tensor<?x?x2xf32> -> tensor<?x?x1x2xf32>
  %key = attn.concat %value, %rope {dim = 3}
      : tensor<?x?x1x8xf32>, tensor<?x?x1x2xf32> -> tensor<?x?x1x10xf32>
  %output, %lse = attn.flash %query, %key, %value
      {scale = 0.25, mask = #attn.causal}
      : tensor<?x?x4x10xf32>, tensor<?x?x1x10xf32>, tensor<?x?x1x8xf32>
      -> tensor<?x?x4x8xf32>, tensor<?x?x4xf32>
  return %output : tensor<?x?x4x8xf32>
}
