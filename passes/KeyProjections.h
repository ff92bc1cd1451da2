//===- KeyProjections.h - keys that tasks make of stored rows ---*- C++ -*-===//
//
// A cache may hold rows that keys and values are a product of (multi-head
// latent attention, DeepSeek-AI 2024). Attention multiplies the blocks that it
// visits, so that nothing but the cache grows with the context.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_KEYPROJECTIONS_H
#define PASSES_KEYPROJECTIONS_H

#include "dialects/attn/AttnOps.h"
#include "passes/HeadProjections.h"
#include "llvm/ADT/DenseSet.h"

namespace attn {

/// Operations between rows of caches and attention that no memory is made for:
/// products, and what cuts them into heads.
class KeyProjections {
public:
  explicit KeyProjections(mlir::func::FuncOp function);

  bool contains(mlir::Operation *op) const { return ops.contains(op); }
  /// The projection that `part` of a key or value is, if tasks multiply it.
  std::optional<HeadProjection> find(mlir::Value part) const;

private:
  llvm::DenseSet<mlir::Operation *> ops;
};

/// Elements of the stored rows that the tasks of `flash` multiply, the most of
/// its parts; 0 if they multiply none.
int64_t projectedRank(FlashOp flash);

} // namespace attn

#endif // PASSES_KEYPROJECTIONS_H
