attn.latent @mla_first {
  hidden = 96, heads = 6, query_rank = 40, kv_rank = 22, nope_dim = 24,
  rope_dim = 6, value_dim = 16, layers = array<i64: 0>, scale = 0.25,
  mask = #attn.causal}
attn.latent @mla_second {
  hidden = 96, heads = 6, query_rank = 40, kv_rank = 22, nope_dim = 24,
  rope_dim = 6, value_dim = 16, layers = array<i64: 1>, scale = 0.5,
  mask = #attn.causal}
