//===- AttnRanks.h - layers as one rank of several --------------*- C++ -*-===//
//
// What a module says whose layers are a rank's share of the model's (tensor
// parallelism: Shoeybi et al. 2019, section 3).
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNRANKS_H
#define DIALECTS_ATTN_ATTNRANKS_H

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace attn {

/// Discardable attributes that the dialect defines on modules: how many ranks
/// share each layer, and which tensors of the checkpoint none of them adds,
/// since the sum of all would count them once for each.
inline constexpr llvm::StringLiteral kRanksAttr = "attn.ranks";
inline constexpr llvm::StringLiteral kLeftOutAttr = "attn.left_out";

/// The ranks that share the layers of `module`; 1 where they are whole.
int64_t ranksOf(mlir::ModuleOp module);

/// The checkpoint's names of the tensors that no rank adds.
std::vector<std::string> leftOutOf(mlir::ModuleOp module);

/// "one rank of 4: ...", what its caller has to add; empty for whole layers.
std::string describeRank(mlir::ModuleOp module);

/// Fails with a message if `attribute` of `module` is none of the above.
llvm::LogicalResult verifyRanks(mlir::ModuleOp module,
                                mlir::NamedAttribute attribute);

} // namespace attn

#endif // DIALECTS_ATTN_ATTNRANKS_H
