//===- VerifyPrograms.cpp - what the CPU back end can lower ---------------===//
//
// Checks types, sizes and the order of steps of tile programs.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/VerifyPrograms.h"
#include "codegen/cpu/CpuPasses.h"
#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/RowSteps.h"

namespace attn::cpu {
#define GEN_PASS_DEF_CPUVERIFYPROGRAMS
#include "codegen/cpu/CpuPasses.h.inc"
} // namespace attn::cpu

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// SEMANTICS.md, rule 14.
static constexpr int64_t maxHeadDim = 576;

static LogicalResult verifyWidth(Operation *op, tile::TileType block) {
  int64_t width = block.getShape()[1];
  if (width >= 1 && width <= maxHeadDim)
    return success();
  return op->emitOpError() << "has heads of size " << width
                           << ", the CPU takes 1 to " << maxHeadDim;
}

static LogicalResult verifyTypes(Operation *op) {
  for (Type type :
       llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
    if (auto tile = dyn_cast<tile::TileType>(type))
      if (!tile.getElementType().isF32())
        return op->emitOpError()
               << "has elements of type " << tile.getElementType()
               << ", the CPU takes f32";
  return success();
}

/// A loop carries states, which begin with no key seen.
static LogicalResult verifyLoop(scf::ForOp loop) {
  for (Value init : loop.getInitArgs())
    if (!init.getDefiningOp<tile::StartOp>())
      return loop.emitOpError() << "carries a " << init.getType()
                                << " that is not a result of attn_tile.start";
  return success();
}

/// States are updated in place, so nobody may want the old one.
static LogicalResult verifyLastUse(Operation *op, ValueRange state) {
  for (Value value : state)
    if (!value.hasOneUse())
      return op->emitOpError("updates a state that is used again");
  return success();
}

static bool isIndexArithmetic(Operation *op) {
  if (isa<arith::CeilDivUIOp, arith::CeilDivSIOp, arith::ConstantOp>(op))
    return true;
  return isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivUIOp,
             arith::DivSIOp, arith::RemUIOp, arith::RemSIOp, arith::MinSIOp,
             arith::MaxSIOp, arith::MinUIOp, arith::MaxUIOp, arith::AndIOp,
             arith::OrIOp, arith::XOrIOp, arith::CmpIOp, arith::SelectOp>(op);
}

static bool isKnown(Operation *op) {
  return isa<tile::AttnTileDialect>(op->getDialect()) ||
         isa<scf::ForOp, scf::IfOp, scf::YieldOp>(op) || isIndexArithmetic(op);
}

static LogicalResult verifyStep(Operation *op) {
  if (op->getParentOfType<tile::MapOp>())
    return success();
  if (!isKnown(op))
    return op->emitOpError("cannot be lowered for the CPU");
  if (failed(verifyTypes(op)))
    return failure();
  if (auto merge = dyn_cast<tile::MergeOp>(op))
    return verifyLastUse(op, merge->getOperands().take_front(3));
  if (auto finish = dyn_cast<tile::FinishOp>(op))
    return verifyLastUse(op, finish->getOperands().take_front(3));
  if (auto softmax = dyn_cast<tile::SoftmaxStepOp>(op))
    return verifyLastUse(op, softmax->getOperands().drop_front());
  if (auto contract = dyn_cast<tile::ContractOp>(op))
    return verifyWidth(op, contract.getKey().getType());
  if (auto accumulate = dyn_cast<tile::AccumulateOp>(op))
    return verifyWidth(op, accumulate.getValue().getType());
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return verifyLoop(loop);
  if (auto map = dyn_cast<tile::MapOp>(op))
    if (std::optional<std::string> why = whyNotMapRow(map.getBody()))
      return op->emitOpError() << "cannot be lowered for the CPU: " << *why;
  return success();
}

static LogicalResult verifyChains(tile::ProgramOp program) {
  WalkResult result = program.walk([&](Block *block) {
    Operation *parent = block->getParentOp();
    // The masked alternative of a score belongs to its parent's chain.
    if (isRowStep(*parent))
      return WalkResult::advance();
    std::string why;
    if (succeeded(findRowSteps(*block, why)))
      return WalkResult::advance();
    parent->emitOpError() << "cannot be lowered for the CPU: " << why;
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

LogicalResult attn::cpu::verifyProgram(tile::ProgramOp program,
                                       const CpuTarget &target) {
  int64_t keyBlock = program.getSchedule().getKeyBlock();
  if (keyBlock % target.panel())
    return program.emitOpError()
           << "key_block " << keyBlock << " is not a multiple of "
           << target.panel() << ", the panel of target '" << target.name << "'";
  WalkResult result = program.walk([&](Operation *op) {
    return op == program || succeeded(verifyStep(op)) ? WalkResult::advance()
                                                      : WalkResult::interrupt();
  });
  if (result.wasInterrupted())
    return failure();
  return verifyChains(program);
}

namespace {
struct CpuVerifyProgramsPass
    : attn::cpu::impl::CpuVerifyProgramsBase<CpuVerifyProgramsPass> {
  using Base::Base;

  void runOnOperation() override {
    std::optional<CpuTarget> known = getTarget(target);
    if (!known) {
      getOperation().emitError() << "unknown CPU target '" << target << "'";
      return signalPassFailure();
    }
    for (auto program : getOperation().getOps<tile::ProgramOp>())
      if (failed(verifyProgram(program, *known)))
        return signalPassFailure();
  }
};
} // namespace
