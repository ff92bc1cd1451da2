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

/// RoPE of sliding and of full layers; null: these layers have no rotation.
struct RopeParameters {
  RopeAttr sliding, full;
};

/// Reads and checks the rotation of a model with heads of `headDim`. Errors
/// are reported through `config`.
RopeParameters readRope(const Config &config, const ModelSpec &model,
                        int64_t headDim);

} // namespace attn

#endif // COMPILER_IMPORT_ROPE_H
