//===- Latent.cpp - Latent attention of a config.json ---------------------===//
//
// See Latent.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/Latent.h"

#include "compiler/import/Layers.h"

#include <cmath>

using namespace attn;
using llvm::StringRef;
using llvm::Twine;

/// The class repeats no key: every head has its own, and a field that says
/// otherwise belongs to another model.
static void checkKvHeads(const Config &config, int64_t heads) {
  constexpr StringRef key = "num_key_value_heads";
  std::optional<int64_t> kvHeads = config.integer(key, kHeadSizes);
  if (kvHeads && *kvHeads != heads)
    config.error(key, Twine("is ") + Twine(*kvHeads) +
                          ", but latent attention has a key for each of " +
                          Twine(heads) + " heads");
}

LatentSpec attn::readLatent(const Config &config, const LatentFields &fields,
                            int64_t heads) {
  LatentSpec spec;
  // Null is plain q_proj; only an absent field takes the class's default.
  StringRef queryRank = fields.queryRank.name;
  if (!config.isNull(queryRank))
    spec.queryRank = readInteger(config, fields.queryRank, kSizes);
  spec.kvRank = readInteger(config, fields.kvRank, kSizes);
  spec.nopeDim = readInteger(config, fields.nopeDim, kHeadSizes);
  spec.ropeDim = readInteger(config, fields.ropeDim, kHeadSizes);
  spec.valueDim = readInteger(config, fields.valueDim, kHeadSizes);
  if (spec.ropeDim % 2 != 0)
    config.error(fields.ropeDim.name, Twine("head size ") +
                                          Twine(spec.ropeDim) +
                                          " is odd, and RoPE rotates pairs");
  checkKvHeads(config, heads);
  return spec;
}

double attn::readScoreFactor(const Config &config) {
  std::optional<Config> scaling = config.child("rope_scaling");
  std::optional<Config> rope =
      scaling ? scaling : config.child("rope_parameters");
  if (!rope)
    return 1;
  StringRef typeKey =
      rope->has("rope_type") || !rope->has("type") ? "rope_type" : "type";
  double scale = rope->number("mscale_all_dim").value_or(0);
  if (scale == 0 || rope->string(typeKey).value_or("default") == "default")
    return 1;
  double factor = rope->positive("factor").value_or(1);
  double m = factor > 1 ? 0.1 * scale * std::log(factor) + 1 : 1;
  return m * m;
}
