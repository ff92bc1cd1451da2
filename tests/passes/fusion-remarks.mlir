// RUN: attn-opt %s --attn-eliminate-kv-repeat --attn-fuse-masked-softmax \
// RUN:   --attn-form-flash --remarks-filter='.*' --remark-format=emitRemark \
// RUN:   2>&1 >/dev/null | FileCheck %s

// Every rewrite says what it did or what kept it from it, with the number that
// decided. Remarks come pass by pass, and in each in the order of the text.

// CHECK: [Passed] attn-eliminate-kv-repeat
// CHECK-SAME: Function=fused
// CHECK-SAME: 'attn.score' reads 2 heads in groups instead of 8 repeated ones
// CHECK: 'attn.weighted_sum' reads 2 heads in groups instead of 8 repeated ones
// CHECK: [Missed] attn-eliminate-kv-repeat
// CHECK-SAME: Function=repeat_returned
// CHECK-SAME: 'func.return' needs each head repeated 4 times

// CHECK: [Passed] attn-fuse-masked-softmax
// CHECK-SAME: Function=fused
// CHECK-SAME: joined scale, mask, softmax
// CHECK: [Missed] attn-fuse-masked-softmax
// CHECK-SAME: Function=softcap_before_scale
// CHECK-SAME: 'attn.softcap' stands out of the order scale, softcap, mask, softmax
// CHECK: [Missed] attn-fuse-masked-softmax
// CHECK-SAME: Function=scores_returned
// CHECK-SAME: scores of 'attn.scale' have 2 uses, expected 1

// CHECK: [Passed] attn-form-flash
// CHECK-SAME: Function=fused
// CHECK-SAME: joined score, masked softmax and weighted sum; the scores of 8 heads are never stored
// CHECK: [Missed] attn-form-flash
// CHECK-SAME: Function=probabilities_are_an_argument
// CHECK-SAME: probabilities come from an argument, expected 'attn.masked_softmax'
// CHECK: [Missed] attn-form-flash
// CHECK-SAME: Function=scores_are_an_argument
// CHECK-SAME: scores come from an argument, expected 'attn.score'
// CHECK: [Missed] attn-form-flash
// CHECK-SAME: Function=heads_differ
// CHECK-SAME: key has 8 heads and value 2, expected the same
// CHECK: [Missed] attn-form-flash
// CHECK-SAME: Function=lse_first
// CHECK-SAME: the log-sum-exp is needed by 'func.call' before the weighted sum

!grouped = tensor<?x?x2x64xf32>
!heads = tensor<?x?x8x64xf32>
!scores = tensor<?x8x?x?xf32>
!rows = tensor<?x?x8xf32>

func.func @fused(%query: !heads, %key: !grouped, %value: !grouped) -> !heads {
  %keys = attn.repeat_kv %key {times = 4} : !grouped -> !heads
  %values = attn.repeat_kv %value {times = 4} : !grouped -> !heads
  %score = attn.score %query, %keys : !heads, !heads -> !scores
  %scaled = attn.scale %score {by = 0.125} : !scores
  %masked = attn.mask %scaled {mask = #attn.causal} : !scores
  %probability, %lse = attn.softmax %masked : !scores -> !scores, !rows
  %output = attn.weighted_sum %probability, %values : !scores, !heads -> !heads
  return %output : !heads
}

func.func @repeat_returned(%key: !grouped) -> !heads {
  %keys = attn.repeat_kv %key {times = 4} : !grouped -> !heads
  return %keys : !heads
}

func.func @softcap_before_scale(%score: !scores) -> !scores {
  %capped = attn.softcap %score {cap = 50.0} : !scores
  %scaled = attn.scale %capped {by = 0.125} : !scores
  %probability, %lse = attn.softmax %scaled : !scores -> !scores, !rows
  return %probability : !scores
}

func.func @scores_returned(%score: !scores) -> (!scores, !scores) {
  %scaled = attn.scale %score {by = 0.125} : !scores
  %probability, %lse = attn.softmax %scaled : !scores -> !scores, !rows
  return %scaled, %probability : !scores, !scores
}

func.func @probabilities_are_an_argument(%probability: !scores,
                                         %value: !heads) -> !heads {
  %output = attn.weighted_sum %probability, %value : !scores, !heads -> !heads
  return %output : !heads
}

func.func @scores_are_an_argument(%score: !scores, %value: !heads) -> !heads {
  %probability, %lse = attn.masked_softmax %score
      {scale = 0.125, mask = #attn.causal} : !scores -> !scores, !rows
  %output = attn.weighted_sum %probability, %value : !scores, !heads -> !heads
  return %output : !heads
}

func.func @heads_differ(%query: !heads, %key: !heads, %value: !grouped)
    -> !heads {
  %score = attn.score %query, %key : !heads, !heads -> !scores
  %probability, %lse = attn.masked_softmax %score
      {scale = 0.125, mask = #attn.causal} : !scores -> !scores, !rows
  %output = attn.weighted_sum %probability, %value
      : !scores, !grouped -> !heads
  return %output : !heads
}

func.func private @observe(!rows)

func.func @lse_first(%query: !heads, %key: !heads, %value: !heads) -> !heads {
  %score = attn.score %query, %key : !heads, !heads -> !scores
  %probability, %lse = attn.masked_softmax %score
      {scale = 0.125, mask = #attn.causal} : !scores -> !scores, !rows
  func.call @observe(%lse) : (!rows) -> ()
  %output = attn.weighted_sum %probability, %value : !scores, !heads -> !heads
  return %output : !heads
}
