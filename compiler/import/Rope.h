//===- Rope.h - RoPE parameters of a config.json ----------------*- C++ -*-===//
//
// Both schemas, rope_theta with rope_scaling and rope_parameters (flat or by
// layer type), become one checked description. Formulas: transformers 5.23,
// modeling_rope_utils.py.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_IMPORT_ROPE_H
#define COMPILER_IMPORT_ROPE_H

#include "compiler/import/Config.h"
#include "compiler/import/Models.h"
#include "dialects/attn/AttnAttributes.h"

namespace attn {

struct RopeSpec {
  double theta = 1e4;
  RopeScaling scaling = RopeScaling::None;
  /// Of the scaling; 0 where it has none.
  double factor = 0;

  bool operator==(const RopeSpec &) const = default;
};

/// RoPE of the layers of one type; nothing: these layers have no rotation.
using RopeOfLayers = std::optional<RopeSpec>;

/// RoPE of sliding and of full layers.
struct RopeParameters {
  RopeOfLayers sliding, full;
};

/// Reads and checks the rotation of a model with heads of `headDim`. Errors
/// are reported through `config`.
RopeParameters readRope(const Config &config, const ModelSpec &model,
                        int64_t headDim);

} // namespace attn

#endif // COMPILER_IMPORT_ROPE_H
