//===- attn-cpu-kernels.cpp - CPU code alone, for the tests ---------------===//
//
// Prints microkernels of one shape, or all programs of a file, as assembly; or
// writes their object:
//   attn-cpu-kernels TARGET HEAD_DIM VALUE_DIM KEY_BLOCK [OBJECT]
//   attn-cpu-kernels TARGET FILE.mlir OBJECT
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/CompileKernels.h"
#include "codegen/cpu/EmitObject.h"
#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/Pipeline.h"

#include "dialects/attn_tile/AttnTileDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace attn::cpu;

/// All microkernels, visible by name.
static OwningOpRef<ModuleOp> emitAll(MLIRContext &context,
                                     const CpuTarget &target,
                                     const KernelShape &shape) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  KernelBuilder k(*module, target);
  const Type types[] = {k.f32Type, k.builder().getF16Type(),
                        k.builder().getBF16Type()};
  for (int64_t rows : target.rows) {
    emitScore(k, shape, rows);
    emitSoftmax(k, shape, rows);
    emitAccumulate(k, shape, rows);
    for (Type stored : types)
      emitPanelProduct(k, shape, rows, stored);
    if (rows > target.streamRows)
      continue;
    emitScaleSums(k, shape, rows);
    for (Type stored : types) {
      emitStreamScore(k, shape, rows, KeyPlaces::Adjacent, stored);
      emitStreamScore(k, shape, rows, KeyPlaces::Apart, stored);
      emitStreamAccumulate(k, shape, rows, stored);
    }
  }
  for (Type stored : types) {
    emitPackKeys(k, shape, 0, shape.headDim, stored);
    emitPackValues(k, shape, stored);
    emitCopyRow(k, shape.headDim, shape.queryStride(), stored, k.f32Type);
    emitCopyRow(k, shape.valueDim, shape.valueDim, k.f32Type, stored);
    for (int64_t rows : {int64_t(1), target.productRows})
      emitStreamProduct(k, rows, shape.headDim, stored);
  }
  emitMaskRow(k);
  emitMergeRow(k, shape);
  emitFinishRow(k, shape);
  for (auto function : module->getOps<func::FuncOp>())
    function->removeAttr("llvm.linkage");
  return module;
}

static FailureOr<std::string> compileShape(MLIRContext &context,
                                           const CpuTarget &target,
                                           char **sizes, ObjectForm form) {
  KernelShape shape(target, atoi(sizes[0]), atoi(sizes[1]), atoi(sizes[2]));
  OwningOpRef<ModuleOp> module = emitAll(context, target, shape);
  PassManager passes(&context, ModuleOp::getOperationName());
  buildFunctionsToLLVM(passes);
  if (failed(passes.run(*module)))
    return failure();
  return emitObject(*module, target, form);
}

static FailureOr<std::string>
compileFile(MLIRContext &context, const CpuTarget &target, StringRef path) {
  auto module = parseSourceFile<ModuleOp>(path, &context);
  if (!module)
    return failure();
  auto programs = llvm::to_vector(module->getOps<attn::tile::ProgramOp>());
  FailureOr<CpuObject> object = compileKernels({programs}, target);
  if (failed(object))
    return failure();
  for (const CpuProgram &program : object->kernels.front().programs)
    llvm::outs() << program.symbol << ": phases " << program.phases
                 << ", scratch " << program.scratchBytes << ", state "
                 << program.stateBytes << "\n";
  return object->parts.front();
}

int main(int argc, char **argv) {
  bool isFile = argc == 4;
  if (argc < 4 || argc > 6) {
    llvm::errs() << "usage: attn-cpu-kernels TARGET HEAD_DIM VALUE_DIM "
                    "KEY_BLOCK [OBJECT]\n"
                    "       attn-cpu-kernels TARGET FILE.mlir OBJECT\n";
    return 2;
  }
  std::optional<CpuTarget> target = getTarget(argv[1]);
  if (!target) {
    llvm::errs() << "unknown target '" << argv[1] << "'\n";
    return 2;
  }
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<arith::ArithDialect, attn::tile::AttnTileDialect,
                      func::FuncDialect, LLVM::LLVMDialect, math::MathDialect,
                      scf::SCFDialect, vector::VectorDialect>();
  bool isObject = isFile || argc == 6;
  FailureOr<std::string> code =
      isFile ? compileFile(context, *target, argv[2])
             : compileShape(context, *target, argv + 2,
                            isObject ? ObjectForm::Relocatable
                                     : ObjectForm::Assembly);
  if (failed(code))
    return 1;
  std::error_code error;
  llvm::raw_fd_ostream file(isObject ? argv[argc - 1] : "-", error);
  file << *code;
  return error ? 1 : 0;
}
