//===- LayerNumbers.cpp - The layers of a model, by number ----------------===//
//
// Declarations list their layers; a function has them in an attribute.
//
//===----------------------------------------------------------------------===//

#include "compiler/LayerNumbers.h"

#include "dialects/attn/AttnAttributes.h"
#include "dialects/attn/AttnDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attn;
using namespace mlir;

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

std::string attn::spellLayers(ArrayRef<int64_t> layers) {
  constexpr size_t most = 6;
  SmallVector<std::string> runs;
  for (size_t begin = 0, end; begin < layers.size(); begin = end + 1) {
    for (end = begin; end + 1 < layers.size(); ++end)
      if (layers[end + 1] != layers[end] + 1)
        break;
    runs.push_back(end == begin
                       ? fmt::format("{}", layers[begin])
                       : fmt::format("{} to {}", layers[begin], layers[end]));
  }
  if (runs.size() > most) {
    runs[most - 2] = "...";
    runs[most - 1] = runs.back();
    runs.resize(most);
  }
  return fmt::format("{}", fmt::join(runs, ", "));
}

llvm::Expected<int64_t> attn::readLayer(StringRef chosen, StringRef name,
                                        ArrayRef<int64_t> layers) {
  std::optional<int64_t> number = layerNumber(chosen);
  if (!number)
    return llvm::createStringError(
        fmt::format("layer '{}' is neither a number nor a prefix with one",
                    std::string_view(chosen)));
  if (llvm::is_contained(layers, *number))
    return *number;
  return llvm::createStringError(
      layers.empty()
          ? fmt::format("layer {} does not exist: '{}' has no numbered layers",
                        *number, std::string_view(name))
          : fmt::format("layer {} does not exist: '{}' has layer{} {}", *number,
                        std::string_view(name), layers.size() == 1 ? "" : "s",
                        spellLayers(layers)));
}

static StringRef layersName(Operation *op) {
  return isa<func::FuncOp>(op) ? StringRef(kLayersAttr) : "layers";
}

ArrayRef<int64_t> attn::layersOf(Operation *op) {
  auto layers = op->getAttrOfType<LayersAttr>(layersName(op));
  return layers ? layers.getNumbers() : ArrayRef<int64_t>();
}

llvm::Error attn::keepLayer(ModuleOp module, StringRef chosen) {
  SmallVector<int64_t> all;
  for (Operation &op : *module.getBody())
    llvm::append_range(all, layersOf(&op));
  llvm::sort(all);
  llvm::Expected<int64_t> layer =
      readLayer(chosen, module.getSymName().value_or("the input"), all);
  if (!layer)
    return layer.takeError();
  auto only = LayersAttr::get(module.getContext(), *layer);
  for (Operation &op : llvm::make_early_inc_range(*module.getBody()))
    if (llvm::is_contained(layersOf(&op), *layer))
      op.setAttr(layersName(&op), only);
    else
      op.erase();
  return llvm::Error::success();
}
