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

/// Why what failed was not rewritten, where there is nothing else to explain.
static void printMissed(llvm::ArrayRef<PassRemark> remarks,
                        llvm::raw_ostream &stream) {
  for (const PassRemark &remark : remarks)
    if (remark.kind == "missed")
      stream << "attnc: note: " << remark.pass << " missed: " << remark.text
             << '\n';
}

/// Whether anything in `module` can be lowered at all.
static bool hasLayers(ModuleOp module) {
  return llvm::any_of(*module.getBody(),
                      [](Operation &op) { return !isa<RefusedOp>(op); });
}

static OwningOpRef<ModuleOp> inspectFolder(MLIRContext &context,
                                           StringRef directory) {
  auto library = KernelLibrary::describe(directory);
  if (library)
    return readDeclared(context, **library);
  reportError(library.takeError());
  return nullptr;
}

/// What `invocation` asks about.
static OwningOpRef<ModuleOp> inspect(MLIRContext &context,
                                     const Invocation &invocation) {
  return llvm::sys::fs::is_directory(invocation.input)
             ? inspectFolder(context, invocation.input)
             : loadInput(context, invocation.input, invocation.compile);
}

int attn::explainCommand(const Invocation &invocation) {
  // The passes run again on what a folder was compiled from, to be seen.
  bool isCompiled = llvm::sys::fs::is_directory(invocation.input);
  if (llvm::Error error =
          isCompiled
              ? checkCompiled(invocation, {"dump-ir", "verify-each-numeric",
                                           "peak-gflops", "bandwidth-gbs"})
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
  OwningOpRef<ModuleOp> module = inspect(context, invocation);
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
  if (!isLowered)
    printMissed(remarks, llvm::errs());
  if (failed(dump.write()) || !isLowered)
    return 1;
  explanation.remarks = remarks;
  if (invocation.json)
    printJson(explanation, llvm::outs());
  else
    printText(explanation, llvm::outs());
  return 0;
}
