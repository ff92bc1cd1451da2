//===- Layers.h - The attention layers that a config declares ---*- C++ -*-===//
//
// A config becomes one plain description per layer: geometry, mask, scale,
// position. Of MLIR only attributes, so that rules read as the model cards do.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_IMPORT_LAYERS_H
#define COMPILER_IMPORT_LAYERS_H

#include "compiler/Options.h"
#include "compiler/import/Latent.h"
#include "compiler/import/Rope.h"

namespace attn {

struct LayerSpec {
  int64_t hidden = 0, heads = 0, kvHeads = 0, headDim = 0;
  /// Keys that a row sees, itself included; 0: all earlier ones.
  int64_t window = 0;
  /// Factor of the scores where it is not 1/sqrt(size of query heads).
  std::optional<double> scale;
  std::optional<double> softcap;
  bool sinks = false;
  bool qkvBias = false, outputBias = false;
  /// Null: no norms of heads; no gate of the output.
  NormAttr qkNorm;
  GateAttr gate;
  /// Null: as q_proj, k_proj, v_proj and o_proj.
  ProjectionsAttr projections;
  /// Null: no rotation; no bias of the scores.
  RopeAttr rope;
  AlibiAttr alibi;
  /// Latent attention: it has all sizes but hidden and heads.
  std::optional<LatentSpec> latent;
  /// Why the layer is not compiled; empty: it is.
  std::string refusal;

  bool operator==(const LayerSpec &) const = default;
};

// Far above any model, low enough that no product of two overflows.
inline constexpr IntegerRange kSizes = {1, int64_t(1) << 24};
inline constexpr IntegerRange kCounts = {1, 4096};
inline constexpr IntegerRange kHeadSizes = {1, int64_t(1) << 16};

/// A field that cannot be null.
int64_t readInteger(const Config &config, const IntegerField &field,
                    IntegerRange range);

/// A field that is true or false; `standard` where it is absent or null.
bool readFlag(const Config &config, llvm::StringRef key, bool standard);

/// Reads the layers of `config`, a config.json of `model`. Empty after an
/// error, which is reported through `config`.
std::vector<LayerSpec> readLayers(const Config &config, const ModelSpec &model);

/// The row of the config's model_type; null after an error.
const ModelSpec *readModel(const Config &config);

/// The type that `config` asks for with "dtype" or "torch_dtype"; `key` is set
/// to the one that did.
std::optional<Dtype> readDtype(const Config &config, llvm::StringRef &key);

} // namespace attn

#endif // COMPILER_IMPORT_LAYERS_H
