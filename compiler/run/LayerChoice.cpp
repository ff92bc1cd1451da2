//===- LayerChoice.cpp - Which layer a call is for ------------------------===//
//
// The declared IR in the manifest tells which layers are equal.
//
//===----------------------------------------------------------------------===//

#include "compiler/run/LayerChoice.h"

#include "compiler/import/Import.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include "llvm/ADT/STLExtras.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attn;
using llvm::Expected;
using llvm::StringRef;

std::optional<int64_t> attn::layerNumber(StringRef chosen) {
  std::optional<int64_t> found;
  for (StringRef part : llvm::split(chosen, '.')) {
    int64_t number;
    if (part.getAsInteger(10, number))
      continue;
    if (found || number < 0)
      return std::nullopt;
    found = number;
  }
  return found;
}

/// "layers 0, 2 (gpt_oss_sliding); layers 1, 3 (gpt_oss_full)", or nothing
/// where all layers are equal.
static std::string listChoices(const KernelLibrary &library) {
  mlir::MLIRContext context(inputDialects(),
                            mlir::MLIRContext::Threading::DISABLED);
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>(library.declaredIr(), &context);
  std::string choices;
  unsigned groups = 0;
  if (!module)
    return choices;
  for (GroupedOp layer : module->getOps<GroupedOp>()) {
    constexpr size_t most = 4;
    llvm::ArrayRef<int64_t> layers = layer.getLayers();
    choices += fmt::format("{}{}{} ({})", groups++ ? "; " : "",
                           fmt::join(layers.take_front(most), ", "),
                           layers.size() > most ? ", ..." : "",
                           std::string_view(layer.getSymName()));
  }
  return groups > 1 ? choices : std::string();
}

Expected<const LibraryLayer *> attn::chooseLayer(const KernelLibrary &library,
                                                 StringRef chosen) {
  std::optional<int64_t> number;
  if (!chosen.empty() && !(number = layerNumber(chosen)))
    return llvm::createStringError(
        fmt::format("layer '{}' is neither a number nor a prefix with one",
                    std::string_view(chosen)));
  if (!number)
    if (std::string choices = listChoices(library); !choices.empty())
      return llvm::createStringError(
          fmt::format("layers differ, choose one with --layer: {}", choices));
  for (const LibraryLayer &layer : library.layers())
    if (number ? layer.layer == *number : !layer.kernel.empty()) {
      if (layer.kernel.empty())
        return llvm::createStringError(
            fmt::format("layer {} was not compiled", layer.layer));
      return &layer;
    }
  if (!number)
    return llvm::createStringError("no layer was compiled");
  return llvm::createStringError(
      fmt::format("layer {} does not exist, '{}' has {} layers", *number,
                  library.name(), library.layers().size()));
}
