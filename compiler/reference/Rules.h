//===- Rules.h - What each step of attention computes -----------*- C++ -*-===//
//
// One function per step of the written semantics, in the order fixed there:
// score, scale, softcap, mask, softmax with sink, weighted sum. `Real` is the
// type that every intermediate result is rounded to: double is the reference,
// float the naive evaluation that tolerances are derived from. Sums ascend.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REFERENCE_RULES_H
#define COMPILER_REFERENCE_RULES_H

#include "compiler/reference/Tensor.h"
#include "dialects/attn/AttnAttributes.h"

#include <optional>

namespace attn::reference {

/// Which keys the rows of a call see (semantics, items 2, 3 and 5).
struct Visibility {
  KeyInterval interval = {};
  /// Valid keys per batch row; null: all of them.
  const Tensor *lengths = nullptr;
  /// What `interval` looks at: keys of the prefix of each batch row, and the
  /// document of each key of each batch row.
  const Tensor *prefix = nullptr, *documents = nullptr;
  int64_t queries = 0, keys = 0;
  /// Added to scores, each size the scores' or 1; null: nothing. -inf hides.
  const Tensor *added = nullptr;

  /// Whether what is added is -inf there.
  bool isHidden(int64_t batch, int64_t head, int64_t row, int64_t key) const;
  /// The keys of batch row `batch` that exist: lengths, else the extent.
  int64_t length(int64_t batch) const;
  /// Half-open range of the keys that query `row` of `batch` sees.
  std::pair<int64_t, int64_t> range(int64_t batch, int64_t row) const;
  /// The first sequence and key where a document begins again that has ended:
  /// a mask may count on there being none.
  std::optional<std::pair<int64_t, int64_t>> findDocumentAgain() const;
};

/// result[b, s, h, d] = input[b, s, h / times, d]
Tensor repeatKv(const Tensor &input, int64_t times);

/// score[b, h, i, j] = sum_d query[b, i, h, d] * key[b, j, h / group, d]
template <typename Real>
Tensor score(const Tensor &query, const Tensor &key);

/// result = by * score
template <typename Real>
Tensor scale(Tensor score, double by);

/// result = cap * tanh(score / cap)
template <typename Real>
Tensor softcap(Tensor score, double cap);

/// result = score where visible, else -inf
Tensor mask(Tensor score, const Visibility &visibility);

/// result = score + added, whose sizes are the score's or 1; -inf hides even a
/// NaN or an infinite score
template <typename Real>
Tensor addTensorMask(const Tensor &score, const Tensor &added);

struct Softmax {
  Tensor probability;
  Tensor lse;
};

/// m = max(score, sink); denominator = sum exp(score - m) + exp(sink - m).
/// A row without any score above -inf has probability 0 (semantics, item 4).
template <typename Real>
Softmax softmax(Tensor score, const Tensor *sinks);

/// The probabilities along dimension `dim` of a tensor of any rank.
template <typename Real>
Tensor softmaxAlong(const Tensor &score, int64_t dim);

/// The number of the floating-point `type` next to `value`, ties to even;
/// without a type, `value` itself.
double roundTo(mlir::Type type, double value);

/// A bias of the positions of query and key.
struct PositionBias {
  BiasAttrInterface bias;
  /// Valid keys per batch row; null: all of them.
  const Tensor *lengths = nullptr;
  /// [buckets, heads]; null if the bias reads none.
  const Tensor *table = nullptr;
};

/// score[b, h, i, j] + bias(h, p, j)
template <typename Real>
Tensor addPositionBias(Tensor score, const PositionBias &bias);

/// output[b, i, h, d] = sum_j probability[b, h, i, j] * value[b, j, h / g, d].
/// A probability of 0 contributes nothing, unless `visibility` is given and
/// the value is a NaN that the row sees (semantics, item 6).
template <typename Real>
Tensor weightedSum(const Tensor &probability, const Tensor &value,
                   const Visibility *visibility = nullptr);

} // namespace attn::reference

#endif // COMPILER_REFERENCE_RULES_H
