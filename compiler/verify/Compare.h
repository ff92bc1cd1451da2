//===- Compare.h - The worst element of a result ----------------*- C++ -*-===//
//
// Compares tensors the way a person debugs them: first where the pattern of
// infinities and NaNs differs, then by the largest error.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_COMPARE_H
#define COMPILER_VERIFY_COMPARE_H

#include "compiler/reference/Tensor.h"
#include <string>

namespace attn::verify {

/// The worst element of a comparison.
struct Difference {
  int64_t position = 0;
  double expected = 0, got = 0;
  /// One is finite and the other not, or they are not the same infinity.
  bool inPattern = false;
  /// |expected - got| of finite elements, 0 without elements.
  double error = 0;
};

/// The first element whose inf/nan pattern differs, else the largest error.
/// `got` has as many elements as `expected`.
Difference worstDifference(const reference::Tensor &expected,
                           const reference::Tensor &got);

/// `[1, 2, 3] is 0.5, expected 0.25`
std::string describe(const Difference &difference,
                     const reference::Tensor &expected);

} // namespace attn::verify

#endif // COMPILER_VERIFY_COMPARE_H
