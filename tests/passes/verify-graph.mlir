// RUN: attn-opt %s --split-input-file --attn-verify-graph --verify-diagnostics

// A declared layer that was not expanded is our error, found before it becomes
// a back end's.

// expected-error @below {{'attn.grouped' op is still declared, expected a graph function}}
attn.grouped @left {hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
                    layers = array<i64: 0>, mask = #attn.causal}

// expected-error @below {{'attn.latent' op is still declared, expected a graph function}}
attn.latent @latent {hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8,
                     rope_dim = 4, value_dim = 6, layers = array<i64: 0>,
                     mask = #attn.causal}

// -----

attn.refused @refused "alibi positions are not supported" {
  layers = array<i64: 0>}

func.func @graph(%score: tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32> {
  %scaled = attn.scale %score {by = 0.5} : tensor<?x4x?x?xf32>
  return %scaled : tensor<?x4x?x?xf32>
}
