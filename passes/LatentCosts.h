//===- LatentCosts.h - what the forms of latent attention cost --*- C++ -*-===//
//
// Counts of both forms of multi-head latent attention (DeepSeek-AI 2024): keys
// and values expanded from the cached latents, or queries absorbed into their
// space. Everything follows from five sizes.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_LATENTCOSTS_H
#define PASSES_LATENTCOSTS_H

#include <cstdint>
#include <optional>

namespace attn {

struct LatentGeometry {
  int64_t heads, kvRank, nopeDim, ropeDim, valueDim;

  /// Weights of the up-projections of keys and values.
  double countWeights() const;
};

/// One call of one sequence.
struct LatentCall {
  double queryLength, kvLength;
  /// Pairs of query and key that the mask lets through.
  double pairs;

  /// A call in which every query sees every key.
  static LatentCall full(double queryLength, double kvLength) {
    return {queryLength, kvLength, queryLength * kvLength};
  }
};

struct FormCosts {
  double flops;
  /// Elements of cache and weights that are read, and of expanded keys and
  /// values, which are written and read.
  double elements;
};

/// All keys and values are expanded from the cached latents, then each head
/// attends to its own.
FormCosts countExpanded(const LatentGeometry &geometry, const LatentCall &call);

/// Queries and outputs pass the up-projections instead, and all heads attend
/// to the latents.
FormCosts countAbsorbed(const LatentGeometry &geometry, const LatentCall &call);

/// Whether the absorbed form has fewer FLOPs: what decides between the forms,
/// whatever compiles or counts the call.
bool prefersAbsorbed(const LatentGeometry &geometry, const LatentCall &call);

/// Below so many query tokens the absorbed form has fewer FLOPs: against
/// `kvLength` keys that all of them see, or against ever more of them. Infinite
/// where it always has.
double crossoverQueryLength(const LatentGeometry &geometry,
                            std::optional<double> kvLength = std::nullopt);

} // namespace attn

#endif // PASSES_LATENTCOSTS_H
