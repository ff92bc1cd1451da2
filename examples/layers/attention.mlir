// Attention of caches, spelled as in a paper: softmax(mask(q . k^T / 8)) . v for
// 8 query heads over 2 key/value heads, with the valid keys of each sequence.
// Tensors are [batch, sequence, heads, size]; `?` is known to the call alone.

func.func @attention(
    %query: tensor<?x?x8x64xf32> {attn.name = "query"},
    %key: tensor<?x?x2x64xf32> {attn.name = "key"},
    %value: tensor<?x?x2x64xf32> {attn.name = "value"},
    %kv_lengths: tensor<?xi32> {attn.name = "kv_lengths"})
    -> (tensor<?x?x8x64xf32> {attn.name = "output"},
        tensor<?x?x8xf32> {attn.name = "lse"}) {
  %score = attn.score %query, %key
      : tensor<?x?x8x64xf32>, tensor<?x?x2x64xf32> -> tensor<?x8x?x?xf32>
  %scaled = attn.scale %score {by = 0.125} : tensor<?x8x?x?xf32>
  %masked = attn.mask %scaled lengths(%kv_lengths : tensor<?xi32>)
      {mask = #attn.causal} : tensor<?x8x?x?xf32>
  %probability, %lse = attn.softmax %masked
      : tensor<?x8x?x?xf32> -> tensor<?x8x?x?xf32>, tensor<?x?x8xf32>
  %output = attn.weighted_sum %probability, %value
      : tensor<?x8x?x?xf32>, tensor<?x?x2x64xf32> -> tensor<?x?x8x64xf32>
  return %output, %lse : tensor<?x?x8x64xf32>, tensor<?x?x8xf32>
}
