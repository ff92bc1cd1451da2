// Latent attention of one decode step as a framework spells it, with the sizes of
// DeepSeek-V3 and 4096 cached tokens: keys and values of every head are projected
// from the latents before anything attends to them.

func.func @decode(%query: tensor<1x1x128x192xf32> {attn.name = "query"}, %latent: tensor<1x4096x512xf32> {attn.name = "latent"},
                  %rope: tensor<1x4096x1x64xf32> {attn.name = "rope"}, %weight: tensor<32768x512xf32> {attn.name = "weight"})
    -> (tensor<1x1x128x128xf32> {attn.name = "output"}, tensor<1x1x128xf32> {attn.name = "lse"}) {
  %kv = attn.linear %latent, %weight
      : tensor<1x4096x512xf32>, tensor<32768x512xf32> -> tensor<1x4096x32768xf32>
  %heads = attn.unflatten %kv {dim = 2}
      : tensor<1x4096x32768xf32> -> tensor<1x4096x128x256xf32>
  %nope = attn.slice %heads {dim = 3, offset = 0}
      : tensor<1x4096x128x256xf32> -> tensor<1x4096x128x128xf32>
  %value = attn.slice %heads {dim = 3, offset = 128}
      : tensor<1x4096x128x256xf32> -> tensor<1x4096x128x128xf32>
  %ropes = attn.repeat_kv %rope {times = 128}
      : tensor<1x4096x1x64xf32> -> tensor<1x4096x128x64xf32>
  %key = attn.concat %nope, %ropes {dim = 3}
      : tensor<1x4096x128x128xf32>, tensor<1x4096x128x64xf32> -> tensor<1x4096x128x192xf32>
  %score = attn.score %query, %key
      : tensor<1x1x128x192xf32>, tensor<1x4096x128x192xf32> -> tensor<1x128x1x4096xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.135, mask = #attn.causal}
      : tensor<1x128x1x4096xf32> -> tensor<1x128x1x4096xf32>, tensor<1x1x128xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<1x128x1x4096xf32>, tensor<1x4096x128x128xf32> -> tensor<1x1x128x128xf32>
  return %output, %lse : tensor<1x1x128x128xf32>, tensor<1x1x128xf32>
}
