// RUN: attn-opt %s --attn-sort-by-use | FileCheck %s

// Operations stand where the results ask for them, operands in order; what has
// side effects keeps its order.

// CHECK-LABEL: func.func @sum
func.func @sum(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK-NEXT: %[[SHARED:.+]] = attn.silu
  // CHECK-NEXT: %[[A:.+]] = attn.relu %[[SHARED]]
  // CHECK-NEXT: %[[B:.+]] = attn.tanh %[[SHARED]]
  // CHECK-NEXT: attn.add %[[A]], %[[B]]
  %shared = attn.silu %x : tensor<4xf32>
  %b = attn.tanh %shared : tensor<4xf32>
  %a = attn.relu %shared : tensor<4xf32>
  %sum = attn.add %a, %b : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  return %sum : tensor<4xf32>
}

// CHECK-LABEL: func.func @two_results
func.func @two_results(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  // CHECK-NEXT: attn.relu
  // CHECK-NEXT: attn.tanh
  %b = attn.tanh %x : tensor<4xf32>
  %a = attn.relu %x : tensor<4xf32>
  return %a, %b : tensor<4xf32>, tensor<4xf32>
}

func.func private @observe(tensor<4xf32>)

// CHECK-LABEL: func.func @effects
func.func @effects(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK-NEXT: attn.tanh
  // CHECK-NEXT: attn.relu
  // CHECK-NEXT: call
  %b = attn.tanh %x : tensor<4xf32>
  %a = attn.relu %x : tensor<4xf32>
  func.call @observe(%b) : (tensor<4xf32>) -> ()
  return %a : tensor<4xf32>
}
