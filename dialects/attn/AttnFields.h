//===- AttnFields.h - attributes that operations define ---------*- C++ -*-===//
//
// A field that no operation defines is a mistake, not a remark: MLIR would keep
// it and change nothing.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNFIELDS_H
#define DIALECTS_ATTN_ATTNFIELDS_H

#include "mlir/IR/OpDefinition.h"

namespace attn {

/// Checks that `op` has the attributes that its definition names and those of
/// other dialects, `dialect.name`, alone.
mlir::LogicalResult verifyFields(mlir::Operation *op);

/// The trait of operations that `verifyFields` checks.
template <typename ConcreteT>
struct KnownFields : mlir::OpTrait::TraitBase<ConcreteT, KnownFields> {
  static mlir::LogicalResult verifyTrait(mlir::Operation *op) {
    return verifyFields(op);
  }
};

} // namespace attn

#endif // DIALECTS_ATTN_ATTNFIELDS_H
