//===- Pipeline.cpp - from tile programs to the LLVM dialect --------------===//
//
// Our two passes and MLIR's conversions.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Pipeline.h"

#include "codegen/cpu/CpuPasses.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace attn::cpu;

void attn::cpu::buildFunctionsToLLVM(OpPassManager &passes) {
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
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
