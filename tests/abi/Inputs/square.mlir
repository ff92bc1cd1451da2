// A mask of [batch, 1, query_length, query_length] that is made between phases.
module {
  func.func @padded(%x: tensor<?x?x8xf32> {attn.name = "x"},
                    %padding: tensor<?x?xi1> {attn.name = "padding"},
                    %added: tensor<?x1x?x?xf32> {attn.name = "added"})
      -> (tensor<?x?x2x4xf32> {attn.name = "y"}) {
    %heads = attn.unflatten %x {dim = 2}
        : tensor<?x?x8xf32> -> tensor<?x?x2x4xf32>
    %row = attn.expand %padding {dim = 1} : tensor<?x?xi1> -> tensor<?x1x?xi1>
    %wide = attn.expand %row {dim = 1} : tensor<?x1x?xi1> -> tensor<?x1x1x?xi1>
    %mask = attn.masked_fill %added, %wide {value = 0xFFF0000000000000 : f64}
        : tensor<?x1x?x?xf32>, tensor<?x1x1x?xi1>
    %y, %lse = attn.flash %heads, %heads, %heads
        tensor_mask(%mask : tensor<?x1x?x?xf32>)
        {scale = 0.5, mask = #attn.bidirectional}
        : tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32>
        -> tensor<?x?x2x4xf32>, tensor<?x?x2xf32>
    return %y : tensor<?x?x2x4xf32>
  }
}
