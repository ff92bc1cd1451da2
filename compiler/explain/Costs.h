//===- Costs.h - What a declared layer costs --------------------*- C++ -*-===//
//
// Counts from the geometry alone: weights, matrix FLOPs of visible pairs of
// query and key, bytes of the cache.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_EXPLAIN_COSTS_H
#define COMPILER_EXPLAIN_COSTS_H

#include "compiler/Options.h"
#include "dialects/attn/AttnOps.h"

namespace attn {

/// What to count for.
struct CostQuestion {
  int64_t queryLength = 1, kvLength = 4096;
  Dtype kDtype = Dtype::F32, vDtype = Dtype::F32;
};

struct LayerCosts {
  /// Elements of the four projections' matrices and of the sinks. Biases are
  /// not declared.
  double parameters = 0;
  /// Of both matrix products, visible pairs only.
  double flops = 0;
  /// Of the keys and values that any row sees.
  double kvBytes = 0;
  double kvCacheBytesPerToken = 0;

  LayerCosts &operator+=(const LayerCosts &other);
};

int64_t bytesOf(Dtype dtype);

LayerCosts countCosts(GroupedOp layer, const CostQuestion &question);

/// What the two forms of a latent layer cost.
struct LatentForms {
  double expandedFlops = 0, absorbedFlops = 0;
  /// Below so many queries the absorbed form is cheaper; infinite: always.
  double crossover = 0, asymptoticCrossover = 0;
};

LatentForms countForms(LatentOp layer, const CostQuestion &question);

/// Parameters count the norms of the compressed rows too, which the layer
/// cannot lack; FLOPs are those of the cheaper form, up-projections included.
LayerCosts countCosts(LatentOp layer, const CostQuestion &question);

} // namespace attn

#endif // COMPILER_EXPLAIN_COSTS_H
