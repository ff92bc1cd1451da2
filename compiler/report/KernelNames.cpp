//===- KernelNames.cpp - Which kernel serves an attention -----------------===//
//
// Layers of one geometry share a kernel, and a latent layer has several of a
// scope.
//
//===----------------------------------------------------------------------===//

#include "compiler/report/KernelNames.h"

#include "compiler/Names.h"
#include "passes/LayerFunctions.h"
#include "llvm/Support/JSON.h"

using namespace attn;
using namespace attn::report;
using llvm::StringRef;

/// The manifest's entry for a layer of the model; null if there is none.
static const llvm::json::Object *findLayer(const llvm::json::Value &manifest,
                                           int64_t number) {
  const llvm::json::Object *root = manifest.getAsObject();
  const llvm::json::Array *layers = root ? root->getArray("layers") : nullptr;
  if (!layers)
    return nullptr;
  for (const llvm::json::Value &layer : *layers)
    if (const llvm::json::Object *entry = layer.getAsObject())
      if (entry->getInteger("layer") == number)
        return entry;
  return nullptr;
}

/// The one of a layer's kernels that has the scope, and the kind of a latent
/// layer's, at the end of its name as `function` has it.
static std::string chooseKernel(const llvm::json::Array &kernels,
                                StringRef function) {
  for (KernelScope scope :
       {KernelScope::Core, KernelScope::Attend, KernelScope::Layer}) {
    std::string suffix = layerSuffix(function, scope);
    if (!function.ends_with("_" + suffix))
      continue;
    for (const llvm::json::Value &kernel : kernels) {
      StringRef name = kernel.getAsString().value_or("");
      if (name.ends_with("_" + suffix) && layerSuffix(name, scope) == suffix)
        return name.str();
    }
  }
  return "";
}

void report::nameKernels(StringRef manifest, StringRef name,
                         llvm::MutableArrayRef<RecordedAttention> attentions) {
  llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(manifest);
  if (!parsed)
    return llvm::consumeError(parsed.takeError());
  for (RecordedAttention &attention : attentions) {
    if (attention.layers.empty()) {
      attention.kernel = functionSymbol(name, attention.function);
      continue;
    }
    const llvm::json::Object *layer =
        findLayer(*parsed, attention.layers.front());
    if (!layer)
      continue;
    if (const llvm::json::Array *kernels = layer->getArray("kernels"))
      attention.kernel = chooseKernel(*kernels, attention.function);
  }
}
