// RUN: attn-opt %s --attn-fuse-masked-softmax --verify-each-numeric | FileCheck %s

// Masks that are tensors are part of the softmax: boolean ones as what they
// show, added ones as they are, both as one.

!s = tensor<2x3x5x7xf32>
!lse = tensor<2x5x3xf32>

// CHECK-LABEL: func.func @hidden
// CHECK-SAME: %[[S:[^:]+]]: {{.+}}, %[[HIDDEN:[^:]+]]:
func.func @hidden(%s: !s, %hidden: tensor<2x1x1x7xi1>) -> !s {
  // CHECK-NEXT: %[[SHOWN:.+]] = attn.not %[[HIDDEN]]
  // CHECK-NEXT: attn.masked_softmax %[[S]] tensor_mask(%[[SHOWN]] : tensor<2x1x1x7xi1>) {scale = 0.5, softcap = 3.0, mask = #attn.causal}
  %c = attn.scale %s {by = 0.5} : !s
  %t = attn.softcap %c {cap = 3.0} : !s
  %f = attn.masked_fill %t, %hidden {value = 0xFFF0000000000000 : f64} : !s, tensor<2x1x1x7xi1>
  %m = attn.mask %f {mask = #attn.causal} : !s
  %p = attn.softmax %m : !s -> !s
  return %p : !s
}

// CHECK-LABEL: func.func @shown
// CHECK-SAME: %[[S:[^:]+]]: {{.+}}, %[[SHOWN:[^:]+]]:
func.func @shown(%s: !s, %shown: tensor<1x3x5x7xi1>) -> !s {
  // CHECK-NEXT: attn.masked_softmax %[[S]] tensor_mask(%[[SHOWN]] : tensor<1x3x5x7xi1>)
  %hidden = attn.not %shown : tensor<1x3x5x7xi1>
  %f = attn.masked_fill %s, %hidden {value = 0xFFF0000000000000 : f64} : !s, tensor<1x3x5x7xi1>
  %p = attn.softmax %f : !s -> !s
  return %p : !s
}

// CHECK-LABEL: func.func @added
// CHECK-SAME: %[[S:[^:]+]]: {{.+}}, %[[ADDED:[^:]+]]:
func.func @added(%s: !s, %added: tensor<1x3x5x7xf32>) -> (!s, !lse) {
  // CHECK-NEXT: attn.masked_softmax %[[S]] tensor_mask(%[[ADDED]] : tensor<1x3x5x7xf32>) {scale = 0.5, mask = #attn.bidirectional}
  %c = attn.scale %s {by = 0.5} : !s
  %a = attn.add %c, %added : !s, tensor<1x3x5x7xf32> -> !s
  %p, %lse = attn.softmax %a : !s -> !s, !lse
  return %p, %lse : !s, !lse
}

// CHECK-LABEL: func.func @hidden_and_added
// CHECK-SAME: %[[S:[^:]+]]: {{.+}}, %[[ADDED:[^:]+]]: {{.+}}, %[[HIDDEN:[^:]+]]:
func.func @hidden_and_added(%s: !s, %added: tensor<1x3x5x7xf32>,
                            %hidden: tensor<2x1x1x7xi1>) -> !s {
  // CHECK-NEXT: %[[INF:.+]] = attn.full {value = 0xFFF0000000000000 : f64} : tensor<1x1x1x1xf32>
  // CHECK-NEXT: %[[BOTH:.+]] = attn.where %[[HIDDEN]], %[[INF]], %[[ADDED]] : {{.+}} -> tensor<2x3x5x7xf32>
  // CHECK-NEXT: attn.masked_softmax %[[S]] tensor_mask(%[[BOTH]]
  %a = attn.add %s, %added : !s, tensor<1x3x5x7xf32> -> !s
  %f = attn.masked_fill %a, %hidden {value = 0xFFF0000000000000 : f64} : !s, tensor<2x1x1x7xi1>
  %p = attn.softmax %f : !s -> !s
  return %p : !s
}

// Masks of 16 bits are what they are stored in, alone; with a boolean one a mask
// is computed, which no caller stores.
// CHECK-LABEL: func.func @added_f16
// CHECK-SAME: %[[S:[^:]+]]: {{.+}}, %[[ADDED:[^:]+]]: {{.+}}, %[[HIDDEN:[^:]+]]:
func.func @added_f16(%s: !s, %added: tensor<1x3x5x7xf16>,
                     %hidden: tensor<2x1x1x7xi1>) -> (!s, !s) {
  // CHECK-NEXT: attn.masked_softmax %[[S]] tensor_mask(%[[ADDED]] : tensor<1x3x5x7xf16>)
  %a = attn.add %s, %added : !s, tensor<1x3x5x7xf16> -> !s
  %p = attn.softmax %a : !s -> !s
  // CHECK: %[[BOTH:.+]] = attn.where %[[HIDDEN]], %{{.+}}, %[[ADDED]] : tensor<2x1x1x7xi1>, tensor<1x1x1x1xf32>, tensor<1x3x5x7xf16> -> tensor<2x3x5x7xf32>
  // CHECK-NEXT: attn.masked_softmax %[[S]] tensor_mask(%[[BOTH]] : tensor<2x3x5x7xf32>)
  %b = attn.add %s, %added : !s, tensor<1x3x5x7xf16> -> !s
  %f = attn.masked_fill %b, %hidden {value = 0xFFF0000000000000 : f64} : !s, tensor<2x1x1x7xi1>
  %q = attn.softmax %f : !s -> !s
  return %p, %q : !s, !s
}

// -1e9 is a score, and a sum per row moves all of its keys.
// CHECK-LABEL: func.func @no_masks
func.func @no_masks(%s: !s, %hidden: tensor<2x1x1x7xi1>,
                    %added: tensor<2x3x5x1xf32>) -> (!s, !s) {
  // CHECK: %[[F:.+]] = attn.masked_fill
  // CHECK: attn.softmax %[[F]]
  %f = attn.masked_fill %s, %hidden {value = -1.0e9 : f64} : !s, tensor<2x1x1x7xi1>
  %p = attn.softmax %f : !s -> !s
  // CHECK: %[[A:.+]] = attn.add
  // CHECK: attn.masked_softmax %[[A]] {scale = 1.0
  %a = attn.add %s, %added : !s, tensor<2x3x5x1xf32> -> !s
  %q = attn.softmax %a : !s -> !s
  return %p, %q : !s, !s
}

// Softcap and scale stay before the bias.
// CHECK-LABEL: func.func @biased
func.func @biased(%s: !s) -> !s {
  // CHECK: attn.scale
  // CHECK-NEXT: attn.softcap
  // CHECK-NEXT: %[[B:.+]] = attn.position_bias
  // CHECK-NEXT: attn.masked_softmax %[[B]] {scale = 1.0, mask = #attn.causal}
  %c = attn.scale %s {by = 0.5} : !s
  %t = attn.softcap %c {cap = 3.0} : !s
  %b = attn.position_bias %t {bias = #attn.alibi} : !s
  %m = attn.mask %b {mask = #attn.causal} : !s
  %p = attn.softmax %m : !s -> !s
  return %p : !s
}
