//===- Passes.h - target-independent passes ---------------------*- C++ -*-===//
//
// The passes between the levels of the attn dialect, one populate function for
// each stage; see Passes.td for what each does.
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

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace attn {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

/// What the fused stage does beyond rewriting.
struct FusedStageOptions {
  /// A graph that stays unfused is an error.
  bool requireFused = false;
};

/// Declared to graph: every layer becomes a function of textbook operations.
void populateGraphStage(mlir::OpPassManager &manager);

/// Graph to fused: every attention in a function becomes one attn.flash.
void populateFusedStage(mlir::OpPassManager &manager,
                        const FusedStageOptions &options);

#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace attn

#endif // PASSES_PASSES_H
