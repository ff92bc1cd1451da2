//===- Latent.h - Latent attention of a config.json -------------*- C++ -*-===//
//
// Ranks and head sizes of multi-head latent attention (MLA), and what its
// scores are scaled by. Formulas: transformers 5.23, modeling_deepseek_v3.py.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_IMPORT_LATENT_H
#define COMPILER_IMPORT_LATENT_H

#include "compiler/import/Config.h"
#include "compiler/import/Models.h"

namespace attn {

struct LatentSpec {
  /// None: queries are projected straight from the hidden states.
  std::optional<int64_t> queryRank;
  int64_t kvRank = 0, nopeDim = 0, ropeDim = 0, valueDim = 0;

  bool operator==(const LatentSpec &) const = default;
};

/// Reads the ranks and head sizes of a model with `heads` heads. Errors are
/// reported through `config`.
LatentSpec readLatent(const Config &config, const LatentFields &fields,
                      int64_t heads);

/// What YaRN multiplies the scores by: m^2 with m = 0.1 * mscale_all_dim *
/// ln(factor) + 1; 1 without mscale_all_dim or without scaling.
double readScoreFactor(const Config &config);

} // namespace attn

#endif // COMPILER_IMPORT_LATENT_H
