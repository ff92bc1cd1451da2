//===- CpuPasses.td - the CPU back end's passes ------------*- tablegen -*-===//
//
// From tile programs to functions over vectors and pointers.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_CPUPASSES_TD
#define CODEGEN_CPU_CPUPASSES_TD

include "mlir/Pass/PassBase.td"

def CpuVerifyPrograms : Pass<"attn-cpu-verify-programs", "::mlir::ModuleOp"> {
  let summary = "check that the CPU back end can lower every tile program";
  let description = [{
    Requires: nothing.
    Ensures: every program uses f32, static head sizes from 1 to 576, a key
    block of whole panels, and steps in an order that `attn-cpu-lower-programs`
    lowers; tiles come from loads, masks cover the keys that are loaded, each
    running state has one place, and steps on rows agree on their rows. Anything else is an error that names the
    operation.

    ```mlir
    attn_tile.program @copy(%query: !attn_tile.view<?x?x1x8xf32>) layers [0] attributes {
        argument_names = ["query"],
        schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
            query_block = 64, key_block = 128, split_keys = 1024,
            max_splits = 32, split_tasks = false>} {
      %queries = attn_tile.dim %query, 1 : !attn_tile.view<?x?x1x8xf32>
    }
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", "\"native\"",
           "name of the CPU target; the default is the host">
  ];
}

def CpuLowerPrograms : Pass<"attn-cpu-lower-programs", "::mlir::ModuleOp"> {
  let summary = "turn tile programs into functions for one CPU target";
  let description = [{
    Writes `<program>_grid` and one `<program>_phase<N>` per phase, as
    runtime/attn_rt.h declares them, and the microkernels that they call. The
    grid function carries the program's footprint.

    Requires: `attn-cpu-verify-programs` succeeds.
    Ensures: no program is left; all functions are of the func, scf, arith,
    math, vector and llvm dialects.

    ```mlir
    attn_tile.program @one(%query: !attn_tile.view<?x?x1x8xf32>) layers [0] attributes {
        argument_names = ["query"],
        schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
            query_block = 64, key_block = 128, split_keys = 1024,
            max_splits = 32, split_tasks = false>} {
      %one = arith.constant 1 : index
      attn_tile.phase "attend" grid(%b = %one, %h = %one, %t = %one) {
      }
    }
    // -----
    func.func @one_grid(%frame: !llvm.ptr, %tasks: !llvm.ptr) attributes {
        attn_tile.footprint = #attn_tile.footprint<scratch_bytes = 7168, state_bytes = 0>} {
      %one = arith.constant 1 : i64
      llvm.store %one, %tasks : i64, !llvm.ptr
      return
    }
    func.func @one_phase0(%frame: !llvm.ptr, %scratch: !llvm.ptr, %task: i64) {
      return
    }
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", "\"native\"",
           "name of the CPU target; the default is the host">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def CpuFunctionsToLLVM : Pass<"attn-cpu-functions-to-llvm", "::mlir::ModuleOp"> {
  let summary = "convert what kernels are written in to the LLVM dialect";
  let description = [{
    One conversion instead of one pass for each dialect, which takes a third of
    the time.

    Requires: functions of the dialects that `attn-cpu-lower-programs` leaves,
    on types that LLVM knows.
    Ensures: nothing but the LLVM dialect is left. Anything else is an error
    that names the operation.

    ```mlir
    func.func @sum(%a: vector<16xf32>, %b: vector<16xf32>) -> vector<16xf32> {
      %sum = arith.addf %a, %b : vector<16xf32>
      return %sum : vector<16xf32>
    }
    // -----
    llvm.func @sum(%a: vector<16xf32>, %b: vector<16xf32>) -> vector<16xf32> {
      %sum = llvm.fadd %a, %b : vector<16xf32>
      llvm.return %sum : vector<16xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::cf::ControlFlowDialect"];
}

#endif // CODEGEN_CPU_CPUPASSES_TD
