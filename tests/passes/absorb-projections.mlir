// RUN: attn-opt %s --attn-absorb-projections | FileCheck %s
// RUN: attn-opt %s --attn-absorb-projections=form=expanded | FileCheck %s --check-prefix=EXPANDED
// RUN: attn-opt %s --attn-absorb-projections=query-length=2048 | FileCheck %s --check-prefix=PREFILL

// Keys and values that are projected from shared rows go where that is less
// work, however a framework spells the heads.

// DeepSeek-V3's decode step: one product for keys and values, a rotated part
// that is repeated.
// CHECK-LABEL: func.func @decode
// CHECK-SAME: %[[QUERY:[^:]+]]: {{[^,]+}}, %[[LATENT:[^:]+]]: {{[^,]+}}, %[[ROPE:[^:]+]]: {{[^,]+}}, %[[WEIGHT:[^:]+]]:
// EXPANDED-LABEL: func.func @decode
// EXPANDED: attn.linear
// EXPANDED: attn.weighted_sum %{{.+}}, %{{.+}} : tensor<1x128x1x4096xf32>, tensor<1x4096x128x128xf32>
// EXPANDED-NOT: attn.head_linear
// PREFILL-LABEL: func.func @decode
// PREFILL: attn.head_linear
func.func @decode(%query: tensor<1x1x128x192xf32>, %latent: tensor<1x4096x512xf32>,
                  %rope: tensor<1x4096x1x64xf32>, %weight: tensor<32768x512xf32>)
    -> (tensor<1x1x128x128xf32>, tensor<1x1x128xf32>) {
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
  // CHECK: %[[NOPE:.+]] = attn.slice %[[QUERY]] {dim = 3, offset = 0} : {{.+}} -> tensor<1x1x128x128xf32>
  // CHECK: %[[QUERY_ROPE:.+]] = attn.slice %[[QUERY]] {dim = 3, offset = 128} : {{.+}} -> tensor<1x1x128x64xf32>
  // CHECK: %[[HEADS:.+]] = attn.unflatten %[[WEIGHT]] {dim = 0} : {{.+}} -> tensor<128x256x512xf32>
  // CHECK: %[[UP:.+]] = attn.slice %[[HEADS]] {dim = 1, offset = 0} : {{.+}} -> tensor<128x128x512xf32>
  // CHECK: %[[ABSORBED:.+]] = attn.head_linear %[[NOPE]], %[[UP]] {transposed} : {{.+}} -> tensor<1x1x128x512xf32>
  // CHECK: %[[Q:.+]] = attn.concat %[[ABSORBED]], %[[QUERY_ROPE]] {dim = 3} : {{.+}} -> tensor<1x1x128x576xf32>
  // CHECK: %[[HEAD:.+]] = attn.expand %[[LATENT]] {dim = 2} : {{.+}} -> tensor<1x4096x1x512xf32>
  // CHECK: %[[KEY:.+]] = attn.concat %[[HEAD]], %[[ROPE]] {dim = 3} : {{.+}} -> tensor<1x4096x1x576xf32>
  // CHECK: %[[SCORE:.+]] = attn.score %[[Q]], %[[KEY]]
  %score = attn.score %query, %key
      : tensor<1x1x128x192xf32>, tensor<1x4096x128x192xf32> -> tensor<1x128x1x4096xf32>
  // CHECK: %[[P:.+]], %[[LSE:.+]] = attn.masked_softmax %[[SCORE]]
  %p, %lse = attn.masked_softmax %score {scale = 0.135, mask = #attn.causal}
      : tensor<1x128x1x4096xf32> -> tensor<1x128x1x4096xf32>, tensor<1x1x128xf32>
  // CHECK: %[[SUM:.+]] = attn.weighted_sum %[[P]], %[[HEAD]] : {{.+}} -> tensor<1x1x128x512xf32>
  // CHECK: %[[DOWN:.+]] = attn.slice %{{.+}} {dim = 1, offset = 128} : {{.+}} -> tensor<128x128x512xf32>
  // CHECK: %[[OUTPUT:.+]] = attn.head_linear %[[SUM]], %[[DOWN]] : {{.+}} -> tensor<1x1x128x128xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<1x128x1x4096xf32>, tensor<1x4096x128x128xf32> -> tensor<1x1x128x128xf32>
  // CHECK-NOT: attn.linear
  // CHECK: return %[[OUTPUT]], %[[LSE]]
  return %output, %lse : tensor<1x1x128x128xf32>, tensor<1x1x128xf32>
}

// Lengths that are open: the latents are a cache that grew, so that keys may be
// many more than queries. A mask of the call stays that of the scores.
// CHECK-LABEL: func.func @cached
// CHECK-SAME: %[[MASK:[^:]+]]: tensor<?x1x?x?xi1>
// CHECK: %[[ROWS:.+]] = attn.rms_norm
// CHECK: attn.head_linear %{{.+}} {transposed}
// CHECK: attn.expand %[[ROWS]] {dim = 2} : !h512_rows -> !h1x512_heads
// CHECK: attn.masked_softmax %{{.+}} tensor_mask(%[[MASK]] : tensor<?x1x?x?xi1>)
// PREFILL-LABEL: func.func @cached
// PREFILL-NOT: attn.head_linear
// PREFILL: attn.linear
func.func @cached(%query: tensor<?x?x16x128xf32>, %rows: tensor<?x?x512xf32>,
                  %cache: tensor<?x?x512xf32>, %lengths: tensor<?xi32>,
                  %weight: tensor<4096x512xf32>,
                  %mask: tensor<?x1x?x?xi1>) -> tensor<?x?x16x128xf32> {
  %grown = attn.cache_append %cache, %rows lengths(%lengths : tensor<?xi32>)
      : tensor<?x?x512xf32>, tensor<?x?x512xf32>
  %latent = attn.rms_norm %grown {eps = 1.0e-6} : tensor<?x?x512xf32>
  %kv = attn.linear %latent, %weight
      : tensor<?x?x512xf32>, tensor<4096x512xf32> -> tensor<?x?x4096xf32>
  %heads = attn.unflatten %kv {dim = 2} : tensor<?x?x4096xf32> -> tensor<?x?x16x256xf32>
  %key = attn.slice %heads {dim = 3, offset = 0} : tensor<?x?x16x256xf32> -> tensor<?x?x16x128xf32>
  %value = attn.slice %heads {dim = 3, offset = 128} : tensor<?x?x16x256xf32> -> tensor<?x?x16x128xf32>
  %score = attn.score %query, %key
      : tensor<?x?x16x128xf32>, tensor<?x?x16x128xf32> -> tensor<?x16x?x?xf32>
  %p, %lse = attn.masked_softmax %score
      tensor_mask(%mask : tensor<?x1x?x?xi1>) {scale = 0.1, mask = #attn.causal}
      : tensor<?x16x?x?xf32> -> tensor<?x16x?x?xf32>, tensor<?x?x16xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<?x16x?x?xf32>, tensor<?x?x16x128xf32> -> tensor<?x?x16x128xf32>
  return %output : tensor<?x?x16x128xf32>
}

// Queries are made of the same rows: ordinary self-attention.
// CHECK-LABEL: func.func @self_attention
// CHECK-NOT: attn.head_linear
func.func @self_attention(%x: tensor<?x?x32xf32>, %query_weight: tensor<32x32xf32>,
                          %weight: tensor<64x32xf32>) -> tensor<?x?x4x8xf32> {
  %q = attn.linear %x, %query_weight
      : tensor<?x?x32xf32>, tensor<32x32xf32> -> tensor<?x?x32xf32>
  %query = attn.unflatten %q {dim = 2} : tensor<?x?x32xf32> -> tensor<?x?x4x8xf32>
  %kv = attn.linear %x, %weight
      : tensor<?x?x32xf32>, tensor<64x32xf32> -> tensor<?x?x64xf32>
  %heads = attn.unflatten %kv {dim = 2} : tensor<?x?x64xf32> -> tensor<?x?x4x16xf32>
  %key = attn.slice %heads {dim = 3, offset = 0} : tensor<?x?x4x16xf32> -> tensor<?x?x4x8xf32>
  %value = attn.slice %heads {dim = 3, offset = 8} : tensor<?x?x4x16xf32> -> tensor<?x?x4x8xf32>
  %score = attn.score %query, %key
      : tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32> -> tensor<?x4x?x?xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.1, mask = #attn.causal}
      : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>, tensor<?x?x4xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<?x4x?x?xf32>, tensor<?x?x4x8xf32> -> tensor<?x?x4x8xf32>
  return %output : tensor<?x?x4x8xf32>
}

// All of a call's tokens are projected in it: keys are as many as queries, and
// projecting them is less work.
// CHECK-LABEL: func.func @uncached
// CHECK-NOT: attn.head_linear
func.func @uncached(%x: tensor<?x?x64xf32>, %down: tensor<32x64xf32>,
                    %query: tensor<?x?x4x8xf32>, %weight: tensor<64x32xf32>)
    -> tensor<?x?x4x8xf32> {
  %latent = attn.linear %x, %down
      : tensor<?x?x64xf32>, tensor<32x64xf32> -> tensor<?x?x32xf32>
  %kv = attn.linear %latent, %weight
      : tensor<?x?x32xf32>, tensor<64x32xf32> -> tensor<?x?x64xf32>
  %heads = attn.unflatten %kv {dim = 2} : tensor<?x?x64xf32> -> tensor<?x?x4x16xf32>
  %key = attn.slice %heads {dim = 3, offset = 0} : tensor<?x?x4x16xf32> -> tensor<?x?x4x8xf32>
  %value = attn.slice %heads {dim = 3, offset = 8} : tensor<?x?x4x16xf32> -> tensor<?x?x4x8xf32>
  %score = attn.score %query, %key
      : tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32> -> tensor<?x4x?x?xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.1, mask = #attn.causal}
      : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>, tensor<?x?x4xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<?x4x?x?xf32>, tensor<?x?x4x8xf32> -> tensor<?x?x4x8xf32>
  return %output : tensor<?x?x4x8xf32>
}
