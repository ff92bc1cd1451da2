//===- LayerFunctions.h - scopes of declared layers -------------*- C++ -*-===//
//
// Which functions a declared layer becomes, and what each of them computes
// (semantics, items 1 to 11).
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_LAYERFUNCTIONS_H
#define PASSES_LAYERFUNCTIONS_H

#include "dialects/attn/AttnOps.h"
#include "mlir/IR/Builders.h"

#include <string>

namespace attn {

/// One function that a layer becomes: how much of the layer it covers, and in
/// which form, where a latent layer leaves that to callers.
struct LayerFunction {
  std::string name;
  KernelScope scope;
  bool isAbsorbed = false;
  /// Of a kernel with several functions: its name, and up to how many queries
  /// of a sequence this one serves; 0: any number.
  std::string kernel = {};
  int64_t maxQueries = 0;
};

/// The functions of a layer for each of `scopes`, in order.
llvm::SmallVector<LayerFunction>
functionsOf(GroupedOp layer, llvm::ArrayRef<KernelScope> scopes);
llvm::SmallVector<LayerFunction>
functionsOf(LatentOp layer, llvm::ArrayRef<KernelScope> scopes);

/// Writes `function` where `builder` stands.
void writeFunction(mlir::OpBuilder &builder, GroupedOp layer,
                   const LayerFunction &function);
void writeFunction(mlir::OpBuilder &builder, LatentOp layer,
                   const LayerFunction &function);

} // namespace attn

#endif // PASSES_LAYERFUNCTIONS_H
