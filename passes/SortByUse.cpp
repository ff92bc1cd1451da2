//===- SortByUse.cpp - operations in the order of their use ---------------===//
//
// A graph has no order but its text has: two spellings of one graph differ in
// it until their operations are sorted.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Passes.h"
#include "llvm/ADT/SetVector.h"

namespace attn {
#define GEN_PASS_DEF_SORTBYUSE
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

/// Collects what `op` needs and then `op`, operands in order.
static void collect(Operation *op, SetVector<Operation *> &sorted) {
  SmallVector<Operation *> pending = {op};
  while (!pending.empty()) {
    Operation *next = pending.back();
    size_t before = pending.size();
    // A region's operations need what their operation does not name.
    next->walk([&](Operation *inner) {
      for (Value operand : llvm::reverse(inner->getOperands())) {
        Operation *producer = operand.getDefiningOp();
        if (producer && producer->getBlock() == op->getBlock() &&
            !sorted.contains(producer))
          pending.push_back(producer);
      }
    });
    if (pending.size() != before)
      continue;
    sorted.insert(next);
    pending.pop_back();
  }
}

static bool isPureBlock(Block &block) {
  return llvm::all_of(block.without_terminator(),
                      [](Operation &op) { return isPure(&op); });
}

static void sort(Block &block) {
  if (block.empty() || !isPureBlock(block))
    return;
  Operation *terminator = block.getTerminator();
  SetVector<Operation *> sorted;
  collect(terminator, sorted);
  for (Operation *op : sorted)
    if (op != terminator)
      op->moveBefore(terminator);
}

namespace {
struct SortByUsePass : attn::impl::SortByUseBase<SortByUsePass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

void SortByUsePass::runOnOperation() {
  getOperation()->walk([](func::FuncOp function) {
    for (Block &block : function.getBody())
      sort(block);
  });
}
