module @pair {
  attn.grouped @pair_narrow {
    hidden = 64, heads = 4, kv_heads = 2, head_dim = 16,
    layers = array<i64: 0, 3>, mask = #attn.causal}
  attn.grouped @pair_wide {
    hidden = 64, heads = 4, kv_heads = 1, head_dim = 32,
    layers = array<i64: 1>, mask = #attn.window<left = 8, right = 1>}
  attn.refused @pair_odd "alibi positions are not supported" {
    layers = array<i64: 2>}
}
