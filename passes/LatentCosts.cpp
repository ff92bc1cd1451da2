//===- LatentCosts.cpp - what the forms of latent attention cost ----------===//
//
// See LatentCosts.h. N heads, L elements of the latent, P and R of a query's
// parts without and with rotation, V of a value.
//
//===----------------------------------------------------------------------===//

#include "passes/LatentCosts.h"

#include <limits>

using namespace attn;

double LatentGeometry::countWeights() const {
  // N L (P + V)
  return double(heads) * double(kvRank) * double(nopeDim + valueDim);
}

FormCosts attn::countExpanded(const LatentGeometry &geometry,
                              const LatentCall &call) {
  auto [n, l, p, r, v] = geometry;
  // Scores and weighted sum: 2 N (P + R + V) a pair; the products with the
  // weights for every key.
  double flops = call.pairs * 2.0 * n * (p + r + v) +
                 2.0 * geometry.countWeights() * call.kvLength;
  double cache = call.kvLength * (l + r);
  double expanded = call.kvLength * n * (p + r + v);
  return {flops, cache + geometry.countWeights() + 2 * expanded};
}

FormCosts attn::countAbsorbed(const LatentGeometry &geometry,
                              const LatentCall &call) {
  auto [n, l, p, r, v] = geometry;
  // 2 N (L + R + L) a pair; the products with the weights for every query.
  double flops = call.pairs * 2.0 * n * (2 * l + r) +
                 2.0 * geometry.countWeights() * call.queryLength;
  double cache = call.kvLength * (l + r);
  return {flops, cache + geometry.countWeights()};
}

bool attn::prefersAbsorbed(const LatentGeometry &geometry,
                           const LatentCall &call) {
  return countAbsorbed(geometry, call).flops <
         countExpanded(geometry, call).flops;
}

double attn::crossoverQueryLength(const LatentGeometry &geometry,
                                  std::optional<double> kvLength) {
  // q * k * 2 N (2 L - P - V) = 2 N L (P + V) * (k - q), solved for q.
  double perKey =
      double(geometry.kvRank) * double(geometry.nopeDim + geometry.valueDim);
  double perPair = 2.0 * geometry.kvRank - geometry.nopeDim - geometry.valueDim;
  if (kvLength)
    perPair += perKey / *kvLength;
  return perPair > 0 ? perKey / perPair
                     : std::numeric_limits<double>::infinity();
}
