//===- CallTensors.cpp - The tensors that a call is made from -------------===//
//
// See CallTensors.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/run/CallTensors.h"

#include "compiler/LayerNumbers.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

#include <fmt/format.h>

using namespace attn;
using llvm::StringRef;

void CallTensors::chooseLayer(int64_t layer, StringRef leading) {
  hasLayer = true;
  number = layer;
  // A number says nothing of the parts around it.
  int64_t ignored;
  prefix = leading.getAsInteger(10, ignored) ? leading.rtrim('.').str() : "";
}

void CallTensors::add(std::string name, std::string dtype,
                      std::vector<int64_t> shape, AlignedBytes bytes,
                      uint64_t size) {
  made.push_back({std::move(name),
                  std::move(dtype),
                  std::move(shape),
                  {bytes.get(), size_t(size)}});
  madeBytes.push_back(std::move(bytes));
}

const StoredTensor *CallTensors::findExact(StringRef name) const {
  for (const StoredTensor &tensor : made)
    if (tensor.name == name)
      return &tensor;
  for (const SafetensorsFile *file : files)
    if (const StoredTensor *tensor = file->find(name))
      return tensor;
  return nullptr;
}

/// Whether the parts before a tensor's own name lead to the layer. Parts
/// without a number lead to the only layer of a file.
bool CallTensors::isOfLayer(StringRef leading) const {
  if (!prefix.empty())
    return leading == prefix || leading.starts_with(prefix + ".");
  std::optional<int64_t> found = layerNumber(leading);
  return !found || *found == number;
}

std::optional<StringRef> CallTensors::leadingOf(const StoredTensor &tensor,
                                                StringRef name) const {
  StringRef leading = tensor.name;
  if (leading.consume_back(name) && leading.consume_back(".") &&
      isOfLayer(leading))
    return leading;
  return std::nullopt;
}

void CallTensors::chooseModule(llvm::ArrayRef<StringRef> names) {
  if (!hasLayer || !prefix.empty())
    return;
  // A name may be in two files.
  llvm::StringMap<llvm::StringSet<>> modules;
  size_t wanted = 0;
  for (StringRef name : names) {
    if (findExact(name))
      continue;
    ++wanted;
    for (const StoredTensor *tensor : stored())
      if (std::optional<StringRef> leading = leadingOf(*tensor, name))
        modules[*leading].insert(name);
  }
  auto hasAll = [&](const auto &module) {
    return module.second.size() == wanted;
  };
  if (llvm::count_if(modules, hasAll) == 1)
    prefix = llvm::find_if(modules, hasAll)->first().str();
}

llvm::Expected<const StoredTensor *> CallTensors::find(StringRef name) const {
  if (const StoredTensor *tensor = findExact(name); tensor || !hasLayer)
    return tensor;
  const StoredTensor *found = nullptr;
  for (const StoredTensor *tensor : stored()) {
    if (!leadingOf(*tensor, name))
      continue;
    if (found && found->name != tensor->name)
      return llvm::createStringError(fmt::format(
          "tensor '{}' may be '{}' or '{}': choose the layer's attention "
          "module with --layer, as in --layer model.layers.0.self_attn",
          std::string_view(name), found->name, tensor->name));
    if (!found)
      found = tensor;
  }
  return found;
}

std::string CallTensors::ofLayer() const {
  return hasLayer ? fmt::format(" of layer {}", number) : "";
}

llvm::SmallVector<const StoredTensor *> CallTensors::stored() const {
  llvm::SmallVector<const StoredTensor *> all;
  for (const SafetensorsFile *file : files)
    for (const StoredTensor &tensor : file->tensors())
      all.push_back(&tensor);
  return all;
}
