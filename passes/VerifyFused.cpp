//===- VerifyFused.cpp - all attention is fused ---------------------------===//
//
// Guard between the graph and the fused level, where the user asks for it.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "passes/Passes.h"
#include "passes/RowParts.h"

namespace attn {
#define GEN_PASS_DEF_VERIFYFUSED
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

bool attn::isUnfused(Operation *op) {
  return isa<ScoreOp, MaskOp, SoftmaxOp, MaskedSoftmaxOp, WeightedSumOp,
             PositionBiasOp>(op);
}

namespace {
struct VerifyFusedPass : attn::impl::VerifyFusedBase<VerifyFusedPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void VerifyFusedPass::runOnOperation() {
  getOperation()->walk([&](FunctionOpInterface function) {
    // One error for a function: its operations are unfused for one reason.
    WalkResult result = function->walk([&](Operation *op) {
      if (!isUnfused(op))
        return WalkResult::advance();
      InFlightDiagnostic error = op->emitOpError()
                                 << "stays unfused in '" << function.getName()
                                 << "', expected 'attn.flash'";
      error.attachNote() << "the remarks of attn-form-flash say why";
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  });
}
