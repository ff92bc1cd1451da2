// RUN: attn-opt %s --attn-analyze-mask="query-block=4 key-block=8" \
// RUN:   --remarks-filter='.*' --remark-format=emitRemark 2>&1 >/dev/null \
// RUN:   | FileCheck %s
// RUN: attn-opt %s --attn-analyze-mask --remarks-filter='.*' \
// RUN:   --remark-format=emitRemark 2>&1 >/dev/null \
// RUN:   | FileCheck %s --check-prefix=DEFAULT

// What was proved of a mask, then what each flash visits: blocks of keys that a
// block of queries sees whole, in part and not at all, where sizes are static,
// else the ranges.

// CHECK: [Passed] attn-analyze-mask
// CHECK-SAME: #attn.causal of 1 queries and ? keys is #attn.bidirectional

// Rows 0 to 3, 4 to 7 and 8 to 11 of 12 against 8, 8 and 4 of 20 keys.
// CHECK: [Analysis] attn-analyze-mask
// CHECK-SAME: Function=causal
// CHECK-SAME: 3 blocks of 4 queries see 4 blocks of 8 keys whole, 3 in part, 2 not at all (0 to 1: 1, 1, 1; 2: 2, 1, 0)
func.func @causal(%query: tensor<1x12x2x4xf32>, %key: tensor<1x20x2x4xf32>)
    -> tensor<1x12x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key {scale = 1.0, mask = #attn.causal}
      : tensor<1x12x2x4xf32>, tensor<1x20x2x4xf32>, tensor<1x20x2x4xf32>
      -> tensor<1x12x2x4xf32>, tensor<1x12x2xf32>
  return %output : tensor<1x12x2x4xf32>
}

// CHECK: [Analysis] attn-analyze-mask
// CHECK-SAME: Function=square
// CHECK-SAME: 16 blocks of 4 queries see 56 blocks of 8 keys whole, 16 in part, 56 not at all (0 to 1: 0, 1, 7; 2 to 3: 1, 1, 6; {{.*}}; 14 to 15: 7, 1, 0)
func.func @square(%query: tensor<1x64x2x4xf32>, %key: tensor<1x64x2x4xf32>)
    -> tensor<1x64x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key {scale = 1.0, mask = #attn.causal}
      : tensor<1x64x2x4xf32>, tensor<1x64x2x4xf32>, tensor<1x64x2x4xf32>
      -> tensor<1x64x2x4xf32>, tensor<1x64x2xf32>
  return %output : tensor<1x64x2x4xf32>
}

// CHECK: [Analysis] attn-analyze-mask
// CHECK-SAME: Function=chunk
// CHECK-SAME: 4 blocks of 4 queries see 0 blocks of 8 keys whole, 4 in part, 4 not at all (0 to 3: 0, 1, 1)
func.func @chunk(%query: tensor<1x16x2x4xf32>, %key: tensor<1x16x2x4xf32>)
    -> tensor<1x16x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key {scale = 1.0, mask = #attn.chunk<size = 8>}
      : tensor<1x16x2x4xf32>, tensor<1x16x2x4xf32>, tensor<1x16x2x4xf32>
      -> tensor<1x16x2x4xf32>, tensor<1x16x2xf32>
  return %output : tensor<1x16x2x4xf32>
}

// CHECK: [Analysis] attn-analyze-mask
// CHECK-SAME: Function=more_queries_than_keys
// CHECK-SAME: 4 blocks of 4 queries see 0 blocks of 8 keys whole, 2 in part, 2 not at all (0 to 1: 0, 0, 1; 2 to 3: 0, 1, 0)
func.func @more_queries_than_keys(%query: tensor<1x16x2x4xf32>, %key: tensor<1x8x2x4xf32>)
    -> tensor<1x16x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key {scale = 1.0, mask = #attn.causal}
      : tensor<1x16x2x4xf32>, tensor<1x8x2x4xf32>, tensor<1x8x2x4xf32>
      -> tensor<1x16x2x4xf32>, tensor<1x16x2xf32>
  return %output : tensor<1x16x2x4xf32>
}

// DEFAULT: Function=square
// DEFAULT-SAME: 1 blocks of 64 queries see 0 blocks of 128 keys whole, 1 in part, 0 not at all (0: 0, 1, 0)
// CHECK: [Analysis] attn-analyze-mask
// CHECK-SAME: Function=window
// CHECK-SAME: 4 queries from position p on see keys of [p - 127, p + 4), each of them all of [p - 124, p + 1)
func.func @window(%query: tensor<1x?x2x4xf32>, %key: tensor<1x?x2x4xf32>)
    -> tensor<1x?x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key {scale = 1.0, mask = #attn.window<left = 128, right = 1>}
      : tensor<1x?x2x4xf32>, tensor<1x?x2x4xf32>, tensor<1x?x2x4xf32>
      -> tensor<1x?x2x4xf32>, tensor<1x?x2xf32>
  return %output : tensor<1x?x2x4xf32>
}

// CHECK: [Analysis] attn-analyze-mask
// CHECK-SAME: Function=lengths
// CHECK-SAME: see keys of [0, p + 4), each of them all of [0, p + 1)
func.func @lengths(%query: tensor<1x16x2x4xf32>, %key: tensor<1x64x2x4xf32>, %lengths: tensor<1xi32>)
    -> tensor<1x16x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key lengths(%lengths : tensor<1xi32>) {scale = 1.0, mask = #attn.causal}
      : tensor<1x16x2x4xf32>, tensor<1x64x2x4xf32>, tensor<1x64x2x4xf32>
      -> tensor<1x16x2x4xf32>, tensor<1x16x2xf32>
  return %output : tensor<1x16x2x4xf32>
}

// CHECK: [Analysis] attn-analyze-mask
// CHECK-SAME: Function=chunks
// CHECK-SAME: see keys of [max(p - 31, p - p mod 64), p + 4), each of them all of [max(p - 28, p + 3 - (p + 3) mod 64), p + 1)
func.func @chunks(%query: tensor<1x?x2x4xf32>, %key: tensor<1x?x2x4xf32>)
    -> tensor<1x?x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key {scale = 1.0, mask = #attn.all<[#attn.chunk<size = 64>, #attn.window<left = 32>]>}
      : tensor<1x?x2x4xf32>, tensor<1x?x2x4xf32>, tensor<1x?x2x4xf32>
      -> tensor<1x?x2x4xf32>, tensor<1x?x2xf32>
  return %output : tensor<1x?x2x4xf32>
}

// CHECK: [Analysis] attn-analyze-mask
// CHECK-SAME: Function=prefix
// CHECK-SAME: see keys of [0, max(p + 4, prefix)), each of them all of [0, max(p + 1, prefix))
func.func @prefix(%query: tensor<1x16x2x4xf32>, %key: tensor<1x64x2x4xf32>, %prefix: tensor<1xi32>)
    -> tensor<1x16x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key prefix(%prefix : tensor<1xi32>) {scale = 1.0, mask = #attn.prefix}
      : tensor<1x16x2x4xf32>, tensor<1x64x2x4xf32>, tensor<1x64x2x4xf32>
      -> tensor<1x16x2x4xf32>, tensor<1x16x2xf32>
  return %output : tensor<1x16x2x4xf32>
}

// CHECK: [Analysis] attn-analyze-mask
// CHECK-SAME: Function=documents
// CHECK-SAME: see keys of [0, length), each of them all of [0, length), of their own documents
func.func @documents(%query: tensor<1x?x2x4xf32>, %key: tensor<1x?x2x4xf32>, %documents: tensor<1x?xi32>)
    -> tensor<1x?x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key documents(%documents : tensor<1x?xi32>) {scale = 1.0, mask = #attn.document}
      : tensor<1x?x2x4xf32>, tensor<1x?x2x4xf32>, tensor<1x?x2x4xf32>
      -> tensor<1x?x2x4xf32>, tensor<1x?x2xf32>
  return %output : tensor<1x?x2x4xf32>
}

// CHECK: [Analysis] attn-analyze-mask
// CHECK-SAME: Function=masked
// CHECK-SAME: every query sees every valid key: no whole block is masked; beside it, blocks that the tensor of the mask hides are skipped
func.func @masked(%query: tensor<1x?x2x4xf32>, %key: tensor<1x?x2x4xf32>, %shown: tensor<1x2x?x?xi1>)
    -> tensor<1x?x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key tensor_mask(%shown : tensor<1x2x?x?xi1>)
      {scale = 1.0, mask = #attn.bidirectional}
      : tensor<1x?x2x4xf32>, tensor<1x?x2x4xf32>, tensor<1x?x2x4xf32>
      -> tensor<1x?x2x4xf32>, tensor<1x?x2xf32>
  return %output : tensor<1x?x2x4xf32>
}

// CHECK: [Analysis] attn-analyze-mask
// CHECK-SAME: Function=bidirectional
// CHECK-SAME: every query sees every valid key: no whole block is masked
func.func @bidirectional(%query: tensor<1x1x2x4xf32>, %key: tensor<1x?x2x4xf32>)
    -> tensor<1x1x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key {scale = 1.0, mask = #attn.causal}
      : tensor<1x1x2x4xf32>, tensor<1x?x2x4xf32>, tensor<1x?x2x4xf32>
      -> tensor<1x1x2x4xf32>, tensor<1x1x2xf32>
  return %output : tensor<1x1x2x4xf32>
}

// CHECK: [Analysis] attn-analyze-mask
// CHECK-SAME: Function=long
// CHECK-SAME: (0 to 1: 0, 1, 8; {{.*}}; 10 to 11: 5, 1, 3; ...; 16 to 17: 8, 1, 0)
func.func @long(%query: tensor<1x72x2x4xf32>, %key: tensor<1x72x2x4xf32>)
    -> tensor<1x72x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key {scale = 1.0, mask = #attn.causal}
      : tensor<1x72x2x4xf32>, tensor<1x72x2x4xf32>, tensor<1x72x2x4xf32>
      -> tensor<1x72x2x4xf32>, tensor<1x72x2xf32>
  return %output : tensor<1x72x2x4xf32>
}

// Too many blocks to look at each of them.
// CHECK: [Analysis] attn-analyze-mask
// CHECK-SAME: Function=huge
// CHECK-SAME: 4 queries from position p on see keys of [0, p + 4), each of them all of [0, p + 1)
func.func @huge(%query: tensor<1x1000000000x2x4xf32>, %key: tensor<1x2000000000x2x4xf32>)
    -> tensor<1x1000000000x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key {scale = 1.0, mask = #attn.causal}
      : tensor<1x1000000000x2x4xf32>, tensor<1x2000000000x2x4xf32>, tensor<1x2000000000x2x4xf32>
      -> tensor<1x1000000000x2x4xf32>, tensor<1x1000000000x2xf32>
  return %output : tensor<1x1000000000x2x4xf32>
}

// No pairs at all, of too many blocks of queries to count for each.
// CHECK: [Analysis] attn-analyze-mask
// CHECK-SAME: Function=huge_without_keys
// CHECK-SAME: 4 queries from position p on see keys of
func.func @huge_without_keys(%query: tensor<1x1099511627776x2x4xf32>, %key: tensor<1x0x2x4xf32>)
    -> tensor<1x1099511627776x2x4xf32> {
  %output, %lse = attn.flash %query, %key, %key {scale = 1.0, mask = #attn.causal}
      : tensor<1x1099511627776x2x4xf32>, tensor<1x0x2x4xf32>, tensor<1x0x2x4xf32>
      -> tensor<1x1099511627776x2x4xf32>, tensor<1x1099511627776x2xf32>
  return %output : tensor<1x1099511627776x2x4xf32>
}
