// RUN: attn-opt %s --attn-analyze-mask --verify-each-numeric | FileCheck %s

// Limits that hide no key from any row go, with the operands that only they
// looked at; what may hide one for some size or length stays.

// The only query stands at the last key, whatever the lengths.
// CHECK-LABEL: func.func @one_query(
// CHECK: mask = #attn.bidirectional} :
func.func @one_query(%query: tensor<3x1x2x4xf32>, %key: tensor<3x?x2x4xf32>, %lengths: tensor<3xi32>)
    -> tensor<3x1x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key lengths(%lengths : tensor<3xi32>)
      {scale = 1.0, mask = #attn.causal}
      : tensor<3x1x2x4xf32>, tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>
      -> tensor<3x1x2x4xf32>, tensor<3x1x2xf32>
  return %output : tensor<3x1x2x4xf32>
}

// Here it stands at the first.
// CHECK-LABEL: func.func @one_query_top_left(
// CHECK: mask = #attn.causal<alignment = top_left>} :
func.func @one_query_top_left(%query: tensor<3x1x2x4xf32>, %key: tensor<3x?x2x4xf32>)
    -> tensor<3x1x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key
      {scale = 1.0, mask = #attn.causal<alignment = top_left>}
      : tensor<3x1x2x4xf32>, tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>
      -> tensor<3x1x2x4xf32>, tensor<3x1x2xf32>
  return %output : tensor<3x1x2x4xf32>
}

// CHECK-LABEL: func.func @one_key_top_left(
// CHECK: mask = #attn.bidirectional} :
func.func @one_key_top_left(%query: tensor<3x?x2x4xf32>, %key: tensor<3x1x2x4xf32>, %lengths: tensor<3xi32>)
    -> tensor<3x?x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key lengths(%lengths : tensor<3xi32>)
      {scale = 1.0, mask = #attn.causal<alignment = top_left>}
      : tensor<3x?x2x4xf32>, tensor<3x1x2x4xf32>, tensor<3x1x2x4xf32>
      -> tensor<3x?x2x4xf32>, tensor<3x?x2xf32>
  return %output : tensor<3x?x2x4xf32>
}

// Of several queries the last stands at the key, the others before it.
// CHECK-LABEL: func.func @one_key(
// CHECK: mask = #attn.causal} :
func.func @one_key(%query: tensor<3x?x2x4xf32>, %key: tensor<3x1x2x4xf32>)
    -> tensor<3x?x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key
      {scale = 1.0, mask = #attn.causal}
      : tensor<3x?x2x4xf32>, tensor<3x1x2x4xf32>, tensor<3x1x2x4xf32>
      -> tensor<3x?x2x4xf32>, tensor<3x?x2xf32>
  return %output : tensor<3x?x2x4xf32>
}

// CHECK-LABEL: func.func @two_queries(
// CHECK: mask = #attn.causal} :
func.func @two_queries(%query: tensor<3x2x2x4xf32>, %key: tensor<3x?x2x4xf32>)
    -> tensor<3x2x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key
      {scale = 1.0, mask = #attn.causal}
      : tensor<3x2x2x4xf32>, tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>
      -> tensor<3x2x2x4xf32>, tensor<3x2x2xf32>
  return %output : tensor<3x2x2x4xf32>
}

// CHECK-LABEL: func.func @wide_window(
// CHECK: mask = #attn.causal} :
func.func @wide_window(%query: tensor<3x?x2x4xf32>, %key: tensor<3x5x2x4xf32>, %lengths: tensor<3xi32>)
    -> tensor<3x?x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key lengths(%lengths : tensor<3xi32>)
      {scale = 1.0, mask = #attn.window<left = 5, right = 1>}
      : tensor<3x?x2x4xf32>, tensor<3x5x2x4xf32>, tensor<3x5x2x4xf32>
      -> tensor<3x?x2x4xf32>, tensor<3x?x2xf32>
  return %output : tensor<3x?x2x4xf32>
}

// CHECK-LABEL: func.func @narrow_window(
// CHECK: mask = #attn.window<left = 4, right = 1>} :
func.func @narrow_window(%query: tensor<3x?x2x4xf32>, %key: tensor<3x5x2x4xf32>)
    -> tensor<3x?x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key
      {scale = 1.0, mask = #attn.window<left = 4, right = 1>}
      : tensor<3x?x2x4xf32>, tensor<3x5x2x4xf32>, tensor<3x5x2x4xf32>
      -> tensor<3x?x2x4xf32>, tensor<3x?x2xf32>
  return %output : tensor<3x?x2x4xf32>
}

// CHECK-LABEL: func.func @window_and_one_query(
// CHECK: mask = #attn.window<left = 3>} :
func.func @window_and_one_query(%query: tensor<3x1x2x4xf32>, %key: tensor<3x5x2x4xf32>)
    -> tensor<3x1x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key
      {scale = 1.0, mask = #attn.window<left = 3, right = 1>}
      : tensor<3x1x2x4xf32>, tensor<3x5x2x4xf32>, tensor<3x5x2x4xf32>
      -> tensor<3x1x2x4xf32>, tensor<3x1x2xf32>
  return %output : tensor<3x1x2x4xf32>
}

// CHECK-LABEL: func.func @wide_window_top_left(
// CHECK: mask = #attn.window<right = 2, alignment = top_left>} :
func.func @wide_window_top_left(%query: tensor<3x4x2x4xf32>, %key: tensor<3x?x2x4xf32>)
    -> tensor<3x4x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key
      {scale = 1.0, mask = #attn.window<left = 4, right = 2, alignment = top_left>}
      : tensor<3x4x2x4xf32>, tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>
      -> tensor<3x4x2x4xf32>, tensor<3x4x2xf32>
  return %output : tensor<3x4x2x4xf32>
}

// As many queries as keys have one alignment, but for lengths.
// CHECK-LABEL: func.func @equal_sizes(
// CHECK: mask = #attn.window<left = 2, right = 2>} :
func.func @equal_sizes(%query: tensor<3x4x2x4xf32>, %key: tensor<3x4x2x4xf32>)
    -> tensor<3x4x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key
      {scale = 1.0, mask = #attn.window<left = 2, right = 2, alignment = top_left>}
      : tensor<3x4x2x4xf32>, tensor<3x4x2x4xf32>, tensor<3x4x2x4xf32>
      -> tensor<3x4x2x4xf32>, tensor<3x4x2xf32>
  return %output : tensor<3x4x2x4xf32>
}

// CHECK-LABEL: func.func @equal_sizes_with_lengths(
// CHECK: mask = #attn.window<left = 2, right = 2, alignment = top_left>} :
func.func @equal_sizes_with_lengths(%query: tensor<3x4x2x4xf32>, %key: tensor<3x4x2x4xf32>, %lengths: tensor<3xi32>)
    -> tensor<3x4x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key lengths(%lengths : tensor<3xi32>)
      {scale = 1.0, mask = #attn.window<left = 2, right = 2, alignment = top_left>}
      : tensor<3x4x2x4xf32>, tensor<3x4x2x4xf32>, tensor<3x4x2x4xf32>
      -> tensor<3x4x2x4xf32>, tensor<3x4x2xf32>
  return %output : tensor<3x4x2x4xf32>
}

// CHECK-LABEL: func.func @wide_chunk(
// CHECK: mask = #attn.causal} :
func.func @wide_chunk(%query: tensor<3x?x2x4xf32>, %key: tensor<3x7x2x4xf32>)
    -> tensor<3x?x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key
      {scale = 1.0, mask = #attn.chunk<size = 7>}
      : tensor<3x?x2x4xf32>, tensor<3x7x2x4xf32>, tensor<3x7x2x4xf32>
      -> tensor<3x?x2x4xf32>, tensor<3x?x2xf32>
  return %output : tensor<3x?x2x4xf32>
}

// CHECK-LABEL: func.func @narrow_chunk(
// CHECK: mask = #attn.chunk<size = 6>} :
func.func @narrow_chunk(%query: tensor<3x?x2x4xf32>, %key: tensor<3x7x2x4xf32>)
    -> tensor<3x?x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key
      {scale = 1.0, mask = #attn.chunk<size = 6>}
      : tensor<3x?x2x4xf32>, tensor<3x7x2x4xf32>, tensor<3x7x2x4xf32>
      -> tensor<3x?x2x4xf32>, tensor<3x?x2xf32>
  return %output : tensor<3x?x2x4xf32>
}

// CHECK-LABEL: func.func @chunk_and_one_query(
// CHECK: mask = #attn.chunk<size = 6>} :
func.func @chunk_and_one_query(%query: tensor<3x1x2x4xf32>, %key: tensor<3x7x2x4xf32>)
    -> tensor<3x1x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key
      {scale = 1.0, mask = #attn.chunk<size = 6>}
      : tensor<3x1x2x4xf32>, tensor<3x7x2x4xf32>, tensor<3x7x2x4xf32>
      -> tensor<3x1x2x4xf32>, tensor<3x1x2xf32>
  return %output : tensor<3x1x2x4xf32>
}

// CHECK-LABEL: func.func @window_in_causal(
// CHECK: mask = #attn.window<left = 3, right = 1>} :
func.func @window_in_causal(%query: tensor<3x?x2x4xf32>, %key: tensor<3x?x2x4xf32>)
    -> tensor<3x?x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key
      {scale = 1.0, mask = #attn.all<[#attn.window<left = 3, right = 9>, #attn.causal]>}
      : tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>
      -> tensor<3x?x2x4xf32>, tensor<3x?x2xf32>
  return %output : tensor<3x?x2x4xf32>
}

// CHECK-LABEL: func.func @window_over_chunk(
// CHECK: mask = #attn.chunk<size = 4>} :
func.func @window_over_chunk(%query: tensor<3x?x2x4xf32>, %key: tensor<3x?x2x4xf32>)
    -> tensor<3x?x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key
      {scale = 1.0, mask = #attn.all<[#attn.window<left = 4>, #attn.chunk<size = 4>]>}
      : tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>
      -> tensor<3x?x2x4xf32>, tensor<3x?x2xf32>
  return %output : tensor<3x?x2x4xf32>
}

// CHECK-LABEL: func.func @window_in_chunk(
// CHECK: mask = #attn.all<[#attn.chunk<size = 4>, #attn.window<left = 3>]>} :
func.func @window_in_chunk(%query: tensor<3x?x2x4xf32>, %key: tensor<3x?x2x4xf32>)
    -> tensor<3x?x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key
      {scale = 1.0, mask = #attn.all<[#attn.causal, #attn.window<left = 3>, #attn.all<[#attn.chunk<size = 4>]>]>}
      : tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>
      -> tensor<3x?x2x4xf32>, tensor<3x?x2xf32>
  return %output : tensor<3x?x2x4xf32>
}

// CHECK-LABEL: func.func @prefix(
// CHECK: attn.flash {{.*}} prefix(%{{.+}}) {scale = 1.0, mask = #attn.prefix} :
func.func @prefix(%query: tensor<3x?x2x4xf32>, %key: tensor<3x?x2x4xf32>, %prefix: tensor<3xi32>)
    -> tensor<3x?x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key prefix(%prefix : tensor<3xi32>)
      {scale = 1.0, mask = #attn.prefix}
      : tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>
      -> tensor<3x?x2x4xf32>, tensor<3x?x2xf32>
  return %output : tensor<3x?x2x4xf32>
}

// CHECK-LABEL: func.func @prefix_in_causal(
// CHECK-NOT: prefix(
// CHECK: mask = #attn.causal} :
func.func @prefix_in_causal(%query: tensor<3x?x2x4xf32>, %key: tensor<3x?x2x4xf32>)
    -> tensor<3x?x2x4xf32> {
  %prefix = arith.constant dense<[0, 2, 9]> : tensor<3xi32>
  %output, %lse = attn.flash %query, %key, %key prefix(%prefix : tensor<3xi32>)
      {scale = 1.0, mask = #attn.all<[#attn.prefix, #attn.causal]>}
      : tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>
      -> tensor<3x?x2x4xf32>, tensor<3x?x2xf32>
  return %output : tensor<3x?x2x4xf32>
}

// CHECK-LABEL: func.func @prefix_of_one_query(
// CHECK-NOT: prefix(
// CHECK: mask = #attn.bidirectional} :
func.func @prefix_of_one_query(%query: tensor<3x1x2x4xf32>, %key: tensor<3x?x2x4xf32>, %lengths: tensor<3xi32>)
    -> tensor<3x1x2x4xf32> {
  %prefix = arith.constant dense<[0, 2, 9]> : tensor<3xi32>
  %output, %lse = attn.flash %query, %key, %key lengths(%lengths : tensor<3xi32>) prefix(%prefix : tensor<3xi32>)
      {scale = 1.0, mask = #attn.prefix}
      : tensor<3x1x2x4xf32>, tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>
      -> tensor<3x1x2x4xf32>, tensor<3x1x2xf32>
  return %output : tensor<3x1x2x4xf32>
}

// Callers pass it: an argument that is theirs stays in use.
// CHECK-LABEL: func.func @prefix_passed(
// CHECK: attn.flash {{.*}} prefix(%{{.+}}) {scale = 1.0, mask = #attn.all<[#attn.prefix, #attn.causal]>} :
func.func @prefix_passed(%query: tensor<3x?x2x4xf32>, %key: tensor<3x?x2x4xf32>, %prefix: tensor<3xi32>)
    -> tensor<3x?x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key prefix(%prefix : tensor<3xi32>)
      {scale = 1.0, mask = #attn.all<[#attn.prefix, #attn.causal]>}
      : tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>
      -> tensor<3x?x2x4xf32>, tensor<3x?x2xf32>
  return %output : tensor<3x?x2x4xf32>
}

// CHECK-LABEL: func.func @documents(
// CHECK: attn.flash {{.*}} documents(%{{.+}}) {scale = 1.0, mask = #attn.document} :
func.func @documents(%query: tensor<3x1x2x4xf32>, %key: tensor<3x?x2x4xf32>, %documents: tensor<3x?xi32>)
    -> tensor<3x1x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key documents(%documents : tensor<3x?xi32>)
      {scale = 1.0, mask = #attn.all<[#attn.causal, #attn.document]>}
      : tensor<3x1x2x4xf32>, tensor<3x?x2x4xf32>, tensor<3x?x2x4xf32>
      -> tensor<3x1x2x4xf32>, tensor<3x1x2xf32>
  return %output : tensor<3x1x2x4xf32>
}

// CHECK-LABEL: func.func @masked_softmax(
// CHECK: attn.masked_softmax %{{.+}} {scale = 1.0, mask = #attn.bidirectional}
func.func @masked_softmax(%score: tensor<3x2x1x?xf32>) -> tensor<3x2x1x?xf32> {
  %probability, %lse = attn.masked_softmax %score
      {scale = 1.0, mask = #attn.causal}
      : tensor<3x2x1x?xf32> -> tensor<3x2x1x?xf32>, tensor<3x1x2xf32>
  return %probability : tensor<3x2x1x?xf32>
}
