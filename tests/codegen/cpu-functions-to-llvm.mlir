// RUN: attn-opt %s --attn-cpu-functions-to-llvm | FileCheck %s

// CHECK-LABEL: llvm.func @sum(
// CHECK: llvm.fadd %{{.*}}, %{{.*}} : vector<16xf32>
// CHECK: llvm.return
func.func @sum(%a: vector<16xf32>, %b: vector<16xf32>) -> vector<16xf32> {
  %sum = arith.addf %a, %b : vector<16xf32>
  return %sum : vector<16xf32>
}

// Loops and branches become blocks, and no cast between types is left.
// CHECK-LABEL: llvm.func @count(
// CHECK-NOT: {{scf|unrealized}}
// CHECK: llvm.cond_br
// CHECK-NOT: {{scf|unrealized}}
func.func @count(%to: i64, %x: f32) -> f32 {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %sum = scf.for %i = %zero to %to step %one iter_args(%s = %x) -> (f32) : i64 {
    %next = math.absf %s : f32
    scf.yield %next : f32
  }
  return %sum : f32
}
