// RUN: attn-opt %s --attn-expand-layers="scopes=core,attend" --split-input-file --verify-diagnostics

// What is done around attention is done in f32 alone.

// expected-error @below {{'attn.grouped' op has the storage #attn.storage<activation = f32, key = f16, value = f16>, and scope 'attend' takes f32 alone: '--dtype f32' stores all in that}}
attn.grouped @caches {hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
                      layers = [0], mask = #attn.causal,
                      storage = #attn.storage<activation = f32, key = f16, value = f16>}

// -----

attn.grouped @single {hidden = 64, heads = 4, kv_heads = 4, head_dim = 16,
                      layers = [0], mask = #attn.causal,
                      storage = #attn.storage<activation = f32, key = f32, value = f32>}
