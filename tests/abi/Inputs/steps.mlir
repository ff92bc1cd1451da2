attn.latent @mla {
  hidden = 96, heads = 6, query_rank = 40, kv_rank = 22, nope_dim = 24,
  rope_dim = 6, value_dim = 16, layers = array<i64: 0, 1>,
  storage = #attn.storage<activation = bf16, key = bf16, value = bf16>,
  position = #attn.rope<theta = 1.0e4>, mask = #attn.causal}
