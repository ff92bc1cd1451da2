// RUN: attn-opt %s --attn-expand-layers=scopes=attend --split-input-file --verify-diagnostics
// RUN: not attn-opt %s --attn-expand-layers=scopes=attend,head 2>&1 | FileCheck %s

// CHECK: error: option 'scopes' has 'head', expected core, attend or layer

// expected-error @below {{'attn.grouped' op expands to 'taken_attend', which exists already}}
attn.grouped @taken {hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
                     layers = [0], mask = #attn.causal}
// expected-note @below {{'taken_attend' is defined here}}
func.func private @taken_attend()

// -----

// A name of another scope is free.

attn.grouped @other {hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
                     layers = [0], mask = #attn.causal}
func.func private @other_core()
