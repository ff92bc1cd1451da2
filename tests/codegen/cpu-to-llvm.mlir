// RUN: attn-opt %s --attn-cpu-to-llvm="target=x86-64-v4" | FileCheck %s
// RUN: not attn-opt %s --attn-cpu-to-llvm="target=z80" 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// The pipeline of `attnc compile`, step for step: nothing but the LLVM dialect
// is left, and what a caller must provide.

// CHECK-NOT: attn_tile.program
// CHECK-NOT: {{func.func|scf|arith|vector}}.
// CHECK: llvm.func @copy_grid(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr)
// CHECK-SAME: attn_tile.footprint = #attn_tile.footprint<scratch_bytes = {{[1-9][0-9]*}}, state_bytes = 0>
// CHECK: llvm.func @copy_phase0(
// CHECK-NOT: {{func.func|scf|arith|vector}}.

// UNKNOWN: error: unknown CPU target 'z80'

attn_tile.program @copy(%query: !attn_tile.view<?x?x1x8xf32>) attributes {
    argument_names = ["query"],
    schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
        query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32,
        split_tasks = false>} {
  %one = arith.constant 1 : index
  attn_tile.phase "attend" grid(%batch = %one, %kv_head = %one, %block = %one) {
  }
}
