//===- Costs.h - What a declared layer costs --------------------*- C++ -*-===//
//
// Counts from the geometry alone: weights, matrix FLOPs of visible pairs of
// query and key, bytes of the cache.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_EXPLAIN_COSTS_H
#define COMPILER_EXPLAIN_COSTS_H

#include "compiler/Options.h"
#include "compiler/bench/Cases.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace attn {

/// The limits of a machine.
struct Machine {
  double peakGflops, bandwidthGbs;

  /// FLOPs per byte at which both limits bind.
  double ridge() const { return peakGflops / bandwidthGbs; }
};

/// What to count for.
struct CostQuestion {
  int64_t queryLength = 1, kvLength = 4096;
  /// Of queries and outputs, and of the caches.
  Dtype dtype = Dtype::F32, kDtype = Dtype::F32, vDtype = Dtype::F32;
  std::optional<Machine> machine = std::nullopt;
};

struct LayerCosts {
  /// Elements of the four projections' matrices and of the sinks. Biases are
  /// not declared.
  double parameters = 0;
  /// Of both matrix products, visible pairs only.
  double flops = 0;
  /// Of the keys and values that any row sees.
  double kvBytes = 0;
  /// Of all that has to be read and written.
  double bytes = 0;
  double kvCacheBytesPerToken = 0;

  LayerCosts &operator+=(const LayerCosts &other);
};

/// The machine that the command line names, if it does.
std::optional<Machine> machineOf(const Invocation &invocation);

/// `question` with the types of a declared layer's tensors.
CostQuestion withTypesOf(mlir::Operation *layer, CostQuestion question);

/// Bytes of the queries, keys, values and outputs of `call`, each once.
double countBytes(const BenchCase &call, const CostQuestion &question);

LayerCosts countCosts(GroupedOp layer, const CostQuestion &question);

/// What the two forms of a latent layer cost.
struct LatentForms {
  double expandedFlops = 0, absorbedFlops = 0;
  /// Of caches, weights and expanded keys and values.
  double expandedElements = 0, absorbedElements = 0;
  /// Whether that form is what a graph of this call becomes.
  bool isAbsorbed = false;
  /// Below so many queries the absorbed form is cheaper; infinite: always.
  double crossover = 0, asymptoticCrossover = 0;
};

LatentForms countForms(LatentOp layer, const CostQuestion &question);

/// Parameters count the norms of the compressed rows too, which the layer
/// cannot lack; FLOPs and bytes are those of the form with fewer FLOPs,
/// up-projections included.
LayerCosts countCosts(LatentOp layer, const CostQuestion &question);

} // namespace attn

#endif // COMPILER_EXPLAIN_COSTS_H
