//===- VerifyGraph.cpp - no declared layer is left ------------------------===//
//
// Guard between the declared and the graph level.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/Passes.h"

namespace attn {
#define GEN_PASS_DEF_VERIFYGRAPH
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
struct VerifyGraphPass : attn::impl::VerifyGraphBase<VerifyGraphPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void VerifyGraphPass::runOnOperation() {
  getOperation()->walk([&](Operation *op) {
    if (!isa<GroupedOp, LatentOp>(op))
      return;
    op->emitOpError() << "is still declared, expected a graph function";
    signalPassFailure();
  });
}
