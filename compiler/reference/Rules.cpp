//===- Rules.cpp - What each step of attention computes -------------------===//
//
// Written from the semantics alone. Loops put the contiguous index innermost,
// so that the compiler can vectorise them while every sum still ascends.
//
//===----------------------------------------------------------------------===//

#include "compiler/reference/Rules.h"

#include "compiler/reference/Products.h"
#include "compiler/reference/TensorRules.h"

#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

using namespace attn;
using namespace attn::reference;
using llvm::SmallVector;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

int64_t Visibility::length(int64_t batch) const {
  if (!lengths)
    return keys;
  return std::clamp(static_cast<int64_t>((*lengths)(batch)), int64_t(0), keys);
}

/// The keys of the valid ones that are of the document of the key at
/// `position`.
static std::pair<int64_t, int64_t> documentAt(const Tensor &documents,
                                              int64_t batch, int64_t position,
                                              int64_t valid) {
  if (position < 0 || position >= valid)
    return {0, 0};
  auto isSame = [&](int64_t key) {
    return documents(batch, key) == documents(batch, position);
  };
  int64_t begin = position, end = position + 1;
  while (begin > 0 && isSame(begin - 1))
    --begin;
  while (end < valid && isSame(end))
    ++end;
  return {begin, end};
}

bool Visibility::isHidden(int64_t batch, int64_t head, int64_t row,
                          int64_t key) const {
  if (!added)
    return false;
  auto at = [&](unsigned dim, int64_t index) {
    return added->dim(dim) == 1 ? 0 : index;
  };
  return (*added)(at(0, batch), at(1, head), at(2, row), at(3, key)) ==
         -kInfinity;
}

std::pair<int64_t, int64_t> Visibility::range(int64_t batch,
                                              int64_t row) const {
  int64_t valid = length(batch);
  int64_t position = row;
  if (interval.alignment == Alignment::BottomRight)
    position += valid - queries;
  int64_t begin = 0, end = valid;
  // position - left < key < position + right
  if (interval.left != KeyInterval::kUnbounded)
    begin = std::max(begin, position - interval.left + 1);
  if (interval.right != KeyInterval::kUnbounded)
    end = std::min(end, position + interval.right);
  // key / chunk == position / chunk
  if (interval.chunk != KeyInterval::kUnbounded && position >= 0)
    begin = std::max(begin, position / interval.chunk * interval.chunk);
  // key <= position or key < prefix
  if (interval.prefix)
    end = std::min(
        end, std::max(position + 1, static_cast<int64_t>((*prefix)(batch))));
  if (interval.document) {
    auto [first, last] = documentAt(*documents, batch, position, valid);
    begin = std::max(begin, first);
    end = std::min(end, last);
  }
  return {begin, std::max(begin, end)};
}

std::optional<std::pair<int64_t, int64_t>>
Visibility::findDocumentAgain() const {
  for (int64_t batch = 0; documents && batch < documents->dim(0); ++batch) {
    std::set<double> known;
    for (int64_t key = 0; key < length(batch); ++key) {
      double number = (*documents)(batch, key);
      bool continues = key > 0 && number == (*documents)(batch, key - 1);
      if (!known.insert(number).second && !continues)
        return std::pair(batch, key);
    }
  }
  return std::nullopt;
}

/// Calls body(batch, head, row) for every row of a [B, H, S, T] score.
template <typename Body>
static void forEachRow(const Tensor &score, Body body) {
  for (int64_t batch = 0; batch < score.dim(0); ++batch)
    for (int64_t head = 0; head < score.dim(1); ++head)
      for (int64_t row = 0; row < score.dim(2); ++row)
        body(batch, head, row);
}

Tensor reference::repeatKv(const Tensor &input, int64_t times) {
  Tensor result(
      {input.dim(0), input.dim(1), input.dim(2) * times, input.dim(3)});
  for (int64_t batch = 0; batch < result.dim(0); ++batch)
    for (int64_t position = 0; position < result.dim(1); ++position)
      for (int64_t head = 0; head < result.dim(2); ++head)
        std::copy_n(input.row(batch, position, head / times), input.dim(3),
                    result.row(batch, position, head));
  return result;
}

template <typename Real>
Tensor reference::score(const Tensor &query, const Tensor &key) {
  int64_t heads = query.dim(2), size = query.dim(3);
  int64_t keys = key.dim(1), kvHeads = key.dim(2);
  Tensor result({query.dim(0), heads, query.dim(1), keys});
  if (!result.size())
    return result;
  for (int64_t batch = 0; batch < result.dim(0); ++batch)
    for (int64_t head = 0; head < heads; ++head) {
      Matrix rows = {query.row(batch, 0, head), query.dim(1), size,
                     heads * size};
      Matrix columns = {key.row(batch, 0, head / (heads / kvHeads)), size, keys,
                        1, kvHeads * size};
      multiply<Real>(rows, columns, result.row(batch, head, 0), keys);
    }
  return result;
}

template <typename Real>
Tensor reference::scale(Tensor score, double by) {
  for (double &value : score.data())
    value = static_cast<Real>(value) * static_cast<Real>(by);
  return score;
}

template <typename Real>
Tensor reference::softcap(Tensor score, double cap) {
  Real limit = static_cast<Real>(cap);
  for (double &value : score.data())
    value = limit * std::tanh(static_cast<Real>(value) / limit);
  return score;
}

Tensor reference::mask(Tensor score, const Visibility &visibility) {
  forEachRow(score, [&](int64_t batch, int64_t head, int64_t row) {
    auto [begin, end] = visibility.range(batch, row);
    double *scores = score.row(batch, head, row);
    for (int64_t key = 0; key < score.dim(3); ++key)
      if (key < begin || key >= end)
        scores[key] = -kInfinity;
  });
  return score;
}

template <typename Real>
Tensor reference::addTensorMask(const Tensor &score, const Tensor &added) {
  return elementwise({&score, &added}, [](llvm::ArrayRef<double> v) -> double {
    return v[1] == -kInfinity
               ? -kInfinity
               : static_cast<Real>(v[0]) + static_cast<Real>(v[1]);
  });
}

/// Turns one row of scores into probabilities and returns its lse.
template <typename Real>
static double softmaxRow(llvm::MutableArrayRef<double> row, Real sink) {
  Real most = sink;
  for (double score : row) // a NaN stays
    most = most >= static_cast<Real>(score) || std::isnan(most)
               ? most
               : static_cast<Real>(score);
  if (most == -std::numeric_limits<Real>::infinity()) {
    llvm::fill(row, 0.0);
    return -kInfinity;
  }
  Real denominator = 0;
  for (double &score : row) {
    Real weight = std::exp(static_cast<Real>(score) - most);
    denominator += weight;
    score = weight;
  }
  denominator += std::exp(sink - most);
  for (double &weight : row)
    weight = static_cast<Real>(weight) / denominator;
  return most + std::log(denominator);
}

template <typename Real>
Softmax reference::softmax(Tensor score, const Tensor *sinks) {
  Tensor lse({score.dim(0), score.dim(2), score.dim(1)});
  forEachRow(score, [&](int64_t batch, int64_t head, int64_t row) {
    Real sink = static_cast<Real>(sinks ? (*sinks)(head) : -kInfinity);
    llvm::MutableArrayRef<double> scores(score.row(batch, head, row),
                                         score.dim(3));
    lse(batch, row, head) = softmaxRow<Real>(scores, sink);
  });
  return {.probability = std::move(score), .lse = std::move(lse)};
}

template <typename Real>
Tensor reference::softmaxAlong(const Tensor &score, int64_t dim) {
  // The rows along the last dimension of [..., size].
  SmallVector<int64_t> swap =
      llvm::to_vector(llvm::seq<int64_t>(0, score.rank()));
  std::swap(swap[dim], swap.back());
  Tensor rows = transpose(score, swap);
  int64_t size = rows.shape().back();
  for (int64_t row = 0; size && row < rows.size() / size; ++row)
    softmaxRow<Real>(rows.data().slice(row * size, size),
                     -std::numeric_limits<Real>::infinity());
  return transpose(rows, swap);
}

double reference::roundTo(mlir::Type type, double value) {
  if (!type)
    return value;
  llvm::APFloat number(value);
  bool losesInfo = false;
  number.convert(llvm::cast<mlir::FloatType>(type).getFloatSemantics(),
                 llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return number.convertToDouble();
}

/// What a slope multiplies at position and key.
static double distanceAt(Distance distance, int64_t position, int64_t key) {
  switch (distance) {
  case Distance::Signed:
    return static_cast<double>(key - position);
  case Distance::Absolute:
    return -static_cast<double>(std::abs(key - position));
  case Distance::Key:
    return static_cast<double>(key);
  }
  llvm_unreachable("all distances are handled");
}

/// The bias of head `head`, whose slope is `slope`, at position and key.
static double biasAt(const PositionBias &bias, double slope, int64_t head,
                     int64_t position, int64_t key) {
  if (auto buckets = llvm::dyn_cast<BucketsAttr>(bias.bias))
    return (*bias.table)(buckets.getBucket(key - position), head);
  auto alibi = llvm::cast<AlibiAttr>(bias.bias);
  mlir::Type type = alibi.getRounding();
  double distance = distanceAt(alibi.getDistance(), position, key);
  return alibi.getBiasFactor() * roundTo(type, slope * roundTo(type, distance));
}

static Alignment alignmentOf(BiasAttrInterface bias) {
  if (auto buckets = llvm::dyn_cast<BucketsAttr>(bias))
    return buckets.getAlignment();
  return llvm::cast<AlibiAttr>(bias).getAlignment();
}

template <typename Real>
Tensor reference::addPositionBias(Tensor score, const PositionBias &bias) {
  SmallVector<double> slopes(score.dim(1), 0.0);
  if (auto alibi = llvm::dyn_cast<AlibiAttr>(bias.bias)) {
    slopes = alibi.getHeadSlopes(score.dim(1));
    for (double &slope : slopes)
      slope = roundTo(alibi.getRounding(), slope);
  }
  Visibility visibility = {
      .lengths = bias.lengths, .queries = score.dim(2), .keys = score.dim(3)};
  bool isTopLeft = alignmentOf(bias.bias) == Alignment::TopLeft;
  forEachRow(score, [&](int64_t batch, int64_t head, int64_t row) {
    int64_t offset =
        isTopLeft ? 0 : visibility.length(batch) - visibility.queries;
    for (int64_t key = 0; key < score.dim(3); ++key) {
      double &value = score(batch, head, row, key);
      value = static_cast<Real>(value) +
              static_cast<Real>(
                  biasAt(bias, slopes[head], head, row + offset, key));
    }
  });
  return score;
}

/// sums[d] += weight * value[d]; a weight of 0 brings in nothing but, where
/// the value is seen, its NaNs.
template <typename Real>
static void accumulate(llvm::MutableArrayRef<Real> sums, Real weight,
                       const double *value, bool seen) {
  if (weight != 0) {
    for (size_t d = 0; d < sums.size(); ++d)
      sums[d] += weight * static_cast<Real>(value[d]);
    return;
  }
  if (!seen)
    return;
  for (size_t d = 0; d < sums.size(); ++d)
    if (std::isnan(value[d]))
      sums[d] = std::numeric_limits<Real>::quiet_NaN();
}

template <typename Real>
Tensor reference::weightedSum(const Tensor &probability, const Tensor &value,
                              const Visibility *visibility) {
  int64_t heads = probability.dim(1), size = value.dim(3);
  int64_t group = heads / value.dim(2);
  Tensor result({probability.dim(0), probability.dim(2), heads, size});
  std::vector<Real> sums(size);
  forEachRow(probability, [&](int64_t batch, int64_t head, int64_t row) {
    std::pair<int64_t, int64_t> seen = {0, 0};
    if (visibility)
      seen = visibility->range(batch, row);
    llvm::fill(sums, Real(0));
    for (int64_t key = 0; key < probability.dim(3); ++key)
      accumulate<Real>(sums,
                       static_cast<Real>(probability(batch, head, row, key)),
                       value.row(batch, key, head / group),
                       key >= seen.first && key < seen.second &&
                           !visibility->isHidden(batch, head, row, key));
    llvm::copy(sums, result.row(batch, row, head));
  });
  return result;
}

namespace attn::reference {
template Tensor score<double>(const Tensor &, const Tensor &);
template Tensor score<float>(const Tensor &, const Tensor &);
template Tensor scale<double>(Tensor, double);
template Tensor scale<float>(Tensor, double);
template Tensor softcap<double>(Tensor, double);
template Tensor softcap<float>(Tensor, double);
template Softmax softmax<double>(Tensor, const Tensor *);
template Softmax softmax<float>(Tensor, const Tensor *);
template Tensor addTensorMask<double>(const Tensor &, const Tensor &);
template Tensor addTensorMask<float>(const Tensor &, const Tensor &);
template Tensor softmaxAlong<double>(const Tensor &, int64_t);
template Tensor softmaxAlong<float>(const Tensor &, int64_t);
template Tensor addPositionBias<double>(Tensor, const PositionBias &);
template Tensor addPositionBias<float>(Tensor, const PositionBias &);
template Tensor weightedSum<double>(const Tensor &, const Tensor &,
                                    const Visibility *);
template Tensor weightedSum<float>(const Tensor &, const Tensor &,
                                   const Visibility *);
} // namespace attn::reference
