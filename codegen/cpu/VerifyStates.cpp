//===- VerifyStates.cpp - one place for each running state ----------------===//
//
// The emitter updates the maximum, the denominator and the sum of a softmax in
// place. Here each value is followed back to where its place begins.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/VerifyProgramsImpl.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {
/// A part of a state: 0 the maximum, 1 the denominator, 2 the sum.
struct Part {
  /// The `attn_tile.start` or `load_state`, and the loop that carries it on.
  Operation *state = nullptr;
  Operation *loop = nullptr;
  unsigned number = 0;

  bool operator==(const Part &) const = default;
};
} // namespace

/// The value whose place an update takes over; null for no update.
static Value updatedValue(OpResult result) {
  Operation *op = result.getOwner();
  unsigned number = result.getResultNumber();
  if (isa<tile::MergeOp>(op))
    return op->getOperand(number);
  if (auto accumulate = dyn_cast<tile::AccumulateOp>(op))
    return accumulate.getSum();
  if (auto softmax = dyn_cast<tile::SoftmaxStepOp>(op)) {
    if (result == softmax.getNewMaximum())
      return softmax.getMaximum();
    return result == softmax.getNewDenominator() ? softmax.getDenominator()
                                                 : Value();
  }
  return nullptr;
}

/// What the value was before all updates of its place.
static Value originOf(Value value) {
  while (auto result = dyn_cast<OpResult>(value)) {
    Value before = updatedValue(result);
    if (!before)
      break;
    value = before;
  }
  return value;
}

static Part partOf(Value value) {
  Value origin = originOf(value);
  Part part;
  if (auto argument = dyn_cast<BlockArgument>(origin)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    OpOperand *init = loop ? loop.getTiedLoopInit(argument) : nullptr;
    if (!init)
      return part;
    part.loop = loop;
    origin = init->get();
  } else if (auto loop = origin.getDefiningOp<scf::ForOp>()) {
    part.loop = loop;
    origin = loop.getInitArgs()[cast<OpResult>(origin).getResultNumber()];
  }
  Operation *op = origin.getDefiningOp();
  if (!isa_and_present<tile::StartOp, tile::LoadStateOp>(op))
    return part;
  part.state = op;
  part.number = cast<OpResult>(origin).getResultNumber();
  return part;
}

/// The values are the maximum, the denominator and the sum of one state.
static LogicalResult verifyWhole(Operation *op, ValueRange values) {
  Part first = partOf(values.front());
  for (auto [number, value] : llvm::enumerate(values)) {
    Part part = partOf(value);
    if (!part.state)
      return op->emitOpError("takes a tile that is no part of a running state");
    Part expected = {first.state, first.loop, static_cast<unsigned>(number)};
    if (!(part == expected))
      return op->emitOpError("takes maximum, denominator and sum of "
                             "different states, or in another order");
  }
  return success();
}

static LogicalResult verifyUpdate(Operation *op, ValueRange values) {
  if (failed(verifyWhole(op, values)))
    return failure();
  for (Value value : values)
    if (!value.hasOneUse())
      return op->emitOpError("updates a state that is used again");
  if (isa<tile::LoadStateOp>(partOf(values.front()).state))
    return op->emitOpError("updates a state of the workspace in place");
  return success();
}

/// A loop carries states, which begin with no key seen and stay where they
/// are.
static LogicalResult verifyLoop(scf::ForOp loop) {
  for (Value init : loop.getInitArgs())
    if (!init.getDefiningOp<tile::StartOp>())
      return loop.emitOpError() << "carries a " << init.getType()
                                << " that is not a result of attn_tile.start";
  for (auto [argument, yielded] :
       llvm::zip_equal(loop.getRegionIterArgs(), loop.getYieldedValues()))
    if (originOf(yielded) != argument)
      return loop.emitOpError("yields a state that is no update of the one "
                              "that it carries");
  return success();
}

/// Its states fit those of the phase, if that keeps some there.
static LogicalResult verifyWorkspace(tile::WorkspaceOp op, tile::PhaseOp phase,
                                     const PhaseShape &shape) {
  auto spaces = op->getBlock()->getOps<tile::WorkspaceOp>();
  if (op != *spaces.begin())
    return op.emitOpError("is the second of a program, the CPU takes one");
  auto isInPhase = [&](Operation *user) { return phase->isAncestor(user); };
  if (!op->use_empty() && llvm::none_of(op->getUsers(), isInPhase))
    return success();
  auto rows = static_cast<int64_t>(op.getRows());
  auto columns = static_cast<int64_t>(op.getColumns());
  if (rows < shape.maxRows)
    return op.emitOpError()
           << "has " << rows << " rows, a task has up to " << shape.maxRows;
  if (columns != shape.kernel.valueDim)
    return op.emitOpError()
           << "has " << columns << " columns, attn_tile.accumulate has "
           << shape.kernel.valueDim;
  return success();
}

static LogicalResult verifyStart(tile::StartOp op, const PhaseShape &shape) {
  int64_t columns = op.getSum().getType().getShape()[1];
  if (columns == shape.kernel.valueDim)
    return success();
  return op.emitOpError() << "has a sum of " << columns
                          << " columns, attn_tile.accumulate has "
                          << shape.kernel.valueDim;
}

static LogicalResult verifySoftmax(tile::SoftmaxStepOp op) {
  // The chain has been found, so weight and alpha have one user.
  auto isSum = [](Operation *user) { return isa<tile::AccumulateOp>(user); };
  auto user = llvm::find_if(op.getWeight().getUsers(), isSum);
  Value sum = cast<tile::AccumulateOp>(*user).getSum();
  return verifyUpdate(op, {op.getMaximum(), op.getDenominator(), sum});
}

static LogicalResult verifyState(Operation *op, const PhaseShape &shape) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return isProductLoop(loop) ? success() : verifyLoop(loop);
  if (auto start = dyn_cast<tile::StartOp>(op))
    return verifyStart(start, shape);
  if (auto softmax = dyn_cast<tile::SoftmaxStepOp>(op))
    return verifySoftmax(softmax);
  if (isa<tile::FinishOp>(op))
    return verifyUpdate(op, op->getOperands().take_front(3));
  if (isa<tile::SaveStateOp>(op))
    return verifyWhole(op, op->getOperands().take_front(3));
  if (!isa<tile::MergeOp>(op))
    return success();
  if (failed(verifyUpdate(op, op->getOperands().take_front(3))))
    return failure();
  return verifyWhole(op, op->getOperands().drop_front(3));
}

LogicalResult attn::cpu::verifyStates(tile::PhaseOp phase,
                                      const PhaseShape &shape) {
  for (auto workspace : phase->getBlock()->getOps<tile::WorkspaceOp>())
    if (failed(verifyWorkspace(workspace, phase, shape)))
      return failure();
  WalkResult result = phase.walk<WalkOrder::PreOrder>([&](Operation *op) {
    return succeeded(verifyState(op, shape)) ? WalkResult::advance()
                                             : WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}
