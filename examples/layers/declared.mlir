// Two kinds of layers, as a model card describes them: every sixth looks at all
// keys, the others at the last 1024.

attn.grouped @local {
    hidden = 2048, heads = 16, kv_heads = 8, head_dim = 128,
    layers = [0 to 4, 6 to 10], position = #attn.rope<theta = 1.0e4>,
    softcap = 50.0, mask = #attn.window<left = 1024, right = 1>}

attn.grouped @global {
    hidden = 2048, heads = 16, kv_heads = 8, head_dim = 128, layers = [5, 11],
    position = #attn.rope<theta = 1.0e6>, softcap = 50.0, mask = #attn.causal}
