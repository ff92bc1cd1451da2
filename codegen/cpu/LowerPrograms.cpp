//===- LowerPrograms.cpp - tile programs as functions ---------------------===//
//
// The pass around TaskEmitter.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/CpuPasses.h"
#include "codegen/cpu/TaskEmitter.h"
#include "codegen/cpu/VerifyPrograms.h"

namespace attn::cpu {
#define GEN_PASS_DEF_CPULOWERPROGRAMS
#include "codegen/cpu/CpuPasses.h.inc"
} // namespace attn::cpu

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {
struct CpuLowerProgramsPass
    : attn::cpu::impl::CpuLowerProgramsBase<CpuLowerProgramsPass> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<CpuTarget> known = findTarget(getOperation(), target);
    if (failed(known))
      return signalPassFailure();
    KernelBuilder builder(getOperation(), *known);
    for (tile::ProgramOp program :
         llvm::make_early_inc_range(getOperation().getOps<tile::ProgramOp>())) {
      if (failed(verifyProgram(program, *known)))
        return signalPassFailure();
      TaskEmitter(builder, program).emit();
      program.erase();
    }
  }
};
} // namespace
