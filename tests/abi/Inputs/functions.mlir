module {
  func.func @twin_a(%query: tensor<?x?x1x64xf32> {attn.name = "query"},
      %key: tensor<?x?x1x64xf32> {attn.name = "key"},
      %value: tensor<?x?x1x64xf32> {attn.name = "value"})
      -> (tensor<?x?x1x64xf32> {attn.name = "output"},
          tensor<?x?x1xf32> {attn.name = "lse"}) {
    %output, %lse = attn.flash %query, %key, %value
        {scale = 0.125, mask = #attn.causal} : tensor<?x?x1x64xf32>, tensor<?x?x1x64xf32>, tensor<?x?x1x64xf32>
        -> tensor<?x?x1x64xf32>, tensor<?x?x1xf32>
    return %output, %lse : tensor<?x?x1x64xf32>, tensor<?x?x1xf32>
  }
  func.func @wide(%query: tensor<?x?x1x256xf32> {attn.name = "query"},
      %key: tensor<?x?x1x256xf32> {attn.name = "key"},
      %value: tensor<?x?x1x256xf32> {attn.name = "value"})
      -> (tensor<?x?x1x256xf32> {attn.name = "output"},
          tensor<?x?x1xf32> {attn.name = "lse"}) {
    %output, %lse = attn.flash %query, %key, %value
        {scale = 0.125, mask = #attn.causal} : tensor<?x?x1x256xf32>, tensor<?x?x1x256xf32>, tensor<?x?x1x256xf32>
        -> tensor<?x?x1x256xf32>, tensor<?x?x1xf32>
    return %output, %lse : tensor<?x?x1x256xf32>, tensor<?x?x1xf32>
  }
  func.func @middle(%query: tensor<?x?x1x128xf32> {attn.name = "query"},
      %key: tensor<?x?x1x128xf32> {attn.name = "key"},
      %value: tensor<?x?x1x128xf32> {attn.name = "value"})
      -> (tensor<?x?x1x128xf32> {attn.name = "output"},
          tensor<?x?x1xf32> {attn.name = "lse"}) {
    %output, %lse = attn.flash %query, %key, %value
        {scale = 0.125, mask = #attn.causal} : tensor<?x?x1x128xf32>, tensor<?x?x1x128xf32>, tensor<?x?x1x128xf32>
        -> tensor<?x?x1x128xf32>, tensor<?x?x1xf32>
    return %output, %lse : tensor<?x?x1x128xf32>, tensor<?x?x1xf32>
  }
  func.func @twin_b(%query: tensor<?x?x1x64xf32> {attn.name = "query"},
      %key: tensor<?x?x1x64xf32> {attn.name = "key"},
      %value: tensor<?x?x1x64xf32> {attn.name = "value"})
      -> (tensor<?x?x1x64xf32> {attn.name = "output"},
          tensor<?x?x1xf32> {attn.name = "lse"}) {
    %output, %lse = attn.flash %query, %key, %value
        {scale = 0.125, mask = #attn.window<left = 7, right = 1>} : tensor<?x?x1x64xf32>, tensor<?x?x1x64xf32>, tensor<?x?x1x64xf32>
        -> tensor<?x?x1x64xf32>, tensor<?x?x1xf32>
    return %output, %lse : tensor<?x?x1x64xf32>, tensor<?x?x1xf32>
  }
}
