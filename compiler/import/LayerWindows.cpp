//===- LayerWindows.cpp - Which layers slide ------------------------------===//
//
// By the rule of the family, or by the layer_types of the file.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/LayerWindows.h"

#include "llvm/ADT/STLExtras.h"

using namespace attn;
using llvm::StringRef;
using llvm::Twine;

static constexpr IntegerRange kIndices = {0, 4096};
static constexpr IntegerRange kWindows = {1, int64_t(1) << 40};

/// Keys of a sliding layer; nothing if the file turns windows off.
static std::optional<int64_t> readWindow(const Config &config,
                                         const ModelSpec &model) {
  StringRef key = model.window.name;
  std::optional<int64_t> given = config.integer(key, kWindows);
  if (model.windowRule == WindowRule::FromLayer &&
      !readFlag(config, "use_sliding_window", false))
    return std::nullopt;
  if (config.isNull(key))
    return std::nullopt;
  return given.value_or(model.window.standard);
}

/// What each layer is by the rule of the family.
static std::vector<bool> slidingByRule(const Config &config,
                                       const ModelSpec &model, int64_t count,
                                       bool hasWindow) {
  std::vector<bool> sliding(count, false);
  switch (model.windowRule) {
  case WindowRule::Never:
    break;
  case WindowRule::Always:
    sliding.assign(count, hasWindow);
    break;
  case WindowRule::FromLayer: {
    int64_t first = readInteger(config, {"max_window_layers", 28}, kIndices);
    for (int64_t layer = first; hasWindow && layer < count; ++layer)
      sliding[layer] = true;
    break;
  }
  case WindowRule::Alternating: {
    int64_t period = readInteger(
        config, {"sliding_window_pattern", model.slidingPattern}, kCounts);
    for (int64_t layer = 0; layer < count; ++layer)
      sliding[layer] = (layer + 1) % period != 0;
    break;
  }
  }
  return sliding;
}

/// Layer types of transformers 5.23 that are neither full nor sliding.
static bool isOtherLayerType(StringRef type) {
  static constexpr StringRef types[] = {
      "chunked_attention",
      "compressed_sparse_attention",
      "conv",
      "heavily_compressed_attention",
      "hybrid",
      "hybrid_sliding",
      "indexed_attention",
      "linear_attention",
      "mamba",
      "minimax_m3_sparse",
      "moe",
      "reference_sliding_attention",
      "window_attention",
  };
  return llvm::is_contained(types, type);
}

/// Replaces the rule by the file's layer_types, if it has them.
static void applyLayerTypes(const Config &config, std::vector<bool> &sliding,
                            std::vector<LayerSpec> &layers) {
  constexpr StringRef key = "layer_types";
  std::optional<std::vector<std::string>> types = config.strings(key);
  if (!types)
    return;
  if (types->size() != layers.size()) {
    config.error(key, Twine("has ") + Twine(types->size()) + " entries for " +
                          Twine(layers.size()) + " layers");
    return;
  }
  for (auto [index, type] : llvm::enumerate(*types)) {
    sliding[index] = type == "sliding_attention";
    if (sliding[index] || type == "full_attention" || type == "attention")
      continue;
    if (isOtherLayerType(type))
      layers[index].refusal = "layer type '" + type + "' is not compiled";
    else
      config.error(key, index, Twine("unknown layer type '") + type + "'");
  }
}

/// Refuses the layers between those of full attention, or what the file's
/// layer_types say in place of that.
static void refuseLinear(const Config &config, const ModelSpec &model,
                         std::vector<LayerSpec> &layers) {
  std::vector<bool> sliding(layers.size(), false);
  applyLayerTypes(config, sliding, layers);
  if (llvm::is_contained(sliding, true))
    config.error("layer_types", "a layer slides, but there is no window");
  if (config.has("layer_types") && !config.isNull("layer_types"))
    return;
  int64_t interval = readInteger(
      config, {"full_attention_interval", model.fullInterval}, kCounts);
  for (auto [index, layer] : llvm::enumerate(layers))
    if ((int64_t(index) + 1) % interval != 0)
      layer.refusal = "layer type 'linear_attention' is not compiled";
}

std::vector<bool> attn::applyWindows(const Config &config,
                                     const ModelSpec &model,
                                     std::vector<LayerSpec> &layers) {
  if (model.fullInterval)
    refuseLinear(config, model, layers);
  if (model.windowRule == WindowRule::Never)
    return std::vector<bool>(layers.size(), false);
  std::optional<int64_t> window = readWindow(config, model);
  std::vector<bool> sliding =
      slidingByRule(config, model, layers.size(), window.has_value());
  if (model.windowRule != WindowRule::Always)
    applyLayerTypes(config, sliding, layers);
  for (auto [index, layer] : llvm::enumerate(layers)) {
    if (!sliding[index])
      continue;
    if (!window) {
      config.error(model.window.name, Twine("layer ") + Twine(index) +
                                          " slides, but there is no window");
      break;
    }
    layer.window = *window;
  }
  return sliding;
}
