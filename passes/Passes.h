//===- Passes.h - target-independent passes ---------------------*- C++ -*-===//
//
// Declares every pass of Passes.td; the stages of fusion that they make up are
// a table in FusionPipeline.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_PASSES_H
#define PASSES_PASSES_H

#include "dialects/attn/AttnDialect.h"
#include "dialects/attn_tile/AttnTileDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"

#include <optional>

namespace attn {

/// Which form of latent attention attn-absorb-projections leaves: the cheaper
/// one, or always the same.
enum class AbsorbForm { Auto, Absorbed, Expanded };

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

/// Why `function` is not exactly one attn.flash over its arguments, or rows
/// arranged from them (RowParts.h), with static heads and head sizes, as
/// convert-attn-to-attn-tile asks, or nothing.
std::optional<llvm::StringRef> whyNotOneFlash(mlir::func::FuncOp function);

/// The operation is a step of attention, which only fused attention compiles.
bool isUnfused(mlir::Operation *op);

#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace attn

#endif // PASSES_PASSES_H
