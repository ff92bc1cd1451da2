// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s

// Rotations print what differs from the plain one, each scaling as a group.

// CHECK-LABEL: func.func @scalings
func.func @scalings(%x: tensor<1x4x2x8xf32>) -> tensor<1x4x2x8xf32> {
  // CHECK: {position = #attn.rope<theta = 5.0e5>}
  %0 = attn.rope %x {position = #attn.rope<theta = 5.0e5, pairing = half>}
      : tensor<1x4x2x8xf32>
  // CHECK: {position = #attn.rope<theta = 10000.0, dims = 4, pairing = interleaved>}
  %1 = attn.rope %0 {position = #attn.rope<theta = 1.0e4, dims = 4,
                                           pairing = interleaved>}
      : tensor<1x4x2x8xf32>
  // CHECK: scaling = #attn.linear<factor = 8.0>>}
  %2 = attn.rope %1 {position = #attn.rope<theta = 1.0e4,
      scaling = #attn.linear<factor = 8.0>>} : tensor<1x4x2x8xf32>
  // CHECK: scaling = #attn.dynamic<factor = 2.0, original = 2048>>}
  %3 = attn.rope %2 {position = #attn.rope<theta = 1.0e4,
      scaling = #attn.dynamic<factor = 2.0, original = 2048>>}
      : tensor<1x4x2x8xf32>
  // CHECK: scaling = #attn.dynamic<factor = 2.0, original = 2048, max = 4096>>}
  %4 = attn.rope %3 {position = #attn.rope<theta = 1.0e4,
      scaling = #attn.dynamic<factor = 2.0, max = 4096, original = 2048>>}
      : tensor<1x4x2x8xf32>
  // CHECK: scaling = #attn.ntk<alpha = 1000.0>>}
  %5 = attn.rope %4 {position = #attn.rope<theta = 1.0e4,
      scaling = #attn.ntk<alpha = 1.0e3>>} : tensor<1x4x2x8xf32>
  // CHECK: scaling = #attn.yarn<factor = 32.0, original = 4096, truncate = false>>}
  %6 = attn.rope %5 {position = #attn.rope<theta = 1.5e5,
      scaling = #attn.yarn<factor = 32.0, original = 4096, truncate = false>>}
      : tensor<1x4x2x8xf32>
  // CHECK: #attn.yarn<factor = 40.0, original = 4096, beta_fast = 16.0, beta_slow = 2.0, mscale = 1.0, mscale_all_dim = 0.5, attention_factor = 1.5>
  %7 = attn.rope %6 {position = #attn.rope<theta = 1.0e4,
      scaling = #attn.yarn<factor = 40.0, original = 4096, beta_fast = 16.0,
          beta_slow = 2.0, mscale = 1.0, mscale_all_dim = 0.5,
          attention_factor = 1.5, truncate = true>>} : tensor<1x4x2x8xf32>
  // CHECK: #attn.longrope<short = [1.0, 1.05, 1.1, 1.15], long = [1.0, 2.5, 5.0, 9.0], original = 4096, max = 131072>
  %8 = attn.rope %7 {position = #attn.rope<theta = 1.0e4,
      scaling = #attn.longrope<short = [1.0, 1.05, 1.1, 1.15],
          long = [1.0, 2.5, 5.0, 9.0], original = 4096, max = 131072>>}
      : tensor<1x4x2x8xf32>
  // CHECK: scaling = #attn.llama3<factor = 8.0, low = 1.0, high = 4.0, original = 8192>>}
  %9 = attn.rope %8 {position = #attn.rope<theta = 5.0e5,
      scaling = #attn.llama3<factor = 8.0, low = 1.0, high = 4.0,
                             original = 8192>>} : tensor<1x4x2x8xf32>
  // CHECK: scaling = #attn.proportional<pairs = 1>>}
  %10 = attn.rope %9 {position = #attn.rope<theta = 1.0e6,
      scaling = #attn.proportional<pairs = 1>>} : tensor<1x4x2x8xf32>
  return %10 : tensor<1x4x2x8xf32>
}
