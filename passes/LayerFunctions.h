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

/// What a function of a latent layer is where its scope has several: a form
/// that callers choose, or a step of absorbed attention, so that they may do
/// the products with the up-projections themselves. The KIND of its name.
enum class LatentKind {
  /// The whole scope, in the form that is less work.
  Whole,
  /// core: keys and values of every head.
  Expanded,
  /// core: attention to the latents; attend: what stands between the products.
  Absorbed,
  /// attend: the product of queries and the up-projection of keys.
  AbsorbQuery,
  /// attend: the product of attention's output and the up-projection of values.
  ExpandOutput
};
llvm::StringRef stringifyLatentKind(LatentKind kind);

/// One function that a layer becomes, and how much of the layer it covers.
struct LayerFunction {
  std::string name;
  KernelScope scope;
  LatentKind kind = LatentKind::Whole;
  /// Of a kernel with several functions: its name, and up to how many queries
  /// of a sequence this one serves; 0: any number.
  std::string kernel = {};
  int64_t maxQueries = 0;
};

/// What follows the layer in the name of a kernel or function of `scope`: the
/// scope, after the kind of a latent layer's.
std::string layerSuffix(llvm::StringRef name, KernelScope scope);

/// The functions of a layer for each of `scopes`, in order; those of a latent
/// layer's steps `withSteps` alone.
llvm::SmallVector<LayerFunction> functionsOf(GroupedOp layer,
                                             llvm::ArrayRef<KernelScope> scopes,
                                             bool withSteps);
llvm::SmallVector<LayerFunction>
functionsOf(LatentOp layer, llvm::ArrayRef<KernelScope> scopes, bool withSteps);

/// Writes `function` where `builder` stands.
void writeFunction(mlir::OpBuilder &builder, GroupedOp layer,
                   const LayerFunction &function);
void writeFunction(mlir::OpBuilder &builder, LatentOp layer,
                   const LayerFunction &function);

} // namespace attn

#endif // PASSES_LAYERFUNCTIONS_H
