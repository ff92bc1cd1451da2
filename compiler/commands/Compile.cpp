//===- Compile.cpp - attnc compile ----------------------------------------===//
//
// An input in, a folder of kernels out; nothing is written before everything
// is compiled.
//
//===----------------------------------------------------------------------===//

#include "compiler/Diagnostics.h"
#include "compiler/artifact/Artifact.h"
#include "compiler/commands/Commands.h"
#include "compiler/import/Import.h"
#include "mlir/IR/MLIRContext.h"

using namespace attn;
using namespace mlir;

int attn::compileCommand(const Invocation &invocation) {
  if (llvm::Error error = checkSupported(invocation.compile)) {
    reportError(std::move(error));
    return 1;
  }
  MLIRContext context(MLIRContext::Threading::DISABLED);
  DiagnosticPrinter printer(&context);
  OwningOpRef<ModuleOp> module =
      loadInput(context, invocation.input, invocation.compile);
  if (!module)
    return 1;
  FailureOr<Artifact> artifact = compile(*module, invocation.compile);
  if (failed(artifact) || failed(writeFolder(*artifact, invocation.output)))
    return 1;
  return 0;
}
