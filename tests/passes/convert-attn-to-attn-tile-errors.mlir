// RUN: attn-opt %s --convert-attn-to-attn-tile --split-input-file --verify-diagnostics

// What cannot become a program is named with the reason.

func.func @unfused(%score: tensor<?x4x?x?xf32> {attn.name = "score"})
    -> (tensor<?x4x?x?xf32> {attn.name = "output"}) {
  // expected-error @below {{'attn.softmax' op is compiled as a part of 'attn.flash' alone: the remarks of attn-form-flash say why it stays}}
  %weights = attn.softmax %score : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>
  return %weights : tensor<?x4x?x?xf32>
}

// -----

// expected-error @below {{function 'nameless' cannot become a tile program: argument 0 has no name: give it an attn.name, such as "query"}}
func.func @nameless(%query: tensor<?x?x1x8xf32>, %key: tensor<?x?x1x8xf32>,
                    %value: tensor<?x?x1x8xf32>)
    -> (tensor<?x?x1x8xf32>, tensor<?x?x1xf32>) {
  %output, %lse = attn.flash %query, %key, %value {scale = 0.5, mask = #attn.causal}
      : tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>
      -> tensor<?x?x1x8xf32>, tensor<?x?x1xf32>
  return %output, %lse : tensor<?x?x1x8xf32>, tensor<?x?x1xf32>
}

// -----

func.func @dynamic_heads(%query: tensor<?x?x?x8xf32> {attn.name = "query"},
                         %key: tensor<?x?x?x8xf32> {attn.name = "key"},
                         %value: tensor<?x?x?x8xf32> {attn.name = "value"})
    -> (tensor<?x?x?x8xf32> {attn.name = "output"},
        tensor<?x?x?xf32> {attn.name = "lse"}) {
  // expected-error @below {{'attn.flash' op has dynamic heads or head sizes: make them static}}
  %output, %lse = attn.flash %query, %key, %value {scale = 0.5, mask = #attn.causal}
      : tensor<?x?x?x8xf32>, tensor<?x?x?x8xf32>, tensor<?x?x?x8xf32>
      -> tensor<?x?x?x8xf32>, tensor<?x?x?xf32>
  return %output, %lse : tensor<?x?x?x8xf32>, tensor<?x?x?xf32>
}

// -----

// expected-error @below {{function 'rank_5' cannot become a tile program: it has a tensor of 5 dimensions, expected 1 to 4}}
func.func @rank_5(%x: tensor<2x2x2x2x2xf32> {attn.name = "x"}) -> (tensor<2x2x2x2x2xf32> {attn.name = "y"}) {
  return %x : tensor<2x2x2x2x2xf32>
}

// -----

// expected-error @below {{function 'no_elements' cannot become a tile program: it has a tensor without elements}}
func.func @no_elements(%x: tensor<2x0xf32> {attn.name = "x"}) -> (tensor<2x0xf32> {attn.name = "y"}) {
  return %x : tensor<2x0xf32>
}

// -----

func.func @dynamic_rows(%x: tensor<2x?xf32> {attn.name = "x"}) -> (tensor<2x?xf32> {attn.name = "y"}) {
  // expected-error @below {{'attn.rms_norm' op has rows of a dynamic size: make the last dimension static}}
  %y = attn.rms_norm %x {eps = 1.0e-6} : tensor<2x?xf32>
  return %y : tensor<2x?xf32>
}

// -----

func.func @dynamic_weight(%x: tensor<2x8xf32> {attn.name = "x"}, %w: tensor<?x8xf32> {attn.name = "w"}) -> (tensor<2x?xf32> {attn.name = "y"}) {
  // expected-error @below {{'attn.linear' op has a weight of a dynamic size: make it static}}
  %y = attn.linear %x, %w : tensor<2x8xf32>, tensor<?x8xf32> -> tensor<2x?xf32>
  return %y : tensor<2x?xf32>
}

// -----

func.func @part_of_dynamic(%x: tensor<?x8xf32> {attn.name = "x"}) -> (tensor<2x8xf32> {attn.name = "y"}) {
  // expected-error @below {{'attn.slice' op takes a part of a dynamic size: make it static}}
  %y = attn.slice %x {dim = 0, offset = 0} : tensor<?x8xf32> -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

// -----

func.func @sometimes_equal(%x: tensor<?x?x8xf32> {attn.name = "x"}, %z: tensor<?x8xf32> {attn.name = "z"}) -> (tensor<?x8xf32> {attn.name = "y"}) {
  %flat = attn.flatten %x {dim = 0} : tensor<?x?x8xf32> -> tensor<?x8xf32>
  // expected-error @below {{'attn.add' op has sizes that agree in some calls only: make them static}}
  %y = attn.add %flat, %z : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// expected-error @below {{function 'four_sizes' cannot become a tile program: argument 0 has a fourth dynamic size, dimension 3: a call counts batch, query_length and kv_capacity, make the others static}}
func.func @four_sizes(%x: tensor<?x?x?x?xf32> {attn.name = "x"}) -> (tensor<?x?x?x?xf32> {attn.name = "y"}) {
  return %x : tensor<?x?x?x?xf32>
}

// -----

// expected-error @below {{function 'flattened_result' cannot become a tile program: a result has a size that no argument has: return it before it is flattened}}
func.func @flattened_result(%x: tensor<?x?x8xf32> {attn.name = "x"}) -> (tensor<?x8xf32> {attn.name = "y"}) {
  %flat = attn.flatten %x {dim = 0} : tensor<?x?x8xf32> -> tensor<?x8xf32>
  return %flat : tensor<?x8xf32>
}

// -----

func.func @enormous(%x: tensor<4xf32> {attn.name = "x"})
    -> (tensor<4294967296x4xf32> {attn.name = "y"}) {
  %wide = attn.expand %x {dim = 0} : tensor<4xf32> -> tensor<4294967296x4xf32>
  // expected-error @below {{'attn.expand' op has a tensor of more than 281474976710656 elements}}
  %wider = attn.expand %wide {dim = 0}
      : tensor<4294967296x4xf32> -> tensor<4294967296x4294967296x4xf32>
  %y = attn.sum %wider {dim = 0}
      : tensor<4294967296x4294967296x4xf32> -> tensor<1x4294967296x4xf32>
  %z = attn.flatten %y {dim = 0}
      : tensor<1x4294967296x4xf32> -> tensor<4294967296x4xf32>
  return %z : tensor<4294967296x4xf32>
}

// -----

// What nothing reads has no sizes that matter.

func.func @dead(%x: tensor<?x8xf32> {attn.name = "x"},
                %q: tensor<?x?x2x8xf32> {attn.name = "q"})
    -> (tensor<?x8xf32> {attn.name = "y"}) {
  %unused = arith.constant 1.0 : f32
  %score = attn.score %q, %q
      : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32> -> tensor<?x2x?x?xf32>
  %y = attn.relu %x : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// expected-error @below {{function 'no_body' cannot become a tile program: it has no body of one block}}
func.func private @no_body(tensor<2x8xf32>) -> tensor<2x8xf32>

// -----

// expected-error @below {{function 'no_rank' cannot become a tile program: it has a value that is not a tensor of known rank}}
func.func @no_rank(%x: tensor<*xf32> {attn.name = "x"}) -> (tensor<*xf32> {attn.name = "y"}) {
  return %x : tensor<*xf32>
}

// -----

// expected-error @below {{function 'doubles' cannot become a tile program: it has elements of type f64, whole functions take f32, f16, bf16, i1 and i32}}
func.func @doubles(%x: tensor<2x8xf64> {attn.name = "x"}) -> (tensor<2x8xf64> {attn.name = "y"}) {
  return %x : tensor<2x8xf64>
}

// -----

func.func @dynamic_cache(%cache: tensor<1x?x?xf32> {attn.name = "cache"},
                         %fresh: tensor<1x1x?xf32> {attn.name = "fresh"},
                         %lengths: tensor<1xi32> {attn.name = "lengths"})
    -> (tensor<1x?x?xf32> {attn.name = "grown"}) {
  // expected-error @below {{'attn.cache_append' op has rows of a dynamic size: give the cache a last dimension of a static size}}
  %grown = attn.cache_append %cache, %fresh lengths(%lengths : tensor<1xi32>)
      : tensor<1x?x?xf32>, tensor<1x1x?xf32>
  return %grown : tensor<1x?x?xf32>
}

// -----

// What takes an argument's place is written there: nothing else may read what
// was there, nor may anything else be what takes it.

// expected-error @below {{function 'updates_by_a_sum' cannot become a tile program: result 0 updates argument 0: expected an 'attn.cache_append' to it, alone}}
func.func @updates_by_a_sum(%x: tensor<2x8xf32> {attn.name = "x"}) -> (tensor<2x8xf32> {attn.updates = "x"}) {
  %y = attn.silu %x : tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

// -----

// expected-error @below {{function 'updates_another' cannot become a tile program: result 1 updates argument 1: expected an 'attn.cache_append' to it, alone}}
func.func @updates_another(%a: tensor<1x4x8xf32> {attn.name = "a"}, %b: tensor<1x4x8xf32> {attn.name = "b"},
                           %x: tensor<1x1x8xf32> {attn.name = "x"}, %n: tensor<1xi32> {attn.name = "n"})
    -> (tensor<1x4x8xf32> {attn.name = "y"}, tensor<1x4x8xf32> {attn.updates = "b"}) {
  %grown = attn.cache_append %a, %x lengths(%n : tensor<1xi32>) : tensor<1x4x8xf32>, tensor<1x1x8xf32>
  %y = attn.silu %b : tensor<1x4x8xf32>
  return %y, %grown : tensor<1x4x8xf32>, tensor<1x4x8xf32>
}

// -----

// expected-error @below {{function 'updates_what_is_read' cannot become a tile program: result 0 updates argument 0: expected an 'attn.cache_append' to it, alone}}
func.func @updates_what_is_read(%a: tensor<1x4x8xf32> {attn.name = "a"}, %x: tensor<1x1x8xf32> {attn.name = "x"},
                                %n: tensor<1xi32> {attn.name = "n"})
    -> (tensor<1x4x8xf32> {attn.updates = "a"}, tensor<1x4x8xf32> {attn.name = "y"}) {
  %grown = attn.cache_append %a, %x lengths(%n : tensor<1xi32>) : tensor<1x4x8xf32>, tensor<1x1x8xf32>
  %y = attn.silu %a : tensor<1x4x8xf32>
  return %grown, %y : tensor<1x4x8xf32>, tensor<1x4x8xf32>
}

// -----

// expected-error @below {{function 'updates_and_returns' cannot become a tile program: result 1 updates argument 0: expected an 'attn.cache_append' to it, alone}}
func.func @updates_and_returns(%a: tensor<1x4x8xf32> {attn.name = "a"}, %x: tensor<1x1x8xf32> {attn.name = "x"},
                               %n: tensor<1xi32> {attn.name = "n"})
    -> (tensor<1x4x8xf32> {attn.name = "y"}, tensor<1x4x8xf32> {attn.updates = "a"}) {
  %grown = attn.cache_append %a, %x lengths(%n : tensor<1xi32>) : tensor<1x4x8xf32>, tensor<1x1x8xf32>
  return %grown, %grown : tensor<1x4x8xf32>, tensor<1x4x8xf32>
}

// -----

func.func @split_dynamic(%x: tensor<?x8xf32> {attn.name = "x"}) -> (tensor<?x2x8xf32> {attn.name = "y"}) {
  // expected-error @below {{'attn.unflatten' op splits a dynamic size: make it static}}
  %y = attn.unflatten %x {dim = 0} : tensor<?x8xf32> -> tensor<?x2x8xf32>
  return %y : tensor<?x2x8xf32>
}

// -----

func.func @joined_dynamic(%x: tensor<?x8xf32> {attn.name = "x"}) -> (tensor<?x8xf32> {attn.name = "y"}) {
  // expected-error @below {{'attn.concat' op joins along a dynamic size: make it static}}
  %y = attn.concat %x, %x {dim = 0} : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @not_ours(%x: tensor<2x8xf32> {attn.name = "x"}) -> (tensor<2x8xf32> {attn.name = "y"}) {
  // expected-error @below {{'arith.negf' op is no operation that a graph is compiled from}}
  %y = arith.negf %x : tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}
