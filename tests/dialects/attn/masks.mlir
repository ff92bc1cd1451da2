// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s

// Masks print what differs from the usual; operands that they look at stand
// beside the lengths.

// CHECK-LABEL: func.func @masks
func.func @masks(%score: tensor<2x4x?x?xf32>, %lengths: tensor<2xi32>,
                 %prefix: tensor<2xi32>, %documents: tensor<2x?xi32>)
    -> tensor<2x4x?x?xf32> {
  // CHECK: attn.mask %{{.+}} {mask = #attn.window<left = 3>} : tensor<2x4x?x?xf32>
  %0 = attn.mask %score {mask = #attn.window<left = 3>} : tensor<2x4x?x?xf32>
  // CHECK: {mask = #attn.window<right = 2, alignment = top_left>}
  %1 = attn.mask %0 {mask = #attn.window<right = 2, alignment = top_left>}
      : tensor<2x4x?x?xf32>
  // CHECK: {mask = #attn.chunk<size = 8192>}
  %2 = attn.mask %1 {mask = #attn.chunk<size = 8192>} : tensor<2x4x?x?xf32>
  // CHECK: lengths(%{{.+}} : tensor<2xi32>) prefix(%{{.+}} : tensor<2xi32>) {mask = #attn.prefix}
  %3 = attn.mask %2 lengths(%lengths : tensor<2xi32>)
      prefix(%prefix : tensor<2xi32>) {mask = #attn.prefix}
      : tensor<2x4x?x?xf32>
  // CHECK: documents(%{{.+}} : tensor<2x?xi32>) {mask = #attn.all<[#attn.causal, #attn.document]>}
  %4 = attn.mask %3 documents(%documents : tensor<2x?xi32>)
      {mask = #attn.all<[#attn.causal, #attn.document]>} : tensor<2x4x?x?xf32>
  // CHECK: attn.masked_softmax %{{.+}} lengths(%{{.+}}) prefix(%{{.+}}) documents(%{{.+}}) {scale = 1.0, mask = #attn.all<[#attn.prefix, #attn.document]>}
  %5, %lse = attn.masked_softmax %4 lengths(%lengths : tensor<2xi32>)
      prefix(%prefix : tensor<2xi32>) documents(%documents : tensor<2x?xi32>)
      {scale = 1.0, mask = #attn.all<[#attn.prefix, #attn.document]>}
      : tensor<2x4x?x?xf32> -> tensor<2x4x?x?xf32>, tensor<2x?x4xf32>
  return %5 : tensor<2x4x?x?xf32>
}

// CHECK-LABEL: func.func @flash
func.func @flash(%query: tensor<2x?x4x16xf32>, %key: tensor<2x?x4x16xf32>,
                 %value: tensor<2x?x4x16xf32>, %prefix: tensor<2xi32>)
    -> tensor<2x?x4x16xf32> {
  // CHECK: attn.flash %{{.+}}, %{{.+}}, %{{.+}} prefix(%{{.+}} : tensor<2xi32>) {scale = 0.25, mask = #attn.prefix}
  %o, %l = attn.flash %query, %key, %value prefix(%prefix : tensor<2xi32>)
      {scale = 0.25, mask = #attn.prefix}
      : tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>
      -> tensor<2x?x4x16xf32>, tensor<2x?x4xf32>
  return %o : tensor<2x?x4x16xf32>
}
