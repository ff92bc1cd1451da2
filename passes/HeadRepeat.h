//===- HeadRepeat.h - heads that are repeated somewhere above ---*- C++ -*-===//
//
// Follows one dimension of a tensor up through views, to the operation that
// makes several heads of one.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_HEADREPEAT_H
#define PASSES_HEADREPEAT_H

#include "mlir/IR/Builders.h"

#include <optional>

namespace attn {

/// Heads each of which stands `times` times in a row, at least once.
struct HeadRepeat {
  int64_t times = 1;
  /// The tensor before the repetition; `dim` counts its heads. If the heads
  /// are a new dimension, it is there with size 1.
  mlir::Value input;
  int64_t dim = 0;
  bool isExpansion = false;
  /// What stands between, from above, and the dimension of each result that
  /// counts heads.
  struct Step {
    mlir::Operation *op;
    int64_t dim;
  };
  llvm::SmallVector<Step> steps;
};

/// The repetition of dimension `dim` of `value`, the last one of several;
/// nothing if there is none. `tiled` is set to the operation that repeats heads
/// in another order, if that was met instead.
std::optional<HeadRepeat> findRepeat(mlir::Value value, int64_t dim,
                                     mlir::Operation *&tiled);

/// The tensor that `repeat` was found for, without the repetition.
mlir::Value createUnrepeated(mlir::OpBuilder &builder,
                             const HeadRepeat &repeat);

} // namespace attn

#endif // PASSES_HEADREPEAT_H
