//===- MaskParts.h - what a mask written as tensors hides -------*- C++ -*-===//
//
// Takes boolean and additive mask expressions apart: what is constant becomes
// one set of visible keys and, if it is a band, a symbolic mask; what comes in
// at run time stays a tensor.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_MASKPARTS_H
#define PASSES_MASKPARTS_H

#include "dialects/attn/AttnAttributes.h"
#include "mlir/IR/Builders.h"
#include "passes/ConstantTensor.h"

namespace attn {

/// A tensor of the graph that takes part in a mask.
struct MaskTensor {
  /// Boolean, or added to scores; null if there is none.
  mlir::Value tensor;
  /// Of a boolean one: whether true hides.
  bool hides = false;
  /// Of an added one: what it is multiplied by.
  double factor = 1;
  /// Dimensions of size 1 to put in, one after the other: how many dimensions
  /// stand behind each.
  llvm::SmallVector<int64_t, 2> expansions;
};

/// Visible keys known at compile time.
struct MaskConstant {
  /// 1 where a key is visible, 0 where it is hidden.
  ConstantTensor visible;
  /// The finite number that stands for minus infinity, if one does.
  std::optional<double> fill;
  /// The same mask as it was written.
  MaskTensor written;
};

/// A mask: scores are hidden where one part hides them, and the added tensors
/// are added.
struct MaskParts {
  llvm::SmallVector<MaskConstant, 2> constants;
  llvm::SmallVector<MaskTensor, 2> tensors;
};

/// Takes a boolean mask apart that hides, or shows, where it is true.
void splitBoolean(MaskTensor mask, ConstantEvaluator &constants,
                  MaskParts &parts);

/// Takes a tensor apart that is added to scores.
void splitAdded(MaskTensor mask, ConstantEvaluator &constants,
                MaskParts &parts);

/// The scores that a mask is for; sizes are dynamic if unknown.
struct MaskedScores {
  int64_t queries, keys;
  /// Whether rows may count from the last key: lengths move it.
  bool bottomRight = true;
};

/// The band that comes nearest to a set of visible keys.
struct BandFit {
  MaskAttrInterface mask;
  /// A row and key that the band gets wrong.
  struct Mismatch {
    int64_t row, key;
    bool sees;
  };
  /// The first one; none if the band is the set.
  std::optional<Mismatch> mismatch;
  /// A row that sees no key, if there is one.
  std::optional<int64_t> blindRow;

  /// "row 0 sees key 5, which '#attn.causal' hides"
  std::string describeMismatch() const;
};

/// Fits a band to visible keys [..., queries, keys]. Nothing if the rows depend
/// on more than queries and keys. Square masks are aligned top-left.
std::optional<BandFit> fitBand(const ConstantTensor &visible,
                               MaskedScores scores, mlir::MLIRContext *context);

/// The keys that both sets show; nothing if there are too many rows.
std::optional<ConstantTensor> intersect(const ConstantTensor &a,
                                        const ConstantTensor &b);

/// `mask` as [batch, heads, queries, keys] with 1 where it is repeated: true
/// hides, or the tensor times its factor.
mlir::Value createHiding(mlir::OpBuilder &builder, mlir::Location location,
                         const MaskTensor &mask);
mlir::Value createAdded(mlir::OpBuilder &builder, mlir::Location location,
                        const MaskTensor &mask);

} // namespace attn

#endif // PASSES_MASKPARTS_H
