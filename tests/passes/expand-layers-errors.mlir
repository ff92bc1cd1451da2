// RUN: attn-opt %s --attn-expand-layers --verify-diagnostics

// A symbol that exists is not taken over.

// expected-error @below {{'attn.grouped' op expands to 'taken_core', which exists already}}
attn.grouped @taken {hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
                     layers = array<i64: 0>, mask = #attn.causal}
// expected-note @below {{'taken_core' is defined here}}
func.func private @taken_core()
