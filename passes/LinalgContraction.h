//===- LinalgContraction.h - products of matrices in linalg -----*- C++ -*-===//
//
// Which contractions are products of matrices, batch by batch, up to the order
// of their dimensions.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_LINALGCONTRACTION_H
#define PASSES_LINALGCONTRACTION_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <string>

namespace attn {

/// Loops of a contraction that is attn.matmul; batches and rows in the order in
/// which the result has them.
struct LinalgContraction {
  llvm::SmallVector<unsigned> batch, rows, inner, columns;
};

/// The contraction that `op` is; failure with an `obstacle` if attn.matmul is
/// another one.
llvm::FailureOr<LinalgContraction> matchContraction(mlir::linalg::LinalgOp op,
                                                    std::string &obstacle);

/// linalg.matmul %a, %b -> attn.matmul %a, %b, and what else `contraction` was
/// matched in, its dimensions put in order.
mlir::Value writeContraction(mlir::OpBuilder &builder,
                             mlir::linalg::LinalgOp op,
                             const LinalgContraction &contraction);

} // namespace attn

#endif // PASSES_LINALGCONTRACTION_H
