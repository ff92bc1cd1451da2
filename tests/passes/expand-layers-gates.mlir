// RUN: attn-opt %s --attn-expand-layers=scopes=core,attend,layer | FileCheck %s

// A gate is no part of scope core; scope attend takes it as projected, and scope
// layer makes it of the hidden states.

// The projection to queries makes their gates too.

// CHECK-LABEL: func.func @with_queries_core(
// CHECK-NOT: attn.sigmoid

// CHECK-LABEL: func.func @with_queries_attend(
// CHECK-SAME: !h6x16_heads {attn.name = "query"}
// CHECK-SAME: !h2x16_heads {attn.name = "key"}
// CHECK-SAME: !h2x8_heads {attn.name = "value"}
// CHECK-SAME: %[[GATE:[^:]+]]: !h6x8_heads {attn.name = "gate"}
// CHECK-SAME: %[[BIAS:[^:]+]]: tensor<144xf32> {attn.name = "q_proj.bias"}
// CHECK: %[[BIASES:.+]] = attn.unflatten %[[BIAS]] {dim = 0} : tensor<144xf32> -> tensor<6x24xf32>
// CHECK: %[[GATE_BIAS:.+]] = attn.slice %[[BIASES]] {dim = 1, offset = 16} : tensor<6x24xf32> -> tensor<6x8xf32>
// CHECK: attn.slice %[[BIASES]] {dim = 1, offset = 0} : tensor<6x24xf32> -> tensor<6x16xf32>
// CHECK: %[[BIASED:.+]] = attn.add %[[GATE]], %[[GATE_BIAS]]
// CHECK: %[[CONTEXT:.+]] = attn.weighted_sum
// CHECK: %[[FACTOR:.+]] = attn.sigmoid %[[BIASED]]
// CHECK: %[[OUTPUT:.+]] = attn.mul %[[CONTEXT]], %[[FACTOR]] : !h6x8_heads, !h6x8_heads -> !h6x8_heads
// CHECK: return %{{.+}}, %{{.+}}, %[[OUTPUT]]

// CHECK-LABEL: func.func @with_queries_layer(
// CHECK-SAME: tensor<144x40xf32> {attn.name = "q_proj.weight"}
// CHECK-SAME: tensor<40x48xf32> {attn.name = "o_proj.weight"}
// CHECK: %[[HEADS:.+]] = attn.unflatten %{{.+}} {dim = 2} : !h144_rows -> !h6x24_heads
// CHECK: %[[GATE:.+]] = attn.slice %[[HEADS]] {dim = 3, offset = 16} : !h6x24_heads -> !h6x8_heads
// CHECK: attn.slice %[[HEADS]] {dim = 3, offset = 0} : !h6x24_heads -> !h6x16_heads
// CHECK: attn.sigmoid %[[GATE]]
attn.grouped @with_queries {
  hidden = 40, heads = 6, kv_heads = 2, head_dim = 16, value_dim = 8,
  layers = [0], qkv_bias, mask = #attn.causal, gate = #attn.gate}

// Of each key/value head three queries with their gates, a key and a value.

// CHECK-LABEL: func.func @packed_layer(
// CHECK-SAME: tensor<166x40xf32> {attn.name = "qkv.weight"}
// CHECK: %[[GROUPS:.+]] = attn.unflatten %{{.+}} {dim = 2} : !h166_rows -> !h2x83_heads
// CHECK: %[[QUERIES:.+]] = attn.slice %[[GROUPS]] {dim = 3, offset = 0} : !h2x83_heads -> !h2x51_heads
// CHECK: attn.unflatten %[[QUERIES]] {dim = 3} : !h2x51_heads -> tensor<?x?x2x3x17xf32>
// CHECK: attn.slice %[[GROUPS]] {dim = 3, offset = 51} : !h2x83_heads -> !h2x16_heads
// CHECK: attn.slice %[[GROUPS]] {dim = 3, offset = 67} : !h2x83_heads -> !h2x16_heads
// CHECK: %[[GATE:.+]] = attn.slice %{{.+}} {dim = 3, offset = 16} : !h6x17_heads -> !h6x1_heads
// CHECK: %[[FACTOR:.+]] = attn.silu %[[GATE]]
// CHECK: attn.mul %{{.+}}, %[[FACTOR]] : !h6x16_heads, !h6x1_heads -> !h6x16_heads
attn.grouped @packed {
  hidden = 40, heads = 6, kv_heads = 2, head_dim = 16, layers = [1],
  projections = #attn.projections<packed = "qkv", packing = grouped>,
  mask = #attn.causal, gate = #attn.gate<function = silu, span = head>}

// A projection of its own, with a bias though the others have none.

// CHECK-LABEL: func.func @own_attend(
// CHECK-SAME: %[[GATE:[^:]+]]: !h6x1_heads {attn.name = "gate"}
// CHECK-SAME: %[[BIAS:[^:]+]]: tensor<6xf32> {attn.name = "g_proj.bias"})
// CHECK: %[[BIASES:.+]] = attn.unflatten %[[BIAS]] {dim = 0} : tensor<6xf32> -> tensor<6x1xf32>
// CHECK: %[[BIASED:.+]] = attn.add %[[GATE]], %[[BIASES]]
// CHECK: attn.tanh %[[BIASED]]

// CHECK-LABEL: func.func @own_layer(
// CHECK-SAME: {attn.name = "v_proj.weight"}
// CHECK-SAME: %[[W:[^:]+]]: tensor<6x40xf32> {attn.name = "g_proj.weight"}
// CHECK-SAME: %[[BIAS:[^:]+]]: tensor<6xf32> {attn.name = "g_proj.bias"}
// CHECK-SAME: {attn.name = "o_proj.weight"})
// CHECK: %[[ROWS:.+]] = attn.linear %{{.+}}, %[[W]] bias(%[[BIAS]]
// CHECK: %[[GATE:.+]] = attn.unflatten %[[ROWS]] {dim = 2} : !h6_rows -> !h6x1_heads
// CHECK: attn.tanh %[[GATE]]
attn.grouped @own {
  hidden = 40, heads = 6, kv_heads = 2, head_dim = 16, layers = [2],
  mask = #attn.causal,
  gate = #attn.gate<function = tanh, span = head, projection = "g_proj", bias = true>}
