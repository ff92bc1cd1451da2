//===- Compare.cpp - The worst element of a result ------------------------===//
//
// See Compare.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/Compare.h"

#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attn;
using namespace attn::verify;
using attn::reference::Tensor;

static bool patternDiffers(double expected, double got) {
  if (std::isnan(expected) || std::isnan(got))
    return std::isnan(expected) != std::isnan(got);
  return (std::isinf(expected) || std::isinf(got)) && expected != got;
}

Difference verify::worstDifference(const Tensor &expected, const Tensor &got) {
  assert(expected.size() == got.size() && "results of the same shape");
  Difference worst;
  for (int64_t i = 0; i < expected.size(); ++i) {
    double left = expected.data()[i], right = got.data()[i];
    if (patternDiffers(left, right))
      return {.position = i, .expected = left, .got = right, .inPattern = true};
    double error = std::isfinite(left) ? std::fabs(left - right) : 0;
    if (error > worst.error)
      worst = {.position = i, .expected = left, .got = right, .error = error};
  }
  return worst;
}

std::string verify::describe(const Difference &difference,
                             const Tensor &expected) {
  llvm::SmallVector<int64_t> at = expected.coordinates(difference.position);
  return fmt::format("[{}] is {:.9g}, expected {:.9g}", fmt::join(at, ", "),
                     difference.got, difference.expected);
}
