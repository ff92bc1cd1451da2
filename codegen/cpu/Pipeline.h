//===- Pipeline.h - from tile programs to the LLVM dialect ------*- C++ -*-===//
//
// The passes of the CPU back end in order, for compileKernels and for attn-opt.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_PIPELINE_H
#define CODEGEN_CPU_PIPELINE_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

#include <string>

namespace attn::cpu {

struct CpuPipelineOptions
    : public mlir::PassPipelineOptions<CpuPipelineOptions> {
  Option<std::string> target{
      *this, "target",
      llvm::cl::desc("name of the CPU target; the default is the host"),
      llvm::cl::init("native")};
};

/// attn-cpu-to-llvm: verifies tile programs, lowers them to functions, and
/// those to the LLVM dialect.
void buildCpuPipeline(mlir::OpPassManager &passes,
                      const CpuPipelineOptions &options);

/// Its last part: from functions of vectors and pointers to the LLVM dialect.
void buildFunctionsToLLVM(mlir::OpPassManager &passes);

/// Makes attn-cpu-to-llvm known to parsers of pipelines.
void registerCpuPipeline();

} // namespace attn::cpu

#endif // CODEGEN_CPU_PIPELINE_H
