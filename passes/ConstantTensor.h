//===- ConstantTensor.h - tensors known at compile time ---------*- C++ -*-===//
//
// Masks are built from constants in endless ways (triangles, negations, slices,
// sums of infinities). Their rows are few runs of equal elements, so that every
// such mask can be evaluated exactly, whatever its size.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_CONSTANTTENSOR_H
#define PASSES_CONSTANTTENSOR_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <memory>
#include <optional>
#include <vector>

namespace attn {

/// Elements of a row from the end of the run before up to `end`.
struct Run {
  int64_t end;
  double value;

  bool operator==(const Run &) const = default;
};

/// A row along the last dimension; neighbouring runs differ.
using RunRow = llvm::SmallVector<Run, 2>;

double elementOf(const RunRow &row, int64_t index);

/// A causal mask of 4096 x 4096 elements is 4096 rows of two runs. Booleans are
/// 0 and 1.
struct ConstantTensor {
  llvm::SmallVector<int64_t> shape;
  /// In row-major order of all dimensions but the last.
  std::vector<RunRow> rows;

  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  int64_t width() const { return shape.empty() ? 1 : shape.back(); }
  /// The element at a full list of coordinates.
  double at(llvm::ArrayRef<int64_t> coordinates) const;
  /// The value of all elements; nothing if they differ or there are none.
  std::optional<double> splat() const;
};

/// f of the elements of `inputs`, aligned at the last dimension and repeated as
/// the elementwise operations do; nothing if that would be too many rows.
std::optional<ConstantTensor>
mapElements(llvm::ArrayRef<const ConstantTensor *> inputs,
            llvm::function_ref<double(llvm::ArrayRef<double>)> f);

/// Evaluates what follows from `attn.full` alone.
class ConstantEvaluator {
public:
  /// The elements of `value`; null if they are not known, or too many.
  const ConstantTensor *evaluate(mlir::Value value);

  /// The value of all elements of `value`, if it is known and one.
  std::optional<double> splat(mlir::Value value);

private:
  std::optional<ConstantTensor> compute(mlir::Operation *op);

  /// Null: not known.
  llvm::DenseMap<mlir::Value, std::unique_ptr<ConstantTensor>> known;
};

} // namespace attn

#endif // PASSES_CONSTANTTENSOR_H
