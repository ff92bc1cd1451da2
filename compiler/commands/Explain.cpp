//===- Explain.cpp - attnc explain ----------------------------------------===//
//
// Costs come from the declared layers, remarks from running the passes that
// compile them.
//
//===----------------------------------------------------------------------===//

#include "compiler/Diagnostics.h"
#include "compiler/Stages.h"
#include "compiler/commands/Commands.h"
#include "compiler/explain/Report.h"
#include "compiler/import/Import.h"
#include "mlir/IR/MLIRContext.h"

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

int attn::explainCommand(const Invocation &invocation) {
  // Filled by the context's remark engine until the context is gone.
  std::vector<PassRemark> remarks;
  MLIRContext context(MLIRContext::Threading::DISABLED);
  DiagnosticPrinter printer(&context);
  Dtype dtype;
  OwningOpRef<ModuleOp> module =
      inspectInput(context, invocation.input, invocation.compile, dtype);
  if (!module)
    return 1;
  CostQuestion question = {invocation.queryLength, invocation.kvLength,
                           invocation.compile.kDtype.value_or(dtype),
                           invocation.compile.vDtype.value_or(dtype)};
  Explanation explanation = explainLayers(*module, question);
  remarks = refusals(*module);

  collectRemarks(context, remarks);
  if (hasLayers(*module) &&
      failed(runStages(*module, invocation.compile,
                       dumpStages(invocation.compile.dumpIrDir))))
    return 1;
  explanation.remarks = remarks;
  if (invocation.json)
    printJson(explanation, llvm::outs());
  else
    printText(explanation, llvm::outs());
  return 0;
}
