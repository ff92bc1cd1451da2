//===- Pipeline.cpp - from tile programs to the LLVM dialect --------------===//
//
// The passes in their order.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Pipeline.h"

#include "codegen/cpu/CpuPasses.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace attn::cpu;

void attn::cpu::buildFunctionsToLLVM(OpPassManager &passes) {
  passes.addPass(createCpuFunctionsToLLVM());
}

void attn::cpu::buildCpuPipeline(OpPassManager &passes,
                                 const CpuPipelineOptions &options) {
  passes.addPass(createCpuVerifyPrograms({options.target}));
  passes.addPass(createCpuLowerPrograms({options.target}));
  buildFunctionsToLLVM(passes);
}

void attn::cpu::registerCpuPipeline() {
  PassPipelineRegistration<CpuPipelineOptions>(
      "attn-cpu-to-llvm", "lower tile programs to the LLVM dialect for one CPU",
      buildCpuPipeline);
}
