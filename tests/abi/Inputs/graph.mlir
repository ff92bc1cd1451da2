module @hand {
  func.func @mix(%query: tensor<?x?x4x16xf32> {attn.name = "query"},
                 %key: tensor<?x?x4x16xf32> {attn.name = "key"},
                 %value: tensor<?x?x4x16xf32> {attn.name = "value"})
      -> (tensor<?x?x4x16xf32> {attn.name = "output"},
          tensor<?x?x4xf32> {attn.name = "lse"}) {
    %output, %lse = attn.flash %query, %key, %value
        {scale = 0.25, mask = #attn.causal}
        : tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32>
        -> tensor<?x?x4x16xf32>, tensor<?x?x4xf32>
    return %output, %lse : tensor<?x?x4x16xf32>, tensor<?x?x4xf32>
  }
}
