//===- Rewriting.h - what the rewrites share --------------------*- C++ -*-===//
//
// Remarks in one form, and small questions about IR.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_REWRITING_H
#define PASSES_REWRITING_H

#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"

namespace attn {

/// Says that `pass` (its flag) rewrote `op`. Remarks keep their text whole, so
/// that tools can show it as it is.
void remarkPassed(mlir::Operation *op, llvm::StringRef pass,
                  const llvm::Twine &text);

/// Says that `pass` (its flag) left `op` alone, and why.
void remarkMissed(mlir::Operation *op, llvm::StringRef pass,
                  const llvm::Twine &text);

/// Says what `pass` (its flag) found out about `op`.
void remarkFound(mlir::Operation *op, llvm::StringRef pass,
                 const llvm::Twine &text);

/// What makes `value`, for a remark: "'attn.scale'" or "an argument".
std::string describeProducer(mlir::Value value);

/// A user of `value` other than `user`; null if there is none.
mlir::Operation *findOtherUser(mlir::Value value, mlir::Operation *user);

/// Size of a dimension, for a remark: "32", or "?" where it is dynamic.
std::string describeSize(int64_t size);

/// A number, for a remark: "0.125", "-inf".
std::string describeNumber(double number);

/// The step that makes `value`, if it is a `StepOp`: `value` becomes its first
/// operand.
template <typename StepOp>
StepOp takeStep(mlir::Value &value) {
  auto step = value.getDefiningOp<StepOp>();
  if (step)
    value = step->getOperand(0);
  return step;
}

/// Erases operations under `root` that nothing uses, users before producers.
void eraseUnused(mlir::Operation *root);

} // namespace attn

#endif // PASSES_REWRITING_H
