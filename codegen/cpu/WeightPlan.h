//===- WeightPlan.h - which weights are packed ahead of calls ---*- C++ -*-===//
//
// A weight that every program of a kernel multiplies by in the same blocks may
// be kept as the panels that products read.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_WEIGHTPLAN_H
#define CODEGEN_CPU_WEIGHTPLAN_H

#include "codegen/cpu/CpuTarget.h"

#include "dialects/attn_tile/AttnTileOps.h"
#include "llvm/ADT/MapVector.h"

namespace attn::cpu {

/// A weight [columns, inner] in blocks of columns, as tasks take them. A block
/// is panels of columns, each [depth][panel] in the weight's own type, with
/// zeros beyond `inner` and beyond `columns`.
struct WeightPanels {
  int64_t columnBlock, panel, depth;

  /// Elements of one panel, and of one block that is whole.
  int64_t panelElements() const { return depth * panel; }
  int64_t blockElements() const {
    return llvm::divideCeil(columnBlock, panel) * panelElements();
  }
};

class WeightPlan {
public:
  /// `programs` are all that a kernel of scope layer has; other kernels have
  /// no weights.
  WeightPlan(llvm::ArrayRef<tile::ProgramOp> programs, const CpuTarget &target);

  /// The arguments that are weights, ascending, and their panels; those without
  /// panels are read as they are.
  const llvm::MapVector<unsigned, std::optional<WeightPanels>> &
  getWeights() const {
    return weights;
  }
  /// None if `view` is no argument that has panels.
  std::optional<WeightPanels> panelsOf(mlir::Value view) const;

private:
  llvm::MapVector<unsigned, std::optional<WeightPanels>> weights;
};

} // namespace attn::cpu

#endif // CODEGEN_CPU_WEIGHTPLAN_H
