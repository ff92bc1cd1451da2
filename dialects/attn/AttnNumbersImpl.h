//===- AttnNumbersImpl.h - numbers of attributes ----------------*- C++ -*-===//
//
// What the verifiers of all attributes ask of numbers.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNNUMBERSIMPL_H
#define DIALECTS_ATTN_ATTNNUMBERSIMPL_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Diagnostics.h"
#include <cmath>

namespace attn {

inline bool isPositive(double number) {
  return number > 0 && std::isfinite(number);
}

inline bool isPositive(mlir::FloatAttr number) {
  return isPositive(number.getValueAsDouble());
}

/// `number`, or `standard` where it is absent.
inline double numberOr(mlir::FloatAttr number, double standard) {
  return number ? number.getValueAsDouble() : standard;
}

/// Fails unless `number`, called `what` in the message, is positive and finite.
inline llvm::LogicalResult
checkPositive(llvm::function_ref<mlir::InFlightDiagnostic()> emitError,
              llvm::StringRef what, double number) {
  if (isPositive(number))
    return mlir::success();
  return emitError() << what << " is " << number
                     << ", expected a positive finite number";
}

} // namespace attn

#endif // DIALECTS_ATTN_ATTNNUMBERSIMPL_H
