// RUN: attn-opt %s --cse --verify-each-numeric -o /dev/null 2>&1 | FileCheck %s

// Open sizes agree although queries and keys are scaled, rotated and repeated
// before the operation that says what they are: every function is compared.

// CHECK: {{^}}verify-each-numeric: compared 2 functions after 1 of 1 pass{{$}}

!q = tensor<?x?x4x2xf32>
!k = tensor<?x?x2x2xf32>
!s = tensor<?x4x?x?xf32>

func.func @scaled(%q: !q, %k: !k, %v: !k) -> !q {
  %two = attn.full {value = 2.0} : tensor<1xf32>
  %qs = attn.scale %q {by = 0.5} : !q
  %ks = attn.mul %k, %two : !k, tensor<1xf32> -> !k
  %s = attn.score %qs, %ks : !q, !k -> !s
  %p = attn.softmax %s : !s -> !s
  %o = attn.weighted_sum %p, %v : !s, !k -> !q
  return %o : !q
}

func.func @rotated(%q: !q, %k: !k, %v: !k) -> !q {
  %qr = attn.rope %q {position = #attn.rope<theta = 1.0e4>} : !q
  %kr = attn.repeat_interleave %k {times = 2, dim = 2} : !k -> !q
  %vr = attn.tile %v {times = 2, dim = 2} : !k -> !q
  %s = attn.score %qr, %kr : !q, !q -> !s
  %p = attn.softmax %s : !s -> !s
  %o = attn.weighted_sum %p, %vr : !s, !q -> !q
  return %o : !q
}
