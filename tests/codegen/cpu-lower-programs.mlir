// RUN: attn-opt %s --convert-attn-to-attn-tile="schedules='[\
// RUN: #attn_tile.schedule<name = \"decode\", max_queries = 1, query_block = 1, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = true>, \
// RUN: #attn_tile.schedule<name = \"short\", max_queries = 16, query_block = 16, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = true>, \
// RUN: #attn_tile.schedule<name = \"prefill\", max_queries = 2147483647, query_block = 64, key_block = 128, split_keys = 1024, max_splits = 32, split_tasks = false>]'" -o %t.mlir
// RUN: attn-opt %t.mlir --attn-cpu-lower-programs="target=x86-64-v4" | FileCheck %s
// RUN: attn-cpu-kernels x86-64-v4 %t.mlir %t.v4.o | FileCheck %s --check-prefix=FACTS
// RUN: attn-cpu-kernels x86-64-v4 %t.mlir %t.again.o
// RUN: cmp %t.v4.o %t.again.o
// RUN: %python %source/tests/codegen/check_object.py %t.v4.o
// RUN: attn-cpu-kernels aarch64 %t.mlir %t.arm.o
// RUN: %python %source/tests/codegen/check_object.py %t.arm.o
// RUN: llvm-nm %t.v4.o | FileCheck %s --check-prefix=NAMES

// Three schedules become one object: they share the microkernels, decode reads
// keys without packing, and the bytes are the same every time.

func.func @llama(%query: tensor<?x?x32x128xf32> {attn.name = "query"},
                 %key: tensor<?x?x8x128xf32> {attn.name = "key"},
                 %value: tensor<?x?x8x128xf32> {attn.name = "value"},
                 %lengths: tensor<?xi32> {attn.name = "kv_lengths"})
    -> (tensor<?x?x32x128xf32> {attn.name = "output"},
        tensor<?x?x32xf32> {attn.name = "lse"}) {
  %output, %lse = attn.flash %query, %key, %value
      lengths(%lengths : tensor<?xi32>)
      {scale = 0.088388347648318447, mask = #attn.causal}
      : tensor<?x?x32x128xf32>, tensor<?x?x8x128xf32>, tensor<?x?x8x128xf32>
      -> tensor<?x?x32x128xf32>, tensor<?x?x32xf32>
  return %output, %lse : tensor<?x?x32x128xf32>, tensor<?x?x32xf32>
}

// CHECK-NOT: attn_tile.
// CHECK-LABEL: func.func @llama_decode_grid(
// CHECK-SAME: attn_tile.footprint = #attn_tile.footprint<scratch_bytes = {{[1-9][0-9]*}}, state_bytes = {{[1-9][0-9]*}}>
// CHECK-LABEL: func.func @llama_decode_phase0(
// CHECK-NOT: call @pack_keys
// CHECK: call @stream_score_4_d128_k128
// CHECK: call @mask_row
// CHECK: call @least_score_4_k128
// CHECK: call @softmax_4_k128
// CHECK: call @exact_accumulate_d128
// CHECK: call @stream_accumulate_4_d128_k128
// CHECK-LABEL: func.func @llama_decode_phase1(
// CHECK: call @merge_row_d128
// CHECK: call @finish_row_d128
// CHECK-LABEL: func.func @llama_prefill_phase0(
// CHECK: call @pack_keys_d128_k128
// CHECK: call @pack_values_d128_k128
// CHECK-COUNT-16: llvm.intr.prefetch
// CHECK: call @score_12x32_d128_k128

// FACTS: llama_decode: phases 2,
// FACTS: llama_short: phases 2,
// FACTS: llama_prefill: phases 1, {{.*}} state 0

// NAMES-DAG: T llama_decode_grid
// NAMES-DAG: T llama_prefill_phase0
// NAMES-DAG: t score_12x32_d128_k128
