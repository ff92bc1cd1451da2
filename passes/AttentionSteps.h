//===- AttentionSteps.h - attention found among framework ops ---*- C++ -*-===//
//
// Reads the steps between two products (Vaswani et al. 2017) whatever their
// spelling: scale before or after the mask, masks filled, chosen or added,
// before the softmax or after it.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_ATTENTIONSTEPS_H
#define PASSES_ATTENTIONSTEPS_H

#include "dialects/attn/AttnOps.h"
#include "passes/MaskParts.h"

namespace attn {

/// What one attention does, and which operations do it.
struct AttentionSteps {
  SoftmaxOp softmax;
  /// attn.matmul or attn.score, and attn.matmul or attn.weighted_sum.
  mlir::Operation *product = nullptr, *sum = nullptr;
  /// What the scores are multiplied by, and what bounds them then.
  double scale = 1;
  std::optional<double> cap;
  PositionBiasOp bias;
  /// The symbolic mask that is in the graph, and what else masks.
  MaskOp mask;
  MaskParts parts;
  /// The mask was applied to the probabilities, which were normalised again.
  bool isRenormalised = false;

  /// The symbolic mask of all constants, null for none, and the tensors left.
  MaskAttrInterface symbolic;
  llvm::SmallVector<MaskTensor, 2> tensors;
  /// Why a constant mask is among the tensors; empty if none is.
  std::string kept;
};

/// Whether the softmax stands in the order score, scale, softcap, bias, mask of
/// the textbook's own operations, and its weighted sum after it.
bool isTextbook(SoftmaxOp softmax, ConstantEvaluator &constants);

/// The steps around `softmax`; returns why they are no attention, or nothing.
std::string readAttention(SoftmaxOp softmax, ConstantEvaluator &constants,
                          AttentionSteps &steps);

/// Decides what the masks of `steps` are together: sets the symbolic mask and
/// the tensors. Returns why they are no mask of attention, or nothing.
std::string joinMaskParts(AttentionSteps &steps);

/// Whether a factor of the first operand is one of the result: of views, and of
/// rotations.
bool passesScale(mlir::Operation *op);

/// What `value` is multiplied by on its way through those.
double findScale(mlir::Value value, ConstantEvaluator &constants);

/// The factor that `op` multiplies its first operand by; nothing if it is no
/// scale. `operand` is set to the other operand.
std::optional<double> matchScale(mlir::Operation *op,
                                 ConstantEvaluator &constants,
                                 mlir::Value &operand);

} // namespace attn

#endif // PASSES_ATTENTIONSTEPS_H
