// RUN: attn-opt %s --attn-fuse-masked-softmax --attn-form-flash \
// RUN:   --verify-each-numeric | FileCheck %s

// Where a boolean hides keys and floats are added, the joined mask holds -inf:
// it hides what the boolean hid, be the score or the value NaN or infinite.

// CHECK-LABEL: func.func @hidden_and_added
// CHECK: attn.flash %{{.+}} tensor_mask(
func.func @hidden_and_added(
    %query: tensor<?x?x2x4xf32>, %key: tensor<?x?x2x4xf32>,
    %value: tensor<?x?x2x4xf32>, %hidden: tensor<?x1x?x?xi1>,
    %added: tensor<?x1x?x?xf32>) -> tensor<?x?x2x4xf32> {
  %score = attn.score %query, %key
      : tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32> -> tensor<?x2x?x?xf32>
  %sum = attn.add %score, %added
      : tensor<?x2x?x?xf32>, tensor<?x1x?x?xf32> -> tensor<?x2x?x?xf32>
  %masked = attn.masked_fill %sum, %hidden {value = 0xFFF0000000000000 : f64}
      : tensor<?x2x?x?xf32>, tensor<?x1x?x?xi1>
  %probability = attn.softmax %masked
      : tensor<?x2x?x?xf32> -> tensor<?x2x?x?xf32>
  %output = attn.weighted_sum %probability, %value
      : tensor<?x2x?x?xf32>, tensor<?x?x2x4xf32> -> tensor<?x?x2x4xf32>
  return %output : tensor<?x?x2x4xf32>
}
