// A whole attention block: norm, projections, norms of the heads, rotation,
// causal attention of 8 query heads over 2, output projection, residual.
// Sequences are complete: there is no cache.

func.func @block(
    %x: tensor<?x?x256xf32> {attn.name = "hidden_states"},
    %norm: tensor<256xf32> {attn.name = "input_layernorm.weight"},
    %w_q: tensor<512x256xf32> {attn.name = "q_proj.weight"},
    %w_k: tensor<128x256xf32> {attn.name = "k_proj.weight"},
    %w_v: tensor<128x256xf32> {attn.name = "v_proj.weight"},
    %w_o: tensor<256x512xf32> {attn.name = "o_proj.weight"},
    %q_norm: tensor<64xf32> {attn.name = "q_norm.weight"},
    %k_norm: tensor<64xf32> {attn.name = "k_norm.weight"})
    -> (tensor<?x?x256xf32> {attn.name = "output"}) {
  %normed = attn.rms_norm %x weight(%norm : tensor<256xf32>) {eps = 1.0e-6}
      : tensor<?x?x256xf32>
  %q_rows = attn.linear %normed, %w_q
      : tensor<?x?x256xf32>, tensor<512x256xf32> -> tensor<?x?x512xf32>
  %k_rows = attn.linear %normed, %w_k
      : tensor<?x?x256xf32>, tensor<128x256xf32> -> tensor<?x?x128xf32>
  %v_rows = attn.linear %normed, %w_v
      : tensor<?x?x256xf32>, tensor<128x256xf32> -> tensor<?x?x128xf32>
  %q_heads = attn.unflatten %q_rows {dim = 2}
      : tensor<?x?x512xf32> -> tensor<?x?x8x64xf32>
  %k_heads = attn.unflatten %k_rows {dim = 2}
      : tensor<?x?x128xf32> -> tensor<?x?x2x64xf32>
  %v = attn.unflatten %v_rows {dim = 2}
      : tensor<?x?x128xf32> -> tensor<?x?x2x64xf32>
  %q_normed = attn.rms_norm %q_heads weight(%q_norm : tensor<64xf32>)
      {eps = 1.0e-6} : tensor<?x?x8x64xf32>
  %k_normed = attn.rms_norm %k_heads weight(%k_norm : tensor<64xf32>)
      {eps = 1.0e-6} : tensor<?x?x2x64xf32>
  %q = attn.rope %q_normed {position = #attn.rope<theta = 1.0e6>}
      : tensor<?x?x8x64xf32>
  %k = attn.rope %k_normed {position = #attn.rope<theta = 1.0e6>}
      : tensor<?x?x2x64xf32>
  %score = attn.score %q, %k
      : tensor<?x?x8x64xf32>, tensor<?x?x2x64xf32> -> tensor<?x8x?x?xf32>
  %scaled = attn.scale %score {by = 0.125} : tensor<?x8x?x?xf32>
  %masked = attn.mask %scaled {mask = #attn.causal} : tensor<?x8x?x?xf32>
  %probability = attn.softmax %masked
      : tensor<?x8x?x?xf32> -> tensor<?x8x?x?xf32>
  %context = attn.weighted_sum %probability, %v
      : tensor<?x8x?x?xf32>, tensor<?x?x2x64xf32> -> tensor<?x?x8x64xf32>
  %rows = attn.flatten %context {dim = 2}
      : tensor<?x?x8x64xf32> -> tensor<?x?x512xf32>
  %projected = attn.linear %rows, %w_o
      : tensor<?x?x512xf32>, tensor<256x512xf32> -> tensor<?x?x256xf32>
  %output = attn.add %x, %projected
      : tensor<?x?x256xf32>, tensor<?x?x256xf32> -> tensor<?x?x256xf32>
  return %output : tensor<?x?x256xf32>
}
