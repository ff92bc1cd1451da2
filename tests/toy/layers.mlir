// RUN: mkdir -p %t
// RUN: attn-opt %s --attn-expand-layers --attn-eliminate-kv-repeat \
// RUN:   --attn-fuse-masked-softmax --attn-form-flash --attn-verify-fused \
// RUN:   --convert-attn-to-attn-tile="schedules='[\
// RUN:     #attn_tile.schedule<name = \"prefill\", max_queries = 2147483647, query_block = 2, key_block = 4, split_keys = 16, max_splits = 32, split_tasks = false>, \
// RUN:     #attn_tile.schedule<name = \"decode\", max_queries = 7, query_block = 1, key_block = 4, split_keys = 16, max_splits = 32, split_tasks = true>]'" \
// RUN:   --attn-verify-tiles > %t/tiles.mlir
// RUN: attn-toy-translate --attn-tile-to-toy %t/tiles.mlir > %t/programs.c
// RUN: %cc -std=gnu11 -O1 -ffp-contract=off -I%t -I%source/tests/toy \
// RUN:   %source/tests/toy/Inputs/driver.c -lm -o %t/driver
// RUN: %t/driver | FileCheck %s

// The tile level is neutral: a target of plain scalar loops, which knows only
// the documentation of each step, computes what the semantics say, with equal
// bits for every schedule and order of tasks. Small blocks and splits make short
// sequences cross many of their borders.

// CHECK: {{^}}ok mha_causal
attn.grouped @mha_causal {hidden = 48, heads = 3, kv_heads = 3, head_dim = 16,
    layers = array<i64: 0>, mask = #attn.causal}

// CHECK-NEXT: {{^}}ok gqa_window
attn.grouped @gqa_window {hidden = 64, heads = 8, kv_heads = 2, head_dim = 8,
    layers = array<i64: 1>, scale = 0.5,
    mask = #attn.window<left = 21, right = 1>}

// CHECK-NEXT: {{^}}ok mqa_bidirectional
attn.grouped @mqa_bidirectional {hidden = 64, heads = 4, kv_heads = 1,
    head_dim = 16, layers = array<i64: 2>, mask = #attn.bidirectional}

// CHECK-NEXT: {{^}}ok causal_top_left
attn.grouped @causal_top_left {hidden = 8, heads = 2, kv_heads = 2,
    head_dim = 4, layers = array<i64: 3>,
    mask = #attn.causal<alignment = top_left>}

// CHECK-NEXT: {{^}}ok window_both_sides
attn.grouped @window_both_sides {hidden = 12, heads = 3, kv_heads = 1,
    head_dim = 4, layers = array<i64: 4>,
    mask = #attn.window<left = 3, right = 6>}

// CHECK-NEXT: {{^}}ok chunk
attn.grouped @chunk {hidden = 32, heads = 4, kv_heads = 2, head_dim = 8,
    layers = array<i64: 7>, mask = #attn.chunk<size = 11>}

// CHECK-NEXT: {{^}}ok chunk_window_top_left
attn.grouped @chunk_window_top_left {hidden = 8, heads = 2, kv_heads = 2,
    head_dim = 4, layers = array<i64: 8>,
    mask = #attn.all<[#attn.chunk<size = 5, alignment = top_left>,
                      #attn.window<left = 3, alignment = top_left>]>}

// CHECK-NEXT: {{^}}ok prefix
attn.grouped @prefix {hidden = 32, heads = 4, kv_heads = 2, head_dim = 8,
    layers = array<i64: 9>, mask = #attn.prefix}

// CHECK-NEXT: {{^}}ok prefix_window
attn.grouped @prefix_window {hidden = 24, heads = 3, kv_heads = 1, head_dim = 8,
    layers = array<i64: 10>,
    mask = #attn.all<[#attn.prefix, #attn.window<left = 19, right = 7>]>}

// CHECK-NEXT: {{^}}ok documents
attn.grouped @documents {hidden = 32, heads = 4, kv_heads = 2, head_dim = 8,
    layers = array<i64: 12>, mask = #attn.all<[#attn.causal, #attn.document]>}

// CHECK-NEXT: {{^}}ok documents_window_top_left
attn.grouped @documents_window_top_left {hidden = 8, heads = 2, kv_heads = 2,
    head_dim = 4, layers = array<i64: 13>,
    mask = #attn.all<[#attn.window<left = 9, right = 3, alignment = top_left>,
                      #attn.document<alignment = top_left>]>}

// CHECK-NEXT: {{^}}ok softcap
attn.grouped @softcap {hidden = 32, heads = 4, kv_heads = 2, head_dim = 8,
    layers = array<i64: 5>, scale = 1.0, softcap = 2.0, mask = #attn.causal}

// CHECK-NEXT: {{^}}ok sinks
attn.grouped @sinks {hidden = 48, heads = 6, kv_heads = 3, head_dim = 8,
    value_dim = 5, layers = array<i64: 6>, scale = 0.75, softcap = 3.0,
    mask = #attn.window<left = 33, right = 1>, sinks}

// Keys of 16 elements in two views, the value a view of the first.
// CHECK-NEXT: {{^}}ok latent_expanded
// CHECK-NEXT: {{^}}ok latent_absorbed
attn.latent @latent {hidden = 24, heads = 3, kv_rank = 12, nope_dim = 6,
    rope_dim = 4, value_dim = 5, layers = array<i64: 7>, scale = 0.5,
    mask = #attn.causal}
