//===- Import.cpp - attnc import ------------------------------------------===//
//
// Prints the declared layers of a config.json, or of one of its layers.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/Import.h"
#include "compiler/Diagnostics.h"
#include "compiler/LayerNumbers.h"
#include "compiler/commands/Commands.h"
#include "mlir/IR/MLIRContext.h"

using namespace attn;
using namespace mlir;

int attn::importCommand(const Invocation &invocation) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  DiagnosticPrinter printer(&context);
  OwningOpRef<ModuleOp> module =
      loadInput(context, invocation.input, invocation.compile);
  if (!module)
    return 1;
  if (!invocation.layer.empty()) {
    if (llvm::Error error = keepLayer(*module, invocation.layer)) {
      reportError(std::move(error));
      return 1;
    }
  }
  module->print(llvm::outs());
  llvm::outs() << '\n';
  return 0;
}
