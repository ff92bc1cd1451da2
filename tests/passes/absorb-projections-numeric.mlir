// RUN: attn-opt %s --attn-absorb-projections=form=absorbed --attn-form-flash \
// RUN:   --verify-each-numeric | FileCheck %s

// Both forms are one function, for every spelling of the heads: the interpreter
// compares them.

// Split before the reshape; the rotated part in front; expanded without a head.
// CHECK-LABEL: func.func @split_before
// CHECK: attn.head_linear %{{.+}}, %{{.+}} {transposed} : tensor<2x3x4x6xf32>, tensor<4x6x8xf32>
// CHECK: attn.flash
// CHECK: attn.head_linear %output, %{{.+}} : tensor<2x3x4x8xf32>, tensor<4x5x8xf32>
// CHECK-NOT: attn.linear
func.func @split_before(%query: tensor<2x3x4x8xf32>, %latent: tensor<2x7x8xf32>,
                        %rope: tensor<2x7x2xf32>, %weight: tensor<44x8xf32>)
    -> tensor<2x3x4x5xf32> {
  %kv = attn.linear %latent, %weight
      : tensor<2x7x8xf32>, tensor<44x8xf32> -> tensor<2x7x44xf32>
  %k = attn.slice %kv {dim = 2, offset = 0} : tensor<2x7x44xf32> -> tensor<2x7x24xf32>
  %v = attn.slice %kv {dim = 2, offset = 24} : tensor<2x7x44xf32> -> tensor<2x7x20xf32>
  %nope = attn.unflatten %k {dim = 2} : tensor<2x7x24xf32> -> tensor<2x7x4x6xf32>
  %value = attn.unflatten %v {dim = 2} : tensor<2x7x20xf32> -> tensor<2x7x4x5xf32>
  %ropes = attn.expand %rope {dim = 2} : tensor<2x7x2xf32> -> tensor<2x7x4x2xf32>
  %key = attn.concat %ropes, %nope {dim = 3}
      : tensor<2x7x4x2xf32>, tensor<2x7x4x6xf32> -> tensor<2x7x4x8xf32>
  %score = attn.score %query, %key
      : tensor<2x3x4x8xf32>, tensor<2x7x4x8xf32> -> tensor<2x4x3x7xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.3, mask = #attn.causal}
      : tensor<2x4x3x7xf32> -> tensor<2x4x3x7xf32>, tensor<2x3x4xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<2x4x3x7xf32>, tensor<2x7x4x5xf32> -> tensor<2x3x4x5xf32>
  return %output : tensor<2x3x4x5xf32>
}

// Weights [in, out], keys and values apart; heads in front of the sequence.
// CHECK-LABEL: func.func @heads_first
// CHECK: %[[W:.+]] = attn.transpose %{{.+}} {permutation = array<i64: 1, 2, 0>} : tensor<8x4x6xf32> -> tensor<4x6x8xf32>
// CHECK: attn.head_linear %{{.+}}, %[[W]] {transposed}
// CHECK: attn.transpose %{{.+}} {permutation = array<i64: 0, 2, 1, 3>} : tensor<2x1x7x2xf32> -> tensor<2x7x1x2xf32>
// CHECK: attn.flash
// CHECK-NOT: attn.matmul
func.func @heads_first(%query: tensor<2x3x4x8xf32>, %latent: tensor<2x7x8xf32>,
                       %rope: tensor<2x1x7x2xf32>, %key_weight: tensor<8x24xf32>,
                       %value_weight: tensor<8x20xf32>) -> tensor<2x3x4x5xf32> {
  %k = attn.matmul %latent, %key_weight
      : tensor<2x7x8xf32>, tensor<8x24xf32> -> tensor<2x7x24xf32>
  %kh = attn.unflatten %k {dim = 2} : tensor<2x7x24xf32> -> tensor<2x7x4x6xf32>
  %nope = attn.transpose %kh {permutation = array<i64: 0, 2, 1, 3>}
      : tensor<2x7x4x6xf32> -> tensor<2x4x7x6xf32>
  %ropes = attn.repeat_interleave %rope {times = 4, dim = 1}
      : tensor<2x1x7x2xf32> -> tensor<2x4x7x2xf32>
  %joined = attn.concat %nope, %ropes {dim = 3}
      : tensor<2x4x7x6xf32>, tensor<2x4x7x2xf32> -> tensor<2x4x7x8xf32>
  %key = attn.transpose %joined {permutation = array<i64: 0, 2, 1, 3>}
      : tensor<2x4x7x8xf32> -> tensor<2x7x4x8xf32>
  %v = attn.matmul %latent, %value_weight
      : tensor<2x7x8xf32>, tensor<8x20xf32> -> tensor<2x7x20xf32>
  %vt = attn.transpose %v {permutation = array<i64: 0, 2, 1>}
      : tensor<2x7x20xf32> -> tensor<2x20x7xf32>
  %vh = attn.unflatten %vt {dim = 1} : tensor<2x20x7xf32> -> tensor<2x4x5x7xf32>
  %value = attn.transpose %vh {permutation = array<i64: 0, 3, 1, 2>}
      : tensor<2x4x5x7xf32> -> tensor<2x7x4x5xf32>
  %score = attn.score %query, %key
      : tensor<2x3x4x8xf32>, tensor<2x7x4x8xf32> -> tensor<2x4x3x7xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.3, mask = #attn.bidirectional}
      : tensor<2x4x3x7xf32> -> tensor<2x4x3x7xf32>, tensor<2x3x4xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<2x4x3x7xf32>, tensor<2x7x4x5xf32> -> tensor<2x3x4x5xf32>
  return %output : tensor<2x3x4x5xf32>
}

// Compressed queries whose parts are joined after the rotation; repeated by
// expand and flatten.
// CHECK-LABEL: func.func @compressed_queries
// CHECK: %[[QUERIES:.+]] = attn.unflatten
// CHECK: %[[NOPE:.+]] = attn.slice %[[QUERIES]] {dim = 3, offset = 0}
// CHECK: %[[ROTATED:.+]] = attn.rope
// CHECK: %[[ABSORBED:.+]] = attn.head_linear %[[NOPE]]
// CHECK: attn.concat %[[ABSORBED]], %[[ROTATED]]
// CHECK: attn.flash
func.func @compressed_queries(
    %row: tensor<2x3x10xf32>, %latent: tensor<2x7x8xf32>, %rope: tensor<2x7x1x2xf32>,
    %query_weight: tensor<32x10xf32>, %weight: tensor<44x8xf32>) -> tensor<2x3x4x5xf32> {
  %q = attn.linear %row, %query_weight
      : tensor<2x3x10xf32>, tensor<32x10xf32> -> tensor<2x3x32xf32>
  %queries = attn.unflatten %q {dim = 2} : tensor<2x3x32xf32> -> tensor<2x3x4x8xf32>
  %query_nope = attn.slice %queries {dim = 3, offset = 0} : tensor<2x3x4x8xf32> -> tensor<2x3x4x6xf32>
  %query_rope = attn.slice %queries {dim = 3, offset = 6} : tensor<2x3x4x8xf32> -> tensor<2x3x4x2xf32>
  %rotated = attn.rope %query_rope {position = #attn.rope<theta = 1.0e4, pairing = interleaved>}
      : tensor<2x3x4x2xf32>
  %query = attn.concat %query_nope, %rotated {dim = 3}
      : tensor<2x3x4x6xf32>, tensor<2x3x4x2xf32> -> tensor<2x3x4x8xf32>
  %kv = attn.linear %latent, %weight
      : tensor<2x7x8xf32>, tensor<44x8xf32> -> tensor<2x7x44xf32>
  %heads = attn.unflatten %kv {dim = 2} : tensor<2x7x44xf32> -> tensor<2x7x4x11xf32>
  %nope = attn.slice %heads {dim = 3, offset = 5} : tensor<2x7x4x11xf32> -> tensor<2x7x4x6xf32>
  %value = attn.slice %heads {dim = 3, offset = 0} : tensor<2x7x4x11xf32> -> tensor<2x7x4x5xf32>
  %five = attn.expand %rope {dim = 3} : tensor<2x7x1x2xf32> -> tensor<2x7x1x4x2xf32>
  %ropes = attn.flatten %five {dim = 2} : tensor<2x7x1x4x2xf32> -> tensor<2x7x4x2xf32>
  %key = attn.concat %nope, %ropes {dim = 3}
      : tensor<2x7x4x6xf32>, tensor<2x7x4x2xf32> -> tensor<2x7x4x8xf32>
  %score = attn.score %query, %key
      : tensor<2x3x4x8xf32>, tensor<2x7x4x8xf32> -> tensor<2x4x3x7xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.3, softcap = 2.0, mask = #attn.causal}
      : tensor<2x4x3x7xf32> -> tensor<2x4x3x7xf32>, tensor<2x3x4xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<2x4x3x7xf32>, tensor<2x7x4x5xf32> -> tensor<2x3x4x5xf32>
  return %output : tensor<2x3x4x5xf32>
}

// No rotated part at all.
// CHECK-LABEL: func.func @projected_keys
// CHECK: attn.flash %projected, %expanded, %expanded
func.func @projected_keys(%query: tensor<2x3x4x6xf32>, %latent: tensor<2x7x8xf32>,
                          %weight: tensor<44x8xf32>) -> tensor<2x3x4x5xf32> {
  %kv = attn.linear %latent, %weight
      : tensor<2x7x8xf32>, tensor<44x8xf32> -> tensor<2x7x44xf32>
  %heads = attn.unflatten %kv {dim = 2} : tensor<2x7x44xf32> -> tensor<2x7x4x11xf32>
  %key = attn.slice %heads {dim = 3, offset = 0} : tensor<2x7x4x11xf32> -> tensor<2x7x4x6xf32>
  %value = attn.slice %heads {dim = 3, offset = 6} : tensor<2x7x4x11xf32> -> tensor<2x7x4x5xf32>
  %score = attn.score %query, %key
      : tensor<2x3x4x6xf32>, tensor<2x7x4x6xf32> -> tensor<2x4x3x7xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.3, mask = #attn.causal}
      : tensor<2x4x3x7xf32> -> tensor<2x4x3x7xf32>, tensor<2x3x4xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<2x4x3x7xf32>, tensor<2x7x4x5xf32> -> tensor<2x3x4x5xf32>
  return %output : tensor<2x3x4x5xf32>
}

// A single head shares its rotated part with no other, and repeats nothing.
// CHECK-LABEL: func.func @single_head
// CHECK: attn.head_linear
// CHECK: attn.concat %{{.+}}, %arg2 {dim = 3}
// CHECK: attn.flash
func.func @single_head(%query: tensor<2x3x1x8xf32>, %latent: tensor<2x7x8xf32>,
                       %rope: tensor<2x7x1x2xf32>, %weight: tensor<11x8xf32>)
    -> tensor<2x3x1x5xf32> {
  %kv = attn.linear %latent, %weight
      : tensor<2x7x8xf32>, tensor<11x8xf32> -> tensor<2x7x11xf32>
  %heads = attn.unflatten %kv {dim = 2} : tensor<2x7x11xf32> -> tensor<2x7x1x11xf32>
  %nope = attn.slice %heads {dim = 3, offset = 0} : tensor<2x7x1x11xf32> -> tensor<2x7x1x6xf32>
  %value = attn.slice %heads {dim = 3, offset = 6} : tensor<2x7x1x11xf32> -> tensor<2x7x1x5xf32>
  %key = attn.concat %nope, %rope {dim = 3}
      : tensor<2x7x1x6xf32>, tensor<2x7x1x2xf32> -> tensor<2x7x1x8xf32>
  %score = attn.score %query, %key
      : tensor<2x3x1x8xf32>, tensor<2x7x1x8xf32> -> tensor<2x1x3x7xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.3, mask = #attn.causal}
      : tensor<2x1x3x7xf32> -> tensor<2x1x3x7xf32>, tensor<2x3x1xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<2x1x3x7xf32>, tensor<2x7x1x5xf32> -> tensor<2x3x1x5xf32>
  return %output : tensor<2x3x1x5xf32>
}
