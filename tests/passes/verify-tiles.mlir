// RUN: attn-opt %s --split-input-file --attn-verify-tiles --verify-diagnostics

// Back ends meet programs and refused layers, nothing else of ours.

// expected-error @below {{'func.func' op 'left' is left, expected 'attn_tile.program'}}
func.func @left(%score: tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32> {
  %scaled = attn.scale %score {by = 0.5} : tensor<?x4x?x?xf32>
  return %scaled : tensor<?x4x?x?xf32>
}

// -----

// expected-error @below {{'attn.grouped' op is left, expected 'attn_tile.program'}}
attn.grouped @declared {hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
                        layers = array<i64: 0>, mask = #attn.causal}

// -----

attn.refused @refused "alibi positions are not supported" {
  layers = array<i64: 0>}

attn_tile.program @tiles(%query: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query"], layers = array<i64: 0>,
    layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
        split_tasks = false>} {
}
