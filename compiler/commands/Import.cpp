//===- Import.cpp - attnc import ------------------------------------------===//
//
// Prints the declared layers of a config.json, or of one of its layers.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/Import.h"
#include "compiler/Diagnostics.h"
#include "compiler/commands/Commands.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/IR/MLIRContext.h"

#include <fmt/format.h>

using namespace attn;
using namespace mlir;

/// Narrows `layers` of every declaration to `layer` and erases declarations
/// that lack it; false, with a message, if all do.
static bool keepLayer(ModuleOp module, int64_t layer) {
  MLIRContext *context = module.getContext();
  auto only = DenseI64ArrayAttr::get(context, layer);
  int64_t last = 0;
  for (Operation &op : llvm::make_early_inc_range(*module.getBody())) {
    auto layers = op.getAttrOfType<DenseI64ArrayAttr>("layers");
    if (!layers)
      continue;
    last = std::max(last, layers.asArrayRef().back());
    if (llvm::is_contained(layers.asArrayRef(), layer))
      op.setAttr("layers", only);
    else
      op.erase();
  }
  if (!module.getBody()->empty())
    return true;
  reportError(
      fmt::format("layer {} does not exist, layers are 0 to {}", layer, last));
  return false;
}

int attn::importCommand(const Invocation &invocation) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  DiagnosticPrinter printer(&context);
  Dtype dtype;
  OwningOpRef<ModuleOp> module =
      inspectInput(context, invocation.input, invocation.compile, dtype);
  if (!module)
    return 1;
  if (!invocation.layer.empty()) {
    int64_t layer;
    if (StringRef(invocation.layer).getAsInteger(10, layer)) {
      reportError(fmt::format("layer '{}' is not a number", invocation.layer));
      return 1;
    }
    if (!keepLayer(*module, layer))
      return 1;
  }
  module->print(llvm::outs());
  llvm::outs() << '\n';
  return 0;
}
