// RUN: attn-opt %s --attn-expand-layers=scopes=core,attend,layer | FileCheck %s

// A bias of positions is the same step in all scopes, before the mask and with
// its lengths; the table of learned biases is an argument.

// CHECK-LABEL: func.func @alibi_core(
// CHECK-SAME: %[[LENGTHS:[^:]+]]: tensor<?xi32> {attn.name = "kv_lengths"})
// CHECK: %[[SCALED:.+]] = attn.scale
// CHECK: %[[CAPPED:.+]] = attn.softcap %[[SCALED]]
// CHECK: %[[BIASED:.+]] = attn.position_bias %[[CAPPED]] lengths(%[[LENGTHS]] : tensor<?xi32>) {bias = #attn.alibi<distance = key>}
// CHECK: attn.mask %[[BIASED]] lengths(%[[LENGTHS]]

// CHECK-LABEL: func.func @alibi_attend(
// CHECK: attn.position_bias %{{.+}} lengths(%{{.+}} : tensor<?xi32>) {bias = #attn.alibi<distance = key>}

// CHECK-LABEL: func.func @alibi_layer(
// CHECK: attn.position_bias %{{.+}} lengths(%{{.+}} : tensor<?xi32>) {bias = #attn.alibi<distance = key>}
attn.grouped @alibi {
  hidden = 40, heads = 6, kv_heads = 2, head_dim = 16, layers = [0],
  softcap = 30.0, position_bias = #attn.alibi<distance = key>,
  mask = #attn.causal}

// CHECK-LABEL: func.func @buckets_core(
// CHECK-SAME: {attn.name = "kv_lengths"}
// CHECK-SAME: {attn.name = "sinks"}
// CHECK-SAME: %[[TABLE:[^:]+]]: tensor<32x6xf32> {attn.name = "bias_table"})
// CHECK: attn.position_bias %{{.+}} lengths(%{{.+}} : tensor<?xi32>) table(%[[TABLE]] : tensor<32x6xf32>)

// CHECK-LABEL: func.func @buckets_attend(
// CHECK-SAME: {attn.name = "kv_lengths"}
// CHECK-SAME: {attn.name = "sinks"}
// CHECK-SAME: tensor<32x6xf32> {attn.name = "bias_table"})

// CHECK-LABEL: func.func @buckets_layer(
// CHECK-SAME: tensor<32x6xf32> {attn.name = "bias_table"}
// CHECK-SAME: {attn.name = "q_proj.weight"}
attn.grouped @buckets {
  hidden = 40, heads = 6, kv_heads = 2, head_dim = 16, layers = [1], sinks,
  position_bias = #attn.buckets<count = 32, max_distance = 128, bidirectional = true>,
  mask = #attn.bidirectional}
