//===- MapOps.h - what a score_mod may hold on the CPU ----------*- C++ -*-===//
//
// Scalar operations on f32, index, i32, i64 and i1, and conversions to bf16 and
// back, that have a form on vectors of every target. Integers are bounded:
// rows, columns and heads fit 32 bits.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_MAPOPS_H
#define CODEGEN_CPU_MAPOPS_H

#include "mlir/IR/Region.h"
#include "mlir/Interfaces/InferIntRangeInterface.h"
#include "llvm/ADT/DenseMap.h"

#include <optional>
#include <string>

namespace attn::cpu {

/// Why `body`, a region (score, row, column, head, [position]) -> score, has no
/// form on vectors; nothing if it has one.
std::optional<std::string> whyNotMapRow(mlir::Region &body);

/// Whether `body` holds attn_tile.lookup.
bool readsTable(mlir::Region &body);

/// The arith.constant that stands, perhaps outside the region, for `value`.
mlir::Operation *constantBehind(mlir::Value value);

/// Bounds of the integers of a map.
class MapRanges {
public:
  explicit MapRanges(mlir::Region &body);

  mlir::ConstantIntRanges of(mlir::Value value) const;
  /// 32-bit lanes hold every value that `value` may have.
  bool isNarrow(mlir::Value value) const;
  bool isNeverNegative(mlir::Value value) const {
    return of(value).smin().isNonNegative();
  }
  bool isPositive(mlir::Value value) const {
    return of(value).smin().isStrictlyPositive();
  }
  /// 0 <= value < size
  bool isIndexOf(mlir::Value value, int64_t size) const {
    return isNeverNegative(value) && of(value).smax().slt(size);
  }

private:
  void infer(mlir::Operation &op);

  llvm::DenseMap<mlir::Value, mlir::ConstantIntRanges> ranges;
};

} // namespace attn::cpu

#endif // CODEGEN_CPU_MAPOPS_H
