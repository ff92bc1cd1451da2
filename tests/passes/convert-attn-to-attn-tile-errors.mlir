// RUN: attn-opt %s --convert-attn-to-attn-tile --split-input-file --verify-diagnostics

// What cannot become a program is named with the reason.

// expected-error @below {{function 'unfused' cannot become a tile program: it does not hold exactly one attn.flash}}
func.func @unfused(%score: tensor<?x4x?x?xf32> {attn.name = "score"})
    -> (tensor<?x4x?x?xf32> {attn.name = "output"}) {
  %scaled = attn.scale %score {by = 2.0} : tensor<?x4x?x?xf32>
  return %scaled : tensor<?x4x?x?xf32>
}

// -----

// expected-error @below {{function 'nameless' cannot become a tile program: an argument or result lacks attn.name}}
func.func @nameless(%query: tensor<?x?x1x8xf32>, %key: tensor<?x?x1x8xf32>,
                    %value: tensor<?x?x1x8xf32>)
    -> (tensor<?x?x1x8xf32>, tensor<?x?x1xf32>) {
  %output, %lse = attn.flash %query, %key, %value {scale = 0.5, mask = #attn.causal}
      : tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>
      -> tensor<?x?x1x8xf32>, tensor<?x?x1xf32>
  return %output, %lse : tensor<?x?x1x8xf32>, tensor<?x?x1xf32>
}

// -----

// expected-error @below {{function 'dynamic_heads' cannot become a tile program: heads or head sizes are dynamic}}
func.func @dynamic_heads(%query: tensor<?x?x?x8xf32> {attn.name = "query"},
                         %key: tensor<?x?x?x8xf32> {attn.name = "key"},
                         %value: tensor<?x?x?x8xf32> {attn.name = "value"})
    -> (tensor<?x?x?x8xf32> {attn.name = "output"},
        tensor<?x?x?xf32> {attn.name = "lse"}) {
  %output, %lse = attn.flash %query, %key, %value {scale = 0.5, mask = #attn.causal}
      : tensor<?x?x?x8xf32>, tensor<?x?x?x8xf32>, tensor<?x?x?x8xf32>
      -> tensor<?x?x?x8xf32>, tensor<?x?x?xf32>
  return %output, %lse : tensor<?x?x?x8xf32>, tensor<?x?x?xf32>
}

// -----

// expected-error @below {{function 'dynamic_results' cannot become a tile program: heads or head sizes are dynamic}}
func.func @dynamic_results(%query: tensor<?x?x1x8xf32> {attn.name = "query"},
                           %key: tensor<?x?x1x8xf32> {attn.name = "key"},
                           %value: tensor<?x?x1x8xf32> {attn.name = "value"})
    -> (tensor<?x?x?x8xf32> {attn.name = "output"},
        tensor<?x?x1xf32> {attn.name = "lse"}) {
  %output, %lse = attn.flash %query, %key, %value {scale = 0.5, mask = #attn.causal}
      : tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>
      -> tensor<?x?x?x8xf32>, tensor<?x?x1xf32>
  return %output, %lse : tensor<?x?x?x8xf32>, tensor<?x?x1xf32>
}

// -----

// expected-error @below {{function 'joined_values' cannot become a tile program: the value of attn.flash stands in several arguments}}
func.func @joined_values(%query: tensor<?x?x4x8xf32> {attn.name = "query"},
                         %latent: tensor<?x?x6xf32> {attn.name = "latent"},
                         %rope_key: tensor<?x?x2xf32> {attn.name = "rope_key"})
    -> (tensor<?x?x4x8xf32> {attn.name = "output"},
        tensor<?x?x4xf32> {attn.name = "lse"}) {
  %left = attn.expand %latent {dim = 2} : tensor<?x?x6xf32> -> tensor<?x?x1x6xf32>
  %right = attn.expand %rope_key {dim = 2} : tensor<?x?x2xf32> -> tensor<?x?x1x2xf32>
  %key = attn.concat %left, %right {dim = 3}
      : tensor<?x?x1x6xf32>, tensor<?x?x1x2xf32> -> tensor<?x?x1x8xf32>
  %output, %lse = attn.flash %query, %key, %key {scale = 0.5, mask = #attn.causal}
      : tensor<?x?x4x8xf32>, tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>
      -> tensor<?x?x4x8xf32>, tensor<?x?x4xf32>
  return %output, %lse : tensor<?x?x4x8xf32>, tensor<?x?x4xf32>
}

// -----

// expected-error @below {{function 'other_user' cannot become a tile program: it holds other operations than one attn.flash}}
func.func @other_user(%query: tensor<?x?x4x8xf32> {attn.name = "query"},
                      %latent: tensor<?x?x8xf32> {attn.name = "latent"})
    -> (tensor<?x?x4x8xf32> {attn.name = "output"},
        tensor<?x?x1x8xf32> {attn.name = "lse"}) {
  %key = attn.expand %latent {dim = 2} : tensor<?x?x8xf32> -> tensor<?x?x1x8xf32>
  %output, %lse = attn.flash %query, %key, %key {scale = 0.5, mask = #attn.causal}
      : tensor<?x?x4x8xf32>, tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>
      -> tensor<?x?x4x8xf32>, tensor<?x?x4xf32>
  return %output, %key : tensor<?x?x4x8xf32>, tensor<?x?x1x8xf32>
}
