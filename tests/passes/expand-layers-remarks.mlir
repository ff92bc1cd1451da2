// RUN: attn-opt %s --attn-expand-layers --remarks-filter='.*' \
// RUN:   --remark-format=emitRemark 2>&1 >/dev/null | FileCheck %s

// Where models choose their rotation by a sequence's length, the declared
// maximum decides once, and the remark says how.

// CHECK: [Analysis] attn-expand-layers
// CHECK-SAME: rotation takes the long factors for all lengths: the declared maximum is 131072 tokens, the original 4096
attn.grouped @longrope {hidden = 8, heads = 2, kv_heads = 2, head_dim = 4,
    layers = array<i64: 0>, mask = #attn.causal,
    position = #attn.rope<theta = 1.0e4, scaling = #attn.longrope<
        short = [1.0, 1.0], long = [1.0, 2.0], original = 4096, max = 131072>>}

// CHECK: [Analysis] attn-expand-layers
// CHECK-SAME: rotation takes the short factors for all lengths: the declared maximum is 4096 tokens, the original 4096
attn.grouped @short {hidden = 8, heads = 2, kv_heads = 2, head_dim = 4,
    layers = array<i64: 1>, mask = #attn.causal,
    position = #attn.rope<theta = 1.0e4, scaling = #attn.longrope<
        short = [1.0, 1.0], long = [1.0, 2.0], original = 4096, max = 4096>>}

// CHECK: [Analysis] attn-expand-layers
// CHECK-SAME: rotation takes the base of sequences of 2048 tokens, the declared maximum, for all lengths
attn.grouped @dynamic {hidden = 8, heads = 2, kv_heads = 2, head_dim = 4,
    layers = array<i64: 2>, mask = #attn.causal,
    position = #attn.rope<theta = 1.0e4,
        scaling = #attn.dynamic<factor = 2.0, original = 2048>>}

// CHECK-NOT: [Analysis]
attn.grouped @linear {hidden = 8, heads = 2, kv_heads = 2, head_dim = 4,
    layers = array<i64: 3>, mask = #attn.causal,
    position = #attn.rope<theta = 1.0e4,
        scaling = #attn.linear<factor = 2.0>>}
