// RUN: attn-opt %s --attn-absorb-projections --remarks-filter='.*' \
// RUN:   --remark-format=emitRemark 2>&1 >/dev/null | FileCheck %s
// RUN: attn-opt %s --attn-absorb-projections=form=expanded --remarks-filter='.*' \
// RUN:   --remark-format=emitRemark 2>&1 >/dev/null | FileCheck %s --check-prefix=FORCED

// The remark has the numbers that decided; what only looks like latent
// attention says what keeps it from being that.

// Weights: 128 * 128 * (1536 + 512) apart, 128 * 1536 * 512 together.
// CHECK: [Missed] attn-absorb-projections
// CHECK-SAME: Function=decode
// CHECK-SAME: weights of queries and keys stay two factors of 33554432 elements: their product has 100663296
// CHECK: [Passed] attn-absorb-projections
// CHECK-SAME: Function=decode
// CHECK-SAME: absorbed the projections of keys and values: a call of 1 query tokens on 4096 keys takes 1174405120 FLOPs and 76546048 bytes absorbed and 137774497792 FLOPs and 1418723328 bytes expanded; absorbed has fewer FLOPs below 163.8 query tokens, 170.7 on ever more keys
// FORCED: Function=decode
// FORCED-SAME: the option form asks for expanded keys and values
func.func @decode(%row: tensor<1x1x1536xf32>, %query_weight: tensor<24576x1536xf32>,
                  %latent: tensor<1x4096x512xf32>, %rope: tensor<1x4096x1x64xf32>,
                  %weight: tensor<32768x512xf32>) -> tensor<1x1x128x128xf32> {
  %q = attn.linear %row, %query_weight
      : tensor<1x1x1536xf32>, tensor<24576x1536xf32> -> tensor<1x1x24576xf32>
  %query = attn.unflatten %q {dim = 2} : tensor<1x1x24576xf32> -> tensor<1x1x128x192xf32>
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
  return %output : tensor<1x1x128x128xf32>
}

// The same with tensors of 16 bits: half the bytes.
// CHECK: [Passed] attn-absorb-projections
// CHECK-SAME: Function=decode_halves
// CHECK-SAME: a call of 1 query tokens on 4096 keys takes 1174405120 FLOPs and 38273024 bytes absorbed and 137774497792 FLOPs and 709361664 bytes expanded
func.func @decode_halves(%row: tensor<1x1x1536xf16>, %query_weight: tensor<24576x1536xf16>,
                  %latent: tensor<1x4096x512xf16>, %rope: tensor<1x4096x1x64xf16>,
                  %weight: tensor<32768x512xf16>) -> tensor<1x1x128x128xf16> {
  %q = attn.linear %row, %query_weight
      : tensor<1x1x1536xf16>, tensor<24576x1536xf16> -> tensor<1x1x24576xf16>
  %query = attn.unflatten %q {dim = 2} : tensor<1x1x24576xf16> -> tensor<1x1x128x192xf16>
  %kv = attn.linear %latent, %weight
      : tensor<1x4096x512xf16>, tensor<32768x512xf16> -> tensor<1x4096x32768xf16>
  %heads = attn.unflatten %kv {dim = 2}
      : tensor<1x4096x32768xf16> -> tensor<1x4096x128x256xf16>
  %nope = attn.slice %heads {dim = 3, offset = 0}
      : tensor<1x4096x128x256xf16> -> tensor<1x4096x128x128xf16>
  %value = attn.slice %heads {dim = 3, offset = 128}
      : tensor<1x4096x128x256xf16> -> tensor<1x4096x128x128xf16>
  %ropes = attn.repeat_kv %rope {times = 128}
      : tensor<1x4096x1x64xf16> -> tensor<1x4096x128x64xf16>
  %key = attn.concat %nope, %ropes {dim = 3}
      : tensor<1x4096x128x128xf16>, tensor<1x4096x128x64xf16> -> tensor<1x4096x128x192xf16>
  %score = attn.score %query, %key
      : tensor<1x1x128x192xf16>, tensor<1x4096x128x192xf16> -> tensor<1x128x1x4096xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.135, mask = #attn.causal}
      : tensor<1x128x1x4096xf32> -> tensor<1x128x1x4096xf32>, tensor<1x1x128xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<1x128x1x4096xf32>, tensor<1x4096x128x128xf16> -> tensor<1x1x128x128xf16>
  return %output : tensor<1x1x128x128xf16>
}

// CHECK: [Missed] attn-absorb-projections
// CHECK-SAME: Function=prefill
// CHECK-SAME: keys and values stay expanded: a call of 2048 query tokens on 2048 keys takes {{[0-9]+}} FLOPs and {{[0-9]+}} bytes absorbed and {{[0-9]+}} FLOPs and {{[0-9]+}} bytes expanded; absorbed has fewer FLOPs below 157.5 query tokens
func.func @prefill(%query: tensor<1x2048x16x128xf32>, %latent: tensor<1x2048x512xf32>,
                   %weight: tensor<4096x512xf32>) -> tensor<1x2048x16x128xf32> {
  %kv = attn.linear %latent, %weight
      : tensor<1x2048x512xf32>, tensor<4096x512xf32> -> tensor<1x2048x4096xf32>
  %heads = attn.unflatten %kv {dim = 2} : tensor<1x2048x4096xf32> -> tensor<1x2048x16x256xf32>
  %key = attn.slice %heads {dim = 3, offset = 0}
      : tensor<1x2048x16x256xf32> -> tensor<1x2048x16x128xf32>
  %value = attn.slice %heads {dim = 3, offset = 128}
      : tensor<1x2048x16x256xf32> -> tensor<1x2048x16x128xf32>
  %score = attn.score %query, %key
      : tensor<1x2048x16x128xf32>, tensor<1x2048x16x128xf32> -> tensor<1x16x2048x2048xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.1, mask = #attn.causal}
      : tensor<1x16x2048x2048xf32> -> tensor<1x16x2048x2048xf32>, tensor<1x2048x16xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<1x16x2048x2048xf32>, tensor<1x2048x16x128xf32> -> tensor<1x2048x16x128xf32>
  return %output : tensor<1x2048x16x128xf32>
}

// CHECK: [Missed] attn-absorb-projections
// CHECK-SAME: Function=used_twice
// CHECK-SAME: the projection is needed by 'func.return' too
func.func @used_twice(%query: tensor<1x1x4x6xf32>, %latent: tensor<1x64x8xf32>,
                      %weight: tensor<44x8xf32>)
    -> (tensor<1x1x4x5xf32>, tensor<1x64x4x5xf32>) {
  %kv = attn.linear %latent, %weight
      : tensor<1x64x8xf32>, tensor<44x8xf32> -> tensor<1x64x44xf32>
  %heads = attn.unflatten %kv {dim = 2} : tensor<1x64x44xf32> -> tensor<1x64x4x11xf32>
  %key = attn.slice %heads {dim = 3, offset = 0} : tensor<1x64x4x11xf32> -> tensor<1x64x4x6xf32>
  %value = attn.slice %heads {dim = 3, offset = 6} : tensor<1x64x4x11xf32> -> tensor<1x64x4x5xf32>
  %score = attn.score %query, %key
      : tensor<1x1x4x6xf32>, tensor<1x64x4x6xf32> -> tensor<1x4x1x64xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.3, mask = #attn.causal}
      : tensor<1x4x1x64xf32> -> tensor<1x4x1x64xf32>, tensor<1x1x4xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<1x4x1x64xf32>, tensor<1x64x4x5xf32> -> tensor<1x1x4x5xf32>
  return %output, %value : tensor<1x1x4x5xf32>, tensor<1x64x4x5xf32>
}

// One product for queries, keys and values stays for the queries.
// CHECK: [Missed] attn-absorb-projections
// CHECK-SAME: Function=queries_too
// CHECK-SAME: the projection is needed by 'attn.score' too
func.func @queries_too(%x: tensor<1x64x8xf32>, %weight: tensor<68x8xf32>)
    -> tensor<1x64x4x5xf32> {
  %qkv = attn.linear %x, %weight
      : tensor<1x64x8xf32>, tensor<68x8xf32> -> tensor<1x64x68xf32>
  %heads = attn.unflatten %qkv {dim = 2} : tensor<1x64x68xf32> -> tensor<1x64x4x17xf32>
  %query = attn.slice %heads {dim = 3, offset = 0} : tensor<1x64x4x17xf32> -> tensor<1x64x4x6xf32>
  %key = attn.slice %heads {dim = 3, offset = 6} : tensor<1x64x4x17xf32> -> tensor<1x64x4x6xf32>
  %value = attn.slice %heads {dim = 3, offset = 12} : tensor<1x64x4x17xf32> -> tensor<1x64x4x5xf32>
  %score = attn.score %query, %key
      : tensor<1x64x4x6xf32>, tensor<1x64x4x6xf32> -> tensor<1x4x64x64xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.3, mask = #attn.causal}
      : tensor<1x4x64x64xf32> -> tensor<1x4x64x64xf32>, tensor<1x64x4xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<1x4x64x64xf32>, tensor<1x64x4x5xf32> -> tensor<1x64x4x5xf32>
  return %output : tensor<1x64x4x5xf32>
}

// CHECK: [Missed] attn-absorb-projections
// CHECK-SAME: Function=rope_by_head
// CHECK-SAME: the key's other part differs by head: it comes from 'attn.rope'
func.func @rope_by_head(%query: tensor<1x1x4x8xf32>, %latent: tensor<1x64x8xf32>,
                        %rope: tensor<1x64x4x2xf32>, %weight: tensor<44x8xf32>)
    -> tensor<1x1x4x5xf32> {
  %kv = attn.linear %latent, %weight
      : tensor<1x64x8xf32>, tensor<44x8xf32> -> tensor<1x64x44xf32>
  %heads = attn.unflatten %kv {dim = 2} : tensor<1x64x44xf32> -> tensor<1x64x4x11xf32>
  %nope = attn.slice %heads {dim = 3, offset = 0} : tensor<1x64x4x11xf32> -> tensor<1x64x4x6xf32>
  %value = attn.slice %heads {dim = 3, offset = 6} : tensor<1x64x4x11xf32> -> tensor<1x64x4x5xf32>
  %rotated = attn.rope %rope {position = #attn.rope<theta = 1.0e4>} : tensor<1x64x4x2xf32>
  %key = attn.concat %nope, %rotated {dim = 3}
      : tensor<1x64x4x6xf32>, tensor<1x64x4x2xf32> -> tensor<1x64x4x8xf32>
  %score = attn.score %query, %key
      : tensor<1x1x4x8xf32>, tensor<1x64x4x8xf32> -> tensor<1x4x1x64xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.3, mask = #attn.causal}
      : tensor<1x4x1x64xf32> -> tensor<1x4x1x64xf32>, tensor<1x1x4xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<1x4x1x64xf32>, tensor<1x64x4x5xf32> -> tensor<1x1x4x5xf32>
  return %output : tensor<1x1x4x5xf32>
}

// CHECK: [Missed] attn-absorb-projections
// CHECK-SAME: Function=no_shared_latent
// CHECK-SAME: key and value are projected from different tensors, of an argument and of 'attn.rms_norm'
func.func @no_shared_latent(%query: tensor<1x1x4x6xf32>, %latent: tensor<1x64x8xf32>,
                            %key_weight: tensor<24x8xf32>, %value_weight: tensor<20x8xf32>)
    -> tensor<1x1x4x5xf32> {
  %k = attn.linear %latent, %key_weight
      : tensor<1x64x8xf32>, tensor<24x8xf32> -> tensor<1x64x24xf32>
  %key = attn.unflatten %k {dim = 2} : tensor<1x64x24xf32> -> tensor<1x64x4x6xf32>
  %normed = attn.rms_norm %latent {eps = 1.0e-6} : tensor<1x64x8xf32>
  %v = attn.linear %normed, %value_weight
      : tensor<1x64x8xf32>, tensor<20x8xf32> -> tensor<1x64x20xf32>
  %value = attn.unflatten %v {dim = 2} : tensor<1x64x20xf32> -> tensor<1x64x4x5xf32>
  %score = attn.score %query, %key
      : tensor<1x1x4x6xf32>, tensor<1x64x4x6xf32> -> tensor<1x4x1x64xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.3, mask = #attn.causal}
      : tensor<1x4x1x64xf32> -> tensor<1x4x1x64xf32>, tensor<1x1x4xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<1x4x1x64xf32>, tensor<1x64x4x5xf32> -> tensor<1x1x4x5xf32>
  return %output : tensor<1x1x4x5xf32>
}

// A rotation between the product and the heads is no linear map of them.
// CHECK: [Missed] attn-absorb-projections
// CHECK-SAME: Function=rotated_keys
// CHECK-SAME: the key comes from 'attn.rope', expected heads of a projection
func.func @rotated_keys(%query: tensor<1x1x4x6xf32>, %latent: tensor<1x64x8xf32>,
                        %weight: tensor<44x8xf32>) -> tensor<1x1x4x5xf32> {
  %kv = attn.linear %latent, %weight
      : tensor<1x64x8xf32>, tensor<44x8xf32> -> tensor<1x64x44xf32>
  %heads = attn.unflatten %kv {dim = 2} : tensor<1x64x44xf32> -> tensor<1x64x4x11xf32>
  %k = attn.slice %heads {dim = 3, offset = 0} : tensor<1x64x4x11xf32> -> tensor<1x64x4x6xf32>
  %value = attn.slice %heads {dim = 3, offset = 6} : tensor<1x64x4x11xf32> -> tensor<1x64x4x5xf32>
  %key = attn.rope %k {position = #attn.rope<theta = 1.0e4>} : tensor<1x64x4x6xf32>
  %score = attn.score %query, %key
      : tensor<1x1x4x6xf32>, tensor<1x64x4x6xf32> -> tensor<1x4x1x64xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.3, mask = #attn.causal}
      : tensor<1x4x1x64xf32> -> tensor<1x4x1x64xf32>, tensor<1x1x4xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<1x4x1x64xf32>, tensor<1x64x4x5xf32> -> tensor<1x1x4x5xf32>
  return %output : tensor<1x1x4x5xf32>
}

// The key would be rows of bf16 beside rows of f32.
// CHECK: Function=stored_apart
// CHECK-SAME: the parts of the absorbed key are stored in different types
func.func @stored_apart(%query: tensor<1x1x4x8xf32>, %latent: tensor<1x64x8xbf16>,
                        %rope: tensor<1x64x1x2xf32>, %weight: tensor<44x8xbf16>)
    -> tensor<1x1x4x5xf32> {
  %kv = attn.linear %latent, %weight
      : tensor<1x64x8xbf16>, tensor<44x8xbf16> -> tensor<1x64x44xf32>
  %heads = attn.unflatten %kv {dim = 2} : tensor<1x64x44xf32> -> tensor<1x64x4x11xf32>
  %k = attn.slice %heads {dim = 3, offset = 0} : tensor<1x64x4x11xf32> -> tensor<1x64x4x6xf32>
  %value = attn.slice %heads {dim = 3, offset = 6} : tensor<1x64x4x11xf32> -> tensor<1x64x4x5xf32>
  %shared = attn.repeat_kv %rope {times = 4} : tensor<1x64x1x2xf32> -> tensor<1x64x4x2xf32>
  %key = attn.concat %k, %shared {dim = 3}
      : tensor<1x64x4x6xf32>, tensor<1x64x4x2xf32> -> tensor<1x64x4x8xf32>
  %score = attn.score %query, %key
      : tensor<1x1x4x8xf32>, tensor<1x64x4x8xf32> -> tensor<1x4x1x64xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.3, mask = #attn.causal}
      : tensor<1x4x1x64xf32> -> tensor<1x4x1x64xf32>, tensor<1x1x4xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<1x4x1x64xf32>, tensor<1x64x4x5xf32> -> tensor<1x1x4x5xf32>
  return %output : tensor<1x1x4x5xf32>
}

// Ordinary attention is none of this pass's business.
// CHECK-NOT: Function=ordinary
func.func @ordinary(%query: tensor<1x1x4x6xf32>, %key: tensor<1x64x4x6xf32>,
                    %value: tensor<1x64x4x5xf32>) -> tensor<1x1x4x5xf32> {
  %score = attn.score %query, %key
      : tensor<1x1x4x6xf32>, tensor<1x64x4x6xf32> -> tensor<1x4x1x64xf32>
  %p, %lse = attn.masked_softmax %score {scale = 0.3, mask = #attn.causal}
      : tensor<1x4x1x64xf32> -> tensor<1x4x1x64xf32>, tensor<1x1x4xf32>
  %output = attn.weighted_sum %p, %value
      : tensor<1x4x1x64xf32>, tensor<1x64x4x5xf32> -> tensor<1x1x4x5xf32>
  return %output : tensor<1x1x4x5xf32>
}
