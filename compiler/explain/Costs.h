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

} // namespace attn

#endif // COMPILER_EXPLAIN_COSTS_H
