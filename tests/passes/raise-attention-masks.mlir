// RUN: attn-opt %s --attn-raise-attention --verify-each-numeric | FileCheck %s

// Constant masks are symbols, however they are composed; masks that come in at
// run time stay tensors. 0xFFF0000000000000 is -inf.

!x = tensor<2x6x4xf32>
!xt = tensor<2x4x6xf32>
!s = tensor<2x6x6xf32>
!b = tensor<6x6xi1>
!f = tensor<6x6xf32>

// CHECK-LABEL: func.func @future_filled
// CHECK: %[[C:.+]] = attn.scale %{{.+}} {by = 0.5}
// CHECK-NEXT: attn.mask %[[C]] {mask = #attn.causal<alignment = top_left>}
func.func @future_filled(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = true} : tensor<1x1024x1024xi1>
  %all = attn.triu %ones {diagonal = 1} : tensor<1x1024x1024xi1>
  %rows = attn.slice %all {dim = 1, offset = 0} : tensor<1x1024x1024xi1> -> tensor<1x6x1024xi1>
  %future = attn.slice %rows {dim = 2, offset = 0} : tensor<1x6x1024xi1> -> tensor<1x6x6xi1>
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.masked_fill %s, %future {value = 0xFFF0000000000000 : f64} : !s, tensor<1x6x6xi1>
  %c = attn.scale %m {by = 0.5} : !s
  %p = attn.softmax %c : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

// CHECK-LABEL: func.func @past_chosen
// CHECK: attn.mask %{{.+}} {mask = #attn.causal<alignment = top_left>}
func.func @past_chosen(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = true} : !b
  %past = attn.tril %ones : !b
  %inf = attn.full {value = 0xFFF0000000000000 : f64} : tensor<1xf32>
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.where %past, %s, %inf : !b, !s, tensor<1xf32> -> !s
  %p = attn.softmax %m : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

// CHECK-LABEL: func.func @infinities_added
// CHECK: attn.mask %{{.+}} {mask = #attn.causal<alignment = top_left>}
func.func @infinities_added(%q: !x, %kt: !xt, %v: !x) -> !x {
  %inf = attn.full {value = 0xFFF0000000000000 : f64} : !f
  %future = attn.triu %inf {diagonal = 1} : !f
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.add %future, %s : !f, !s -> !s
  %c = attn.scale %m {by = 0.5} : !s
  %p = attn.softmax %c : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

// The weights of the future are made 0 and the rest is divided by its sum.
// CHECK-LABEL: func.func @renormalised
// CHECK: %[[C:.+]] = attn.scale %{{.+}} {by = 0.5}
// CHECK-NEXT: %[[M:.+]] = attn.mask %[[C]] {mask = #attn.causal<alignment = top_left>}
// CHECK-NEXT: %[[P:.+]] = attn.softmax %[[M]]
// CHECK: attn.weighted_sum %[[P]]
// CHECK-NOT: attn.sum
func.func @renormalised(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = 1.0 : f64} : !f
  %past = attn.tril %ones : !f
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %c = attn.scale %s {by = 0.5} : !s
  %p = attn.softmax %c : !s -> !s
  %z = attn.mul %p, %past : !s, !f -> !s
  %t = attn.sum %z {dim = 2} : !s -> tensor<2x6x1xf32>
  %n = attn.div %z, %t : !s, tensor<2x6x1xf32> -> !s
  %o = attn.matmul %n, %v : !s, !x -> !x
  return %o : !x
}

// CHECK-LABEL: func.func @renormalised_filled
// CHECK: attn.mask %{{.+}} {mask = #attn.causal<alignment = top_left>}
func.func @renormalised_filled(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = true} : !b
  %future = attn.triu %ones {diagonal = 1} : !b
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %p = attn.softmax %s : !s -> !s
  %z = attn.masked_fill %p, %future {value = 0.0 : f64} : !s, !b
  %t = attn.sum %z {dim = 2} : !s -> tensor<2x6x1xf32>
  %n = attn.div %z, %t : !s, tensor<2x6x1xf32> -> !s
  %o = attn.matmul %n, %v : !s, !x -> !x
  return %o : !x
}

// not (past and not (past without the last two)): a window, hidden elsewhere.
// CHECK-LABEL: func.func @window_composed
// CHECK: attn.mask %{{.+}} {mask = #attn.window<left = 3, right = 1, alignment = top_left>}
func.func @window_composed(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = true} : !b
  %past = attn.tril %ones : !b
  %far = attn.tril %ones {diagonal = -3} : !b
  %near = attn.not %far : !b
  %seen = attn.and %past, %near : !b, !b -> !b
  %hidden = attn.not %seen : !b
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.masked_fill %s, %hidden {value = 0xFFF0000000000000 : f64} : !s, !b
  %p = attn.softmax %m : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

// Two masks, one after the other: what both show.
// CHECK-LABEL: func.func @masked_twice
// CHECK: attn.mask %{{.+}} {mask = #attn.window<left = 2, right = 1, alignment = top_left>}
// CHECK-NOT: attn.masked_fill
func.func @masked_twice(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = true} : !b
  %future = attn.triu %ones {diagonal = 1} : !b
  %far = attn.tril %ones {diagonal = -2} : !b
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.masked_fill %s, %future {value = 0xFFF0000000000000 : f64} : !s, !b
  %n = attn.masked_fill %m, %far {value = 0xFFF0000000000000 : f64} : !s, !b
  %p = attn.softmax %n : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

// One diagonal more than causal is a window that looks one key ahead.
// CHECK-LABEL: func.func @one_ahead
// CHECK: attn.mask %{{.+}} {mask = #attn.window<right = 2, alignment = top_left>}
func.func @one_ahead(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = true} : !b
  %future = attn.triu %ones {diagonal = 2} : !b
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.masked_fill %s, %future {value = 0xFFF0000000000000 : f64} : !s, !b
  %p = attn.softmax %m : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

// The last two rows of a causal mask of six keys: queries end where keys do.
// CHECK-LABEL: func.func @last_rows
// CHECK: attn.mask %{{.+}} {mask = #attn.causal}
func.func @last_rows(%q: tensor<2x2x4xf32>, %kt: !xt, %v: !x) -> tensor<2x2x4xf32> {
  %ones = attn.full {value = true} : !b
  %all = attn.triu %ones {diagonal = 1} : !b
  %future = attn.slice %all {dim = 0, offset = 4} : !b -> tensor<2x6xi1>
  %s = attn.matmul %q, %kt : tensor<2x2x4xf32>, !xt -> tensor<2x2x6xf32>
  %m = attn.masked_fill %s, %future {value = 0xFFF0000000000000 : f64} : tensor<2x2x6xf32>, tensor<2x6xi1>
  %p = attn.softmax %m : tensor<2x2x6xf32> -> tensor<2x2x6xf32>
  %o = attn.matmul %p, %v : tensor<2x2x6xf32>, !x -> tensor<2x2x4xf32>
  return %o : tensor<2x2x4xf32>
}

// The lowest float32 is -inf where scores are at most 1e30 and every row sees
// a key; -500 is where they are capped at 50.
// CHECK-LABEL: func.func @lowest_float
// CHECK: attn.mask %{{.+}} {mask = #attn.causal<alignment = top_left>}
func.func @lowest_float(%q: !x, %kt: !xt, %v: !x) -> !x {
  %ones = attn.full {value = true} : !b
  %future = attn.triu %ones {diagonal = 1} : !b
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.masked_fill %s, %future {value = -3.4028234663852886e38 : f64} : !s, !b
  %p = attn.softmax %m : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

// CHECK-LABEL: func.func @capped_fill
// CHECK: attn.softcap
// CHECK-NEXT: attn.mask %{{.+}} {mask = #attn.causal<alignment = top_left>}
func.func @capped_fill(%q: !x, %kt: !xt, %v: !x) -> !x {
  %low = attn.full {value = -500.0 : f64} : !f
  %future = attn.triu %low {diagonal = 1} : !f
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %t = attn.softcap %s {cap = 50.0} : !s
  %m = attn.add %t, %future : !s, !f -> !s
  %p = attn.softmax %m : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

!h = tensor<2x3x6x4xf32>
!ht = tensor<2x3x4x6xf32>
!hs = tensor<2x3x6x6xf32>

// Future or padding: the constant part is a symbol, the other a tensor.
// CHECK-LABEL: func.func @future_or_padding
// CHECK-SAME: %[[PAD:[^:]+]]: tensor<2x6xi1>)
// CHECK: %[[S:.+]] = attn.score
// CHECK-NEXT: %[[E:.+]] = attn.expand %[[PAD]] {dim = 1} : tensor<2x6xi1> -> tensor<2x1x6xi1>
// CHECK-NEXT: %[[F:.+]] = attn.expand %[[E]] {dim = 1} : tensor<2x1x6xi1> -> tensor<2x1x1x6xi1>
// CHECK-NEXT: %[[M:.+]] = attn.masked_fill %[[S]], %[[F]] {value = 0xFFF0000000000000 : f64}
// CHECK-NEXT: attn.mask %[[M]] {mask = #attn.causal<alignment = top_left>}
func.func @future_or_padding(%q: !h, %kt: !ht, %v: !h, %padding: tensor<2x6xi1>) -> !h {
  %ones = attn.full {value = true} : !b
  %future = attn.triu %ones {diagonal = 1} : !b
  %row = attn.expand %padding {dim = 1} : tensor<2x6xi1> -> tensor<2x1x6xi1>
  %both = attn.or %future, %row : !b, tensor<2x1x6xi1> -> tensor<2x6x6xi1>
  %hidden = attn.expand %both {dim = 1} : tensor<2x6x6xi1> -> tensor<2x1x6x6xi1>
  %s = attn.matmul %q, %kt : !h, !ht -> !hs
  %m = attn.masked_fill %s, %hidden {value = 0xFFF0000000000000 : f64} : !hs, tensor<2x1x6x6xi1>
  %p = attn.softmax %m : !hs -> !hs
  %o = attn.matmul %p, %v : !hs, !h -> !h
  return %o : !h
}

// Masks turned into infinities and added, as torch.nn.MultiheadAttention does.
// CHECK-LABEL: func.func @booleans_added
// CHECK-SAME: %[[MASK:[^:]+]]: tensor<6x6xi1>, %[[PAD:[^:]+]]: tensor<2x6xi1>)
// CHECK: %[[OR:.+]] = attn.or %{{.+}}, %{{.+}} : tensor<1x1x6x6xi1>, tensor<2x1x1x6xi1> -> tensor<2x1x6x6xi1>
// CHECK-NEXT: attn.masked_fill %{{.+}}, %[[OR]] {value = 0xFFF0000000000000 : f64}
// CHECK-NOT: attn.add
func.func @booleans_added(%q: !h, %kt: !ht, %v: !h, %mask: !b, %padding: tensor<2x6xi1>) -> !h {
  %zeros = attn.full {value = 0.0 : f64} : !f
  %infinities = attn.masked_fill %zeros, %mask {value = 0xFFF0000000000000 : f64} : !f, !b
  %zero = attn.full {value = 0.0 : f64} : tensor<1xf32>
  %inf = attn.full {value = 0xFFF0000000000000 : f64} : tensor<1xf32>
  %pad = attn.where %padding, %inf, %zero : tensor<2x6xi1>, tensor<1xf32>, tensor<1xf32> -> tensor<2x6xf32>
  %pad1 = attn.expand %pad {dim = 1} : tensor<2x6xf32> -> tensor<2x1x6xf32>
  %pad2 = attn.expand %pad1 {dim = 1} : tensor<2x1x6xf32> -> tensor<2x3x1x6xf32>
  %both = attn.add %infinities, %pad2 : !f, tensor<2x3x1x6xf32> -> !hs
  %s = attn.matmul %q, %kt : !h, !ht -> !hs
  %m = attn.add %s, %both : !hs, !hs -> !hs
  %p = attn.softmax %m : !hs -> !hs
  %o = attn.matmul %p, %v : !hs, !h -> !h
  return %o : !h
}

// A mask that is added before the scale is scaled itself.
// CHECK-LABEL: func.func @added_before_scale
// CHECK-SAME: %[[BIAS:[^:]+]]: tensor<2x6x6xf32>)
// CHECK: %[[S:.+]] = attn.scale %{{.+}} {by = 0.5} : tensor<2x1x6x6xf32>
// CHECK-NEXT: %[[E:.+]] = attn.expand %[[BIAS]] {dim = 1}
// CHECK-NEXT: %[[B:.+]] = attn.scale %[[E]] {by = 0.5}
// CHECK-NEXT: attn.add %[[S]], %[[B]]
func.func @added_before_scale(%q: !x, %kt: !xt, %v: !x, %bias: !s) -> !x {
  %s = attn.matmul %q, %kt : !x, !xt -> !s
  %m = attn.add %s, %bias : !s, !s -> !s
  %c = attn.scale %m {by = 0.5} : !s
  %p = attn.softmax %c : !s -> !s
  %o = attn.matmul %p, %v : !s, !x -> !x
  return %o : !x
}

// As many queries as keys: a triangle is causal in the documents' alignment.
// CHECK-LABEL: func.func @triangle_of_documents
// CHECK: attn.mask %{{.+}} documents(%{{.+}} : tensor<2x6xi32>)
// CHECK-SAME: {mask = #attn.all<[#attn.causal, #attn.document]>}
func.func @triangle_of_documents(%q: tensor<2x6x1x4xf32>, %documents: tensor<2x6xi32>) -> tensor<2x6x1x4xf32> {
  %ones = attn.full {value = true} : !b
  %future = attn.triu %ones {diagonal = 1} : !b
  %s = attn.score %q, %q : tensor<2x6x1x4xf32>, tensor<2x6x1x4xf32> -> tensor<2x1x6x6xf32>
  %m = attn.masked_fill %s, %future {value = 0xFFF0000000000000 : f64} : tensor<2x1x6x6xf32>, !b
  %d = attn.mask %m documents(%documents : tensor<2x6xi32>) {mask = #attn.document} : tensor<2x1x6x6xf32>
  %p = attn.softmax %d : tensor<2x1x6x6xf32> -> tensor<2x1x6x6xf32>
  %o = attn.weighted_sum %p, %q : tensor<2x1x6x6xf32>, tensor<2x6x1x4xf32> -> tensor<2x6x1x4xf32>
  return %o : tensor<2x6x1x4xf32>
}
