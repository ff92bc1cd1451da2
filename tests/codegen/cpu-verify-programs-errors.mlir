// RUN: attn-opt %s --attn-cpu-verify-programs="target=x86-64-v4" --split-input-file --verify-diagnostics
// RUN: not attn-opt %s --attn-cpu-verify-programs="target=z80" 2>&1 | FileCheck %s

// What the CPU back end cannot lower is an error before emission, by name.

// CHECK: unknown CPU target 'z80'

// expected-error @below {{key_block 48 is not a multiple of 32, the panel of target 'x86-64-v4'}}
attn_tile.program @block_of_no_whole_panels(%query: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 48, split_keys = 960,
        max_splits = 32, split_tasks = false>} {
}
