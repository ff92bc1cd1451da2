//===- LowerPrograms.cpp - tile programs as functions ---------------------===//
//
// The pass around TaskEmitter.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/CpuPasses.h"
#include "codegen/cpu/TaskEmitter.h"
#include "codegen/cpu/VerifyPrograms.h"
#include "codegen/cpu/WeightPlan.h"

#include "llvm/ADT/MapVector.h"

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
    llvm::MapVector<StringRef, SmallVector<tile::ProgramOp>> kernels;
    for (auto program : getOperation().getOps<tile::ProgramOp>()) {
      if (failed(verifyProgram(program, *known)))
        return signalPassFailure();
      kernels[program.getKernelName()].push_back(program);
    }
    for (ArrayRef<tile::ProgramOp> programs :
         llvm::make_second_range(kernels)) {
      WeightPlan weights(programs, *known);
      for (tile::ProgramOp program : programs)
        TaskEmitter(builder, program, weights).emit();
    }
    for (auto &entry : kernels)
      llvm::for_each(entry.second, [](tile::ProgramOp p) { p.erase(); });
  }
};
} // namespace
