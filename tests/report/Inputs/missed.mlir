// One attention, and one whose scores have another user: it stays as it is.
func.func @fused(%query: tensor<?x?x2x8xf32> {attn.name = "query"},
    %key: tensor<?x?x2x8xf32> {attn.name = "key"}, %value: tensor<?x?x2x8xf32> {attn.name = "value"})
    -> (tensor<?x?x2x8xf32> {attn.name = "output"}, tensor<?x?x2xf32> {attn.name = "lse"}) {
  %score = attn.score %query, %key
      : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32> -> tensor<?x2x?x?xf32>
  %p, %lse = attn.softmax %score : tensor<?x2x?x?xf32> -> tensor<?x2x?x?xf32>, tensor<?x?x2xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<?x2x?x?xf32>, tensor<?x?x2x8xf32> -> tensor<?x?x2x8xf32>
  return %output, %lse : tensor<?x?x2x8xf32>, tensor<?x?x2xf32>
}
func.func @kept(%query: tensor<?x?x2x8xf32>, %key: tensor<?x?x2x8xf32>, %value: tensor<?x?x2x8xf32>)
    -> (tensor<?x?x2x8xf32>, tensor<?x2x?x?xf32>) {
  %score = attn.score %query, %key
      : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32> -> tensor<?x2x?x?xf32>
  %p, %lse = attn.softmax %score : tensor<?x2x?x?xf32> -> tensor<?x2x?x?xf32>, tensor<?x?x2xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<?x2x?x?xf32>, tensor<?x?x2x8xf32> -> tensor<?x?x2x8xf32>
  return %output, %p : tensor<?x?x2x8xf32>, tensor<?x2x?x?xf32>
}
