// RUN: attn-opt %s --attn-expand-layers --split-input-file --verify-diagnostics

// A symbol that exists is not taken over.

// expected-error @below {{'attn.grouped' op expands to 'taken_core', which exists already}}
attn.grouped @taken {hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
                     layers = array<i64: 0>, mask = #attn.causal}
// expected-note @below {{'taken_core' is defined here}}
func.func private @taken_core()

// -----

// expected-error @below {{'attn.latent' op expands to 'lost_absorbed_core', which exists already}}
attn.latent @lost {hidden = 64, heads = 4, kv_rank = 16, nope_dim = 8,
                   rope_dim = 4, value_dim = 6, layers = array<i64: 0>,
                   mask = #attn.causal}
// expected-note @below {{'lost_absorbed_core' is defined here}}
func.func private @lost_absorbed_core()
