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

// expected-error @below {{function 'documents' cannot become a tile program: attn.flash masks by documents, which tiles do not know}}
func.func @documents(%query: tensor<?x?x1x8xf32> {attn.name = "query"},
                     %key: tensor<?x?x1x8xf32> {attn.name = "key"},
                     %value: tensor<?x?x1x8xf32> {attn.name = "value"},
                     %documents: tensor<?x?xi32> {attn.name = "document_ids"})
    -> (tensor<?x?x1x8xf32> {attn.name = "output"},
        tensor<?x?x1xf32> {attn.name = "lse"}) {
  %output, %lse = attn.flash %query, %key, %value
      documents(%documents : tensor<?x?xi32>)
      {scale = 0.5, mask = #attn.all<[#attn.causal, #attn.document]>}
      : tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>
      -> tensor<?x?x1x8xf32>, tensor<?x?x1xf32>
  return %output, %lse : tensor<?x?x1x8xf32>, tensor<?x?x1xf32>
}
