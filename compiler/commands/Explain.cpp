//===- Explain.cpp - attnc explain ----------------------------------------===//
//
// Costs come from the declared layers, remarks from running the passes that
// compile them. A compiled folder holds its declared layers.
//
//===----------------------------------------------------------------------===//

#include "compiler/Diagnostics.h"
#include "compiler/KernelLibrary.h"
#include "compiler/Stages.h"
#include "compiler/commands/Commands.h"
#include "compiler/explain/Report.h"
#include "compiler/import/Import.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FileSystem.h"

using namespace attn;
using namespace mlir;

static std::vector<PassRemark> refusals(ModuleOp module) {
  std::vector<PassRemark> remarks;
  for (RefusedOp refused : module.getOps<RefusedOp>())
    remarks.push_back(
        {"import", "missed",
         (refused.getSymName() + " is not compiled: " + refused.getWhy())
             .str()});
  return remarks;
}

/// Whether anything in `module` can be lowered at all.
static bool hasLayers(ModuleOp module) {
  return llvm::any_of(*module.getBody(),
                      [](Operation &op) { return !isa<RefusedOp>(op); });
}

/// The type that the kernels of `library` have their tensor `name` in.
static Dtype typeOf(const KernelLibrary &library, StringRef name) {
  for (const LibraryKernel &kernel : library.kernels())
    for (const LibraryTensor &tensor : kernel.tensors)
      for (Dtype dtype : {Dtype::F32, Dtype::BF16, Dtype::F16})
        if (tensor.name == name && tensor.type == spell(dtype))
          return dtype;
  return Dtype::F32;
}

static OwningOpRef<ModuleOp> inspectFolder(MLIRContext &context,
                                           StringRef directory,
                                           CostQuestion &question) {
  auto library = KernelLibrary::describe(directory);
  if (!library) {
    reportError(library.takeError());
    return nullptr;
  }
  question.dtype = typeOf(**library, "query");
  question.kDtype = typeOf(**library, "key");
  question.vDtype = typeOf(**library, "value");
  return readDeclared(context, **library);
}

/// What `invocation` asks about; `question` receives the types of the caches.
static OwningOpRef<ModuleOp> inspect(MLIRContext &context,
                                     const Invocation &invocation,
                                     CostQuestion &question) {
  if (llvm::sys::fs::is_directory(invocation.input))
    return inspectFolder(context, invocation.input, question);
  Dtype dtype;
  OwningOpRef<ModuleOp> module =
      inspectInput(context, invocation.input, invocation.compile, dtype);
  question.dtype = dtype;
  question.kDtype = invocation.compile.kDtype.value_or(dtype);
  question.vDtype = invocation.compile.vDtype.value_or(dtype);
  return module;
}

int attn::explainCommand(const Invocation &invocation) {
  // The passes run again on what a folder was compiled from, to be seen.
  bool isCompiled = llvm::sys::fs::is_directory(invocation.input);
  if (llvm::Error error =
          isCompiled
              ? checkCompiled(invocation, {"dump-ir", "verify-each-numeric"})
              : checkLowered(invocation.compile)) {
    reportError(std::move(error));
    return 1;
  }
  // Filled by the context's remark engine until the context is gone.
  std::vector<PassRemark> remarks;
  MLIRContext context(MLIRContext::Threading::DISABLED);
  DiagnosticPrinter printer(&context);
  CostQuestion question = {.queryLength = invocation.queryLength,
                           .kvLength = invocation.kvLength,
                           .machine = machineOf(invocation)};
  OwningOpRef<ModuleOp> module = inspect(context, invocation, question);
  if (!module)
    return 1;
  Explanation explanation = explainLayers(*module, question);
  remarks = refusals(*module);

  StageDump dump(invocation.compile.dumpIrDir);
  if (failed(dump.check()))
    return 1;
  collectRemarks(context, remarks);
  bool isLowered =
      !hasLayers(*module) ||
      succeeded(runStages(*module, invocation.compile, dump.observer()));
  if (failed(dump.write()) || !isLowered)
    return 1;
  explanation.remarks = remarks;
  if (invocation.json)
    printJson(explanation, llvm::outs());
  else
    printText(explanation, llvm::outs());
  return 0;
}
