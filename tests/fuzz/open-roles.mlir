// RUN: attn-opt %s --cse --verify-each-numeric -o /dev/null 2>&1 | FileCheck %s

// Open sizes agree although queries and keys are scaled, rotated and repeated
// before the operation that says what they are, or appended to a cache, and so do
// those of a mask: every function is compared.

// CHECK: {{^}}verify-each-numeric: compared 3 functions after 1 of 1 pass{{$}}

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

func.func @appended(%q: !q, %new: !k, %cache: !k, %v: !k, %lengths: tensor<?xi32>,
                    %mask: tensor<?x4x?x?xf16>) -> !q {
  %k = attn.cache_append %cache, %new lengths(%lengths : tensor<?xi32>) : !k, !k
  %kr = attn.repeat_kv %k {times = 2} : !k -> !q
  %vr = attn.repeat_kv %v {times = 2} : !k -> !q
  %s = attn.score %q, %kr : !q, !q -> !s
  %a = attn.add %s, %mask : !s, tensor<?x4x?x?xf16> -> !s
  %m = attn.mask %a lengths(%lengths : tensor<?xi32>) {mask = #attn.causal} : !s
  %p = attn.softmax %m : !s -> !s
  %o = attn.weighted_sum %p, %vr : !s, !q -> !q
  return %o : !q
}
