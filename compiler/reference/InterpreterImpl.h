//===- InterpreterImpl.h - What rules and layers share ----------*- C++ -*-===//
//
// Attention from queries, keys and values to outputs, and the checks of sizes
// that come first.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REFERENCE_INTERPRETERIMPL_H
#define COMPILER_REFERENCE_INTERPRETERIMPL_H

#include "compiler/reference/Interpreter.h"
#include "compiler/reference/Rules.h"

#include <cmath>

namespace attn::reference {

/// Fails with a message of `op` if a size is not what it should be.
llvm::LogicalResult checkSize(mlir::Operation *op, llvm::StringRef what,
                              int64_t actual, int64_t expected);

/// A mask that is a tensor has each size of the scores, or 1; null: none.
llvm::LogicalResult checkTensorMask(mlir::Operation *op, const Tensor *mask,
                                    llvm::ArrayRef<int64_t> scores);

/// What a boolean mask adds: 0 where it is true, else -inf.
Tensor addedBy(Tensor shown);

/// The softmax of scores, the largest of which `trace` is told, if there is
/// one.
template <typename Real>
Softmax tracedSoftmax(Tensor score, const Tensor *sinks, Trace *trace) {
  if (trace)
    for (double value : score.data())
      if (std::isfinite(value))
        trace->maxScore = std::max(trace->maxScore, std::fabs(value));
  return softmax<Real>(std::move(score), sinks);
}

/// softmax(mask(modify(factor * query . key))) . value, and its lse.
template <typename Real, typename Modify>
mlir::FailureOr<llvm::SmallVector<Tensor>>
attendAll(llvm::ArrayRef<const Tensor *> queryKeyValue, double factor,
          Visibility visibility, const Tensor *sinks, const Tensor *tensorMask,
          Modify modify, Trace *trace) {
  const Tensor &query = *queryKeyValue[0], &key = *queryKeyValue[1];
  visibility.queries = query.dim(1);
  visibility.keys = key.dim(1);
  mlir::FailureOr<Tensor> modified =
      modify(scale<Real>(score<Real>(query, key), factor));
  if (failed(modified))
    return mlir::failure();
  visibility.added = tensorMask;
  if (tensorMask)
    modified = addTensorMask<Real>(*modified, *tensorMask);
  Softmax weights =
      tracedSoftmax<Real>(mask(std::move(*modified), visibility), sinks, trace);
  llvm::SmallVector<Tensor> results;
  results.push_back(
      weightedSum<Real>(weights.probability, *queryKeyValue[2], &visibility));
  results.push_back(std::move(weights.lse));
  return results;
}

} // namespace attn::reference

#endif // COMPILER_REFERENCE_INTERPRETERIMPL_H
