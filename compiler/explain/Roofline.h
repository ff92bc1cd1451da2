//===- Roofline.h - Which limit binds a kernel ------------------*- C++ -*-===//
//
// FLOPs over bytes against a machine's balance of both (Williams, Waterman and
// Patterson 2009). The machine is the user's to name: none is assumed.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_EXPLAIN_ROOFLINE_H
#define COMPILER_EXPLAIN_ROOFLINE_H

#include "compiler/bench/Cases.h"
#include "compiler/explain/Costs.h"
#include "llvm/Support/JSON.h"

namespace attn {

/// One call of a core kernel.
struct RooflinePoint {
  std::string_view phase;
  int64_t queryLength, kvLength;
  /// Of both matrix products, visible pairs only.
  double flops;
  /// Of queries, keys, values and outputs, each moved once: no kernel of that
  /// type moves less.
  double bytes;

  /// FLOPs per byte; not finite where nothing moves.
  double intensity() const { return flops / bytes; }
  bool isBoundByMemory(const Machine &machine) const {
    return intensity() < machine.ridge();
  }
  /// What the limit that binds leaves, in milliseconds.
  double leastTime(const Machine &machine) const;
};

/// Visible pairs are counted row by row: a call of more rows takes too long.
inline constexpr int64_t kMostQueries = int64_t(1) << 20;

/// Where `call` lies, which has at most kMostQueries.
RooflinePoint pointOf(const BenchCase &call, const CostQuestion &question);

/// The kernels of a layer: a prefill of all keys of `question`, at most its
/// last kMostQueries, and one token on them. Of a latent layer, the first is
/// expanded, the second absorbed; neither counts the up-projections.
std::vector<RooflinePoint> placeLayer(GroupedOp layer,
                                      const CostQuestion &question);
std::vector<RooflinePoint> placeLayer(LatentOp layer,
                                      const CostQuestion &question);

/// FLOPs per byte, "1.98"; "-" where nothing moves.
std::string spellIntensity(const RooflinePoint &point);
/// "memory, at least 0.148 ms"; empty if nothing moves or no machine is known.
std::string spellBound(const RooflinePoint &point,
                       const std::optional<Machine> &machine);
/// What the numbers mean, and the machine.
std::string explainRoofline(const std::optional<Machine> &machine);

llvm::json::Value toJson(const RooflinePoint &point,
                         const std::optional<Machine> &machine);
llvm::json::Value toJson(const std::optional<Machine> &machine);

} // namespace attn

#endif // COMPILER_EXPLAIN_ROOFLINE_H
