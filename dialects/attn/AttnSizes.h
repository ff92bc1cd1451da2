//===- AttnSizes.h - sizes of dimensions ------------------------*- C++ -*-===//
//
// Arithmetic on sizes that may be dynamic.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNSIZES_H
#define DIALECTS_ATTN_ATTNSIZES_H

#include "mlir/IR/BuiltinTypeInterfaces.h"
#include "llvm/Support/MathExtras.h"

namespace attn {

/// The product of two sizes; dynamic if one is, or if it does not fit.
inline int64_t multiplySizes(int64_t a, int64_t b) {
  int64_t product = 0;
  if (mlir::ShapedType::isDynamic(a) || mlir::ShapedType::isDynamic(b) ||
      llvm::MulOverflow(a, b, product))
    return mlir::ShapedType::kDynamic;
  return product;
}

} // namespace attn

#endif // DIALECTS_ATTN_ATTNSIZES_H
