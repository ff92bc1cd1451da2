//===- attn-opt.cpp - mlir-opt for attnc's dialects and passes ------------===//
//
// The usual MLIR test tool, plus --verify-each-numeric, which interprets every
// function after every pass.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/CpuPasses.h"
#include "codegen/cpu/Pipeline.h"
#include "compiler/verify/VerifyEachNumeric.h"
#include "dialects/attn/AttnDialect.h"
#include "dialects/attn_tile/AttnTileDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "passes/FusionPipeline.h"
#include "passes/Passes.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"
#include <deque>

using namespace mlir;

/// MlirOptMain with a numeric check around every pass. Pieces of a split input
/// share names but no functions: each has a check of its own.
static LogicalResult runWithNumericCheck(StringRef input, StringRef output,
                                         DialectRegistry &registry) {
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(input, &message);
  std::unique_ptr<llvm::ToolOutputFile> file;
  if (buffer)
    file = openOutputFile(output, &message);
  if (!file) {
    llvm::errs() << message << '\n';
    return failure();
  }
  std::deque<attn::verify::NumericCheck> checks;
  MlirOptMainConfig base = MlirOptMainConfig::createFromCLOptions();
  MlirOptMainConfig config = base;
  config.setPassPipelineSetupFn([&](PassManager &passes) {
    passes.addInstrumentation(
        attn::verify::createNumericInstrumentation(checks.emplace_back()));
    return base.setupPassPipeline(passes);
  });
  if (failed(MlirOptMain(file->os(), std::move(buffer), registry, config)))
    return failure();
  file->keep();
  attn::verify::Coverage coverage;
  for (const auto &check : checks)
    coverage.add(check.coverage());
  llvm::errs() << "verify-each-numeric: " << coverage.describe() << '\n';
  bool changed =
      llvm::any_of(checks, [](const auto &check) { return check.hasFailed(); });
  return success(!changed || config.shouldVerifyDiagnostics());
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  DialectRegistry registry;
  registry.insert<attn::AttnDialect, attn::tile::AttnTileDialect,
                  arith::ArithDialect, func::FuncDialect, LLVM::LLVMDialect,
                  linalg::LinalgDialect, math::MathDialect, scf::SCFDialect,
                  tensor::TensorDialect, vector::VectorDialect>();
  attn::registerAttnPasses();
  attn::registerFusionPipeline();
  attn::cpu::registerAttnCpuPasses();
  attn::cpu::registerCpuPipeline();
  registerTransformsPasses();
  llvm::cl::opt<bool> verifyEachNumeric(
      "verify-each-numeric",
      llvm::cl::desc("Interpret every function before and after each pass, and "
                     "name the first pass that changes one"));
  auto [input, output] = registerAndParseCLIOptions(
      argc, argv, "attnc modular optimizer driver\n", registry);
  if (verifyEachNumeric)
    return asMainReturnCode(runWithNumericCheck(input, output, registry));
  return asMainReturnCode(MlirOptMain(argc, argv, input, output, registry));
}
