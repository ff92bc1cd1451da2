//===- LayerChoice.cpp - Which layer a call is for ------------------------===//
//
// The declared IR in the manifest tells which layers are equal.
//
//===----------------------------------------------------------------------===//

#include "compiler/run/LayerChoice.h"

#include "compiler/LayerNumbers.h"
#include "compiler/Names.h"
#include "compiler/import/Import.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"

#include "llvm/ADT/STLExtras.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attn;
using llvm::Expected;
using llvm::StringRef;

/// "0, 2, ... (gpt_oss_sliding); 1, 3, ... (gpt_oss_full)".
static std::string listLayers(mlir::ModuleOp module) {
  constexpr size_t most = 4;
  llvm::SmallVector<std::string> groups;
  for (mlir::Operation &op : *module.getBody()) {
    if (!llvm::isa<GroupedOp, LatentOp>(op))
      continue;
    llvm::ArrayRef<int64_t> layers = layersOf(&op);
    groups.push_back(fmt::format(
        "{}{} ({})", fmt::join(layers.take_front(most), ", "),
        layers.size() > most ? ", ..." : "",
        std::string_view(mlir::SymbolTable::getSymbolName(&op).getValue())));
  }
  return groups.size() > 1 ? fmt::format("{}", fmt::join(groups, "; ")) : "";
}

static std::string listFunctions(mlir::ModuleOp module) {
  llvm::SmallVector<std::string> names;
  for (auto function : module.getOps<mlir::func::FuncOp>())
    names.push_back(function.getSymName().str());
  return names.size() > 1 ? fmt::format("{}", fmt::join(names, ", ")) : "";
}

/// Fails, with the choices, where neither option is given and the layers or
/// functions of `library` differ.
static llvm::Error checkOnlyOne(const KernelLibrary &library) {
  mlir::MLIRContext context(inputDialects(),
                            mlir::MLIRContext::Threading::DISABLED);
  std::string problem;
  mlir::ScopedDiagnosticHandler listen(
      &context, [&](mlir::Diagnostic &error) { problem = error.str(); });
  auto module = readDeclared(context, library);
  if (!module)
    return llvm::createStringError(
        fmt::format("{}: declared_ir: {}", library.manifestPath(), problem));
  if (std::string choices = listFunctions(*module); !choices.empty())
    return llvm::createStringError(fmt::format(
        "functions differ, choose one with --function: {}", choices));
  if (std::string choices = listLayers(*module); !choices.empty())
    return llvm::createStringError(
        fmt::format("layers differ, choose one with --layer: {}", choices));
  return llvm::Error::success();
}

static Expected<const LibraryLayer *> findFunction(const KernelLibrary &library,
                                                   StringRef function) {
  std::string symbol = functionSymbol(library.name(), function);
  for (const LibraryLayer &layer : library.layers())
    if (llvm::is_contained(layer.kernels, symbol))
      return &layer;
  return llvm::createStringError(fmt::format(
      "'{}' has no function '{}'", library.name(), std::string_view(function)));
}

/// The layer that --layer `chosen` means.
static Expected<const LibraryLayer *> findLayer(const KernelLibrary &library,
                                                StringRef chosen) {
  llvm::SmallVector<int64_t> numbers;
  for (const LibraryLayer &layer : library.layers())
    if (layer.layer >= 0)
      numbers.push_back(layer.layer);
  llvm::sort(numbers);
  Expected<int64_t> number = readLayer(chosen, library.name(), numbers);
  if (!number)
    return number.takeError();
  const LibraryLayer *found =
      llvm::find_if(library.layers(), [&](const LibraryLayer &layer) {
        return layer.layer == *number;
      });
  if (!found->kernels.empty())
    return found;
  return llvm::createStringError(
      fmt::format("layer {} was not compiled", *number));
}

/// The same for a kernel that has to serve it.
static Expected<const LibraryLayer *> findLayerOf(const KernelLibrary &library,
                                                  StringRef chosen,
                                                  StringRef function) {
  auto layer = findLayer(library, chosen);
  std::string symbol = functionSymbol(library.name(), function);
  if (!layer || llvm::is_contained((*layer)->kernels, symbol))
    return layer;
  return llvm::createStringError(
      fmt::format("layer {} has no kernel '{}', only {}", (*layer)->layer,
                  symbol, fmt::join((*layer)->kernels, ", ")));
}

Expected<const LibraryLayer *> attn::chooseLayer(const KernelLibrary &library,
                                                 StringRef chosen,
                                                 StringRef function) {
  if (!function.empty() && !chosen.empty())
    return findLayerOf(library, chosen, function);
  if (!function.empty())
    return findFunction(library, function);
  if (!chosen.empty())
    return findLayer(library, chosen);
  if (llvm::Error error = checkOnlyOne(library))
    return std::move(error);
  for (const LibraryLayer &layer : library.layers())
    if (!layer.kernels.empty())
      return &layer;
  return llvm::createStringError("no layer was compiled");
}
