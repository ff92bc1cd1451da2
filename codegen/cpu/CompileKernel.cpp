//===- CompileKernel.cpp - one kernel as an object ------------------------===//
//
// Verify, lower, emit.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/CompileKernel.h"
#include "codegen/cpu/CpuPasses.h"
#include "codegen/cpu/EmitObject.h"
#include "codegen/cpu/TaskEmitter.h"
#include "codegen/cpu/VerifyPrograms.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

static CpuProgram describe(tile::ProgramOp program, const TaskEmitter &tasks) {
  tile::ScheduleAttr schedule = program.getSchedule();
  CpuProgram facts;
  facts.schedule = schedule.getName().str();
  facts.symbol = program.getSymName().str();
  facts.maxQueries = schedule.getMaxQueries();
  facts.phases = tasks.getPhaseCount();
  facts.scratchBytes = tasks.getScratchBytes();
  facts.stateBytes = tasks.getStateBytes();
  facts.queryBlock = schedule.getQueryBlock();
  facts.splitKeys = schedule.getSplitKeys();
  facts.maxSplits = schedule.getMaxSplits();
  return facts;
}

FailureOr<CpuKernel>
attn::cpu::compileKernel(ArrayRef<tile::ProgramOp> programs,
                         const CpuTarget &target) {
  MLIRContext *context = programs.front()->getContext();
  context->loadDialect<arith::ArithDialect, func::FuncDialect,
                       LLVM::LLVMDialect, math::MathDialect, scf::SCFDialect,
                       vector::VectorDialect>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(programs.front()->getLoc());
  KernelBuilder builder(*module, target);
  CpuKernel kernel;
  for (tile::ProgramOp program : programs) {
    if (failed(verifyProgram(program, target)))
      return failure();
    TaskEmitter tasks(builder, program);
    tasks.emit();
    kernel.programs.push_back(describe(program, tasks));
  }
  kernel.target = {target.name, target.triple, target.cpu, target.features};
  FailureOr<std::string> object =
      emitObject(*module, target, ObjectForm::Relocatable);
  if (failed(object))
    return failure();
  kernel.object = std::move(*object);
  return kernel;
}
