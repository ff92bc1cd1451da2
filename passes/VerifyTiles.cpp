//===- VerifyTiles.cpp - only programs are left ---------------------------===//
//
// Guard before the back ends, which know attn_tile and nothing above it.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "passes/Passes.h"

namespace attn {
#define GEN_PASS_DEF_VERIFYTILES
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
struct VerifyTilesPass : attn::impl::VerifyTilesBase<VerifyTilesPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void VerifyTilesPass::runOnOperation() {
  getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto function = dyn_cast<FunctionOpInterface>(op)) {
      op->emitOpError() << "'" << function.getName()
                        << "' is left, expected 'attn_tile.program'";
      signalPassFailure();
      return WalkResult::skip();
    }
    if (isa_and_present<AttnDialect>(op->getDialect()) && !isa<RefusedOp>(op)) {
      op->emitOpError() << "is left, expected 'attn_tile.program'";
      signalPassFailure();
    }
    return WalkResult::advance();
  });
}
