// RUN: attn-opt %s --attn-fuse | FileCheck %s
// RUN: attn-opt %s --attn-fuse="scopes=core,attend" \
// RUN:   | FileCheck %s --check-prefix=BOTH
// RUN: attn-opt %s --attn-fuse="scopes=attend steps=false" \
// RUN:   | FileCheck %s --check-prefix=WHOLE
// RUN: attn-opt %s --attn-fuse="form=expanded" \
// RUN:   | FileCheck %s --check-prefix=EXPANDED

// The stages of attnc compile, in their order, as one pipeline of attn-opt.

// CHECK-LABEL: func.func @gqa_core(
// CHECK: attn.flash
// CHECK-LABEL: func.func @mla_expanded_core(
// CHECK-LABEL: func.func @mla_absorbed_core(
// CHECK-LABEL: func.func @spelled(
// CHECK: attn.head_linear
// CHECK: attn.flash
// CHECK: attn.head_linear

// BOTH: func.func @gqa_core(
// BOTH: func.func @gqa_attend(
// BOTH: func.func @mla_absorb_query_attend(

// WHOLE-NOT: _core(
// WHOLE-NOT: func.func @mla_absorb_query_attend(
// WHOLE: func.func @mla_attend_decode(

// EXPANDED-LABEL: func.func @spelled(
// EXPANDED-NOT: attn.head_linear
// EXPANDED: attn.flash

attn.grouped @gqa {hidden = 64, heads = 8, kv_heads = 2, head_dim = 8,
    layers = array<i64: 0>, mask = #attn.causal}
attn.latent @mla {hidden = 64, heads = 4, kv_rank = 32, nope_dim = 16,
    rope_dim = 8, value_dim = 16, layers = array<i64: 1>,
    position = #attn.rope<theta = 1.0e4>, mask = #attn.causal}

func.func @spelled(%row: tensor<1x1x1536xf32>, %query_weight: tensor<24576x1536xf32>,
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
