// RUN: attn-opt %s --attn-raise-attention --verify-diagnostics \
// RUN:   --remarks-filter='.*' --remark-format=emitRemark
// RUN: attn-opt %s --attn-raise-attention | FileCheck %s

// What looks like attention and is another function stays as it is, and the
// remark says why.

// CHECK-NOT: attn.score

!x = tensor<2x6x4xf32>
!xt = tensor<2x4x6xf32>
!s = tensor<2x6x6xf32>
!b = tensor<6x6xi1>
!f = tensor<6x6xf32>

func.func @wrong_axis(%q: !x, %kt: !xt, %v: !x) -> !x {
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  // expected-remark@below {{the softmax runs along dimension 1 of 3, expected the keys, dimension 2}}
  %p = attn.softmax %s dim(1) : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

func.func @fill_not_small_enough(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = true} : !b
  %future = attn.triu %ones {diagonal = 1} : !b
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.masked_fill %s, %future {value = -1.0e9 : f64} : !s, !b
  // expected-remark@below {{masked scores are -1e+09, expected -inf or at most -2e+30 for scores of up to 1e+30}}
  %p = attn.softmax %m : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

// Below the cap's limit of -204 only until the scale.
func.func @scale_between_fill_and_softmax(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = true} : !b
  %future = attn.triu %ones {diagonal = 1} : !b
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.masked_fill %s, %future {value = -3.0e30 : f64} : !s, !b
  %c = attn.scale %m {by = 0.125} : !s
  // expected-remark@below {{masked scores are -3.75e+29, expected -inf or at most -2e+30 for scores of up to 1e+30}}
  %p = attn.softmax %c : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

func.func @negative_scale_after_mask(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = true} : !b
  %future = attn.triu %ones {diagonal = 1} : !b
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.masked_fill %s, %future {value = 0xFFF0000000000000 : f64} : !s, !b
  %c = attn.scale %m {by = -0.5} : !s
  // expected-remark@below {{'attn.masked_fill' stands before a scale of -0.5}}
  %p = attn.softmax %c : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

// Row 0 sees no key: its weights would be 1/6 each, and 0 with -inf.
func.func @fill_of_a_whole_row(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = true} : !b
  %future = attn.triu %ones {diagonal = 1} : !b
  %far = attn.triu %ones {diagonal = -3} : !b
  %hidden = attn.not %far : !b
  %strip = attn.full {value = true} : tensor<1x6xi1>
  %rest = attn.full {value = false} : tensor<5x6xi1>
  %first = attn.concat %strip, %rest {dim = 0} : tensor<1x6xi1>, tensor<5x6xi1> -> !b
  %some = attn.or %future, %hidden : !b, !b -> !b
  %mask = attn.or %some, %first : !b, !b -> !b
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.masked_fill %s, %mask {value = -3.4028234663852886e38 : f64} : !s, !b
  // expected-remark@below {{row 0 does not see key 0, which '#attn.window<left = 4, right = 1, alignment = top_left>' shows}}
  %p = attn.softmax %m : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

func.func @fill_at_run_time(%q: !x, %kt: !xt, %v: !x, %mask: !b) -> !x {
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.masked_fill %s, %mask {value = -3.4028234663852886e38 : f64} : !s, !b
  // expected-remark@below {{'attn.masked_fill' hides with -3.40282e+38 what is not known here: a row that sees no key would differ from one of -inf}}
  %p = attn.softmax %m : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

func.func @scale_after_softmax(%q: !x, %kt: !xt, %v: !x) -> !x {
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  // expected-remark@below {{probabilities pass 'attn.scale' before the weighted sum}}
  %p = attn.softmax %s : !s -> !s
  %c = attn.scale %p {by = 0.5} : !s
  %o = attn.matmul %c, %v : !s, !x -> !x
  return %o : !x
}

func.func @zeroed_only(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = 1.0 : f64} : !f
  %past = attn.tril %ones : !f
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  // expected-remark@below {{probabilities pass 'attn.mul' before the weighted sum}}
  %p = attn.softmax %s : !s -> !s
  %z = attn.mul %p, %past : !s, !f -> !s
  %o = attn.matmul %z, %v : !s, !x -> !x
  return %o : !x
}

// 0 / 0 in rows 4 and 5, which stand behind all keys.
func.func @renormalised_without_a_key(%q: !x, %kt: tensor<2x4x4xf32>,
                                      %v: tensor<2x4x4xf32>) -> !x {
  %ones = attn.full {value = 1.0 : f64} : tensor<6x4xf32>
  %past = attn.tril %ones : tensor<6x4xf32>
  %own = attn.triu %past : tensor<6x4xf32>
  %s = attn.matmul %q, %kt : !x, tensor<2x4x4xf32> -> !x
  // expected-remark@below {{row 4 sees no key and would not be 0}}
  %p = attn.softmax %s : !x -> !x
  %z = attn.mul %p, %own : !x, tensor<6x4xf32> -> !x
  %t = attn.sum %z {dim = 2} : !x -> tensor<2x6x1xf32>
  %n = attn.div %z, %t : !x, tensor<2x6x1xf32> -> !x
  %o = attn.matmul %n, %v : !x, tensor<2x4x4xf32> -> !x
  return %o : !x
}

func.func @renormalised_by_half(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = 0.5 : f64} : !f
  %past = attn.tril %ones : !f
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  // expected-remark@below {{'attn.mul' multiplies probabilities by what is no constant mask}}
  %p = attn.softmax %s : !s -> !s
  %z = attn.mul %p, %past : !s, !f -> !s
  %t = attn.sum %z {dim = 2} : !s -> tensor<2x6x1xf32>
  %n = attn.div %z, %t : !s, tensor<2x6x1xf32> -> !s
  %o = attn.matmul %n, %v : !s, !x -> !x
  return %o : !x
}

func.func @scores_needed_too(%q: !x, %kt: !xt, %v: !x) -> (!x, !s) {
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  // expected-remark@below {{scores of 'attn.matmul' have 2 uses, expected 1}}
  %p = attn.softmax %s : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o, %s : !x, !s
}

func.func @weights_needed_too(%q: !x, %kt: !xt, %v: !x) -> (!x, !s) {
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  // expected-remark@below {{probabilities of 'attn.softmax' have 2 uses, expected 1 in a weighted sum}}
  %p = attn.softmax %s : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o, %p : !x, !s
}

func.func @mask_before_softcap(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = true} : !b
  %future = attn.triu %ones {diagonal = 1} : !b
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.masked_fill %s, %future {value = 0xFFF0000000000000 : f64} : !s, !b
  %t = attn.softcap %m {cap = 50.0} : !s
  // expected-remark@below {{'attn.masked_fill' stands before a softcap, which bounds it}}
  %p = attn.softmax %t : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

func.func @shared_keys(%q: !x, %kt: tensor<4x6xf32>, %v: !x) -> !x {
  %s = attn.matmul %q, %kt : !x, tensor<4x6xf32> -> !s
  // expected-remark@below {{'attn.matmul' multiplies ranks 3 and 2, expected keys and values per batch}}
  %p = attn.softmax %s : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

func.func @another_function(%q: !x, %kt: !xt, %v: !x) -> !x {
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %r = attn.relu %s : !s
  // expected-remark@below {{scores come from 'attn.relu', which is no step of attention}}
  %p = attn.softmax %r : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

func.func @additive_scoring(%scores: !s, %v: !x) -> !x {
  // expected-remark@below {{scores come from an argument, expected a product}}
  %p = attn.softmax %scores : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}
