//===- VerifyPrograms.cpp - what the CPU back end can lower ---------------===//
//
// Checks the operations, types and structure of tile programs; VerifyTiles.cpp
// and VerifyStates.cpp follow their values.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/VerifyPrograms.h"
#include "codegen/cpu/BufferPlan.h"
#include "codegen/cpu/CpuPasses.h"
#include "codegen/cpu/MapOps.h"
#include "codegen/cpu/Microkernels.h"
#include "codegen/cpu/VerifyProgramsImpl.h"
#include "runtime/attn_rt.h"

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

/// The type of what a tile or view holds; null for other types.
static Type elementTypeOf(Type type) {
  if (auto tile = dyn_cast<tile::TileType>(type))
    return tile.getElementType();
  auto view = dyn_cast<tile::ViewType>(type);
  // Key lengths, one per sequence, are integers, and checked where they are
  // read.
  bool isLengths =
      view && view.getShape().size() == 1 && view.getElementType().isInteger();
  return view && !isLengths ? view.getElementType() : Type();
}

/// Tiles are f32, views are stored in 16 bits too.
static LogicalResult verifyTypes(Operation *op) {
  for (Type type :
       llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes())) {
    Type element = elementTypeOf(type);
    bool isStored = isa<tile::ViewType>(type) && element &&
                    (element.isF16() || element.isBF16());
    if (element && !element.isF32() && !isStored)
      return op->emitOpError()
             << "has elements of type " << element
             << ", the CPU takes f32, in tensors f16 and bf16 too";
  }
  return success();
}

static bool isIndexArithmetic(Operation *op) {
  if (isa<arith::CeilDivUIOp, arith::ConstantOp>(op))
    return true;
  return isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivUIOp,
             arith::DivSIOp, arith::RemUIOp, arith::RemSIOp, arith::MinSIOp,
             arith::MaxSIOp, arith::MinUIOp, arith::MaxUIOp, arith::AndIOp,
             arith::OrIOp, arith::XOrIOp, arith::CmpIOp, arith::SelectOp>(op);
}

static bool isKnown(Operation *op) {
  return isa_and_present<tile::AttnTileDialect>(op->getDialect()) ||
         isa<scf::ForOp, scf::IfOp, scf::YieldOp>(op) || isIndexArithmetic(op);
}

/// Sizes are i64 for the CPU, conditions i1, factors f32.
static LogicalResult verifyArithmetic(Operation *op) {
  for (Type type :
       llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
    if (!type.isIndex() && !type.isInteger(1) && !type.isF32())
      return op->emitOpError()
             << "works on " << type << ", the CPU takes index, i1 and f32";
  return success();
}

/// A branch runs steps, or masks a block of scores.
static LogicalResult verifyBranch(scf::IfOp branch) {
  Block *otherwise = branch.elseBlock();
  if (!isRowStep(*branch)) {
    if (branch.getNumResults())
      return branch.emitOpError()
             << "has a result of type " << branch.getResult(0).getType()
             << ", the CPU takes one block of scores or none";
    if (otherwise && !otherwise->without_terminator().empty())
      return branch.emitOpError("has an else region, which the CPU leaves out");
    return success();
  }
  bool isMask =
      llvm::hasSingleElement(branch.thenBlock()->without_terminator());
  if (isMask && otherwise && otherwise->without_terminator().empty())
    return success();
  return branch.emitOpError("does more than mask a block of scores");
}

static bool isView(Operation *op) {
  return isa<tile::BufferOp, tile::PermuteOp, tile::SplitDimOp,
             tile::MergeDimsOp, tile::SliceOp, tile::BroadcastOp>(op);
}

/// Before the phases stand sizes and views, in phases what a task does.
static LogicalResult verifyPlace(Operation *op) {
  bool isBeforePhases = isa<tile::ProgramOp>(op->getParentOp());
  if ((isa<tile::ParameterOp, tile::WorkspaceOp>(op) || isView(op)) &&
      !isBeforePhases)
    return op->emitOpError("stands in a phase, expected before the phases");
  bool isSize =
      isa<tile::PhaseOp, tile::ParameterOp, tile::WorkspaceOp, tile::DimOp,
          tile::EntryOp, tile::LengthOp, tile::MaxLengthOp, tile::SplitSizeOp,
          tile::KeyRangesOp>(op) ||
      isView(op) || isIndexArithmetic(op);
  if (isBeforePhases && !isSize)
    return op->emitOpError("stands before the phases, expected in a phase");
  return success();
}

static LogicalResult verifyLengths(Operation *op, Value lengths) {
  if (!lengths)
    return success();
  Type type = cast<tile::ViewType>(lengths.getType()).getElementType();
  if (type.isInteger(32))
    return success();
  return op->emitOpError() << "has lengths of type " << type
                           << ", the CPU takes i32";
}

/// The runtime knows the room for a buffer from a call's sizes alone.
static LogicalResult verifyBuffer(tile::BufferOp buffer) {
  ArrayRef<int64_t> shape = buffer.getType().getShape();
  for (int64_t dim = 0; dim < static_cast<int64_t>(shape.size()); ++dim)
    if (!tile::sizeExtent(buffer, dim))
      return buffer.emitOpError()
             << "has a dimension " << dim
             << " that is no product of numbers and sizes of arguments";
  return success();
}

static LogicalResult verifyStep(Operation *op) {
  if (op->getParentOfType<tile::MapOp>() ||
      op->getParentOfType<tile::MapRowsOp>())
    return success();
  if (!isKnown(op))
    return op->emitOpError("cannot be lowered for the CPU");
  // Steps on rows and what only says where they are know other elements too.
  bool isForRows = isRowOp(*op) || isView(op) ||
                   isa<tile::DimOp, tile::TensorMaskOp, tile::DocumentsOp,
                       tile::KeyRangesOp, tile::MaskOp>(op);
  if (!isForRows && failed(verifyTypes(op)))
    return failure();
  if (failed(verifyPlace(op)))
    return failure();
  if (isIndexArithmetic(op))
    return verifyArithmetic(op);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return verifyBranch(branch);
  if (auto buffer = dyn_cast<tile::BufferOp>(op))
    return verifyBuffer(buffer);
  if (auto length = dyn_cast<tile::LengthOp>(op))
    return verifyLengths(op, length.getLengths());
  if (auto length = dyn_cast<tile::MaxLengthOp>(op))
    return verifyLengths(op, length.getLengths());
  if (auto contract = dyn_cast<tile::ContractOp>(op))
    return verifyWidth(op, contract.getKey().getType());
  if (auto accumulate = dyn_cast<tile::AccumulateOp>(op))
    return verifyWidth(op, accumulate.getValue().getType());
  if (auto map = dyn_cast<tile::MapOp>(op))
    if (std::optional<std::string> why = whyNotMapRow(map.getBody()))
      return op->emitOpError() << "cannot be lowered for the CPU: " << *why;
  return success();
}

static LogicalResult verifyChain(Block *block) {
  Operation *parent = block->getParentOp();
  // The masked alternative of a score belongs to its parent's chain.
  if (isRowStep(*parent))
    return success();
  std::string why;
  FailureOr<RowSteps> steps = findRowSteps(*block, why);
  if (failed(steps))
    return parent->emitOpError() << "cannot be lowered for the CPU: " << why;
  return *steps ? verifyRowSteps(*steps) : success();
}

static LogicalResult verifyChains(tile::ProgramOp program) {
  WalkResult result = program.walk([&](Block *block) {
    return succeeded(verifyChain(block)) ? WalkResult::advance()
                                         : WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

/// The runtime keeps places for so many of a call.
static LogicalResult verifyCounts(tile::ProgramOp program) {
  const struct {
    StringRef what;
    size_t count, most;
  } rows[] = {
      {"tensors", program.getBody().getNumArguments(), ATTN_RT_MAX_TENSORS},
      {"phases", llvm::range_size(program.getBody().getOps<tile::PhaseOp>()),
       ATTN_MAX_PHASES},
      {"tensors between its phases", BufferPlan(program).getPlaces().size(),
       ATTN_RT_MAX_BUFFERS}};
  for (const auto &[what, count, most] : rows)
    if (count > most)
      return program.emitError()
             << "'" << program.getKernelName() << "' has " << count << " "
             << what << ", the runtime takes " << most
             << ": split the function";
  return success();
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
  if (failed(verifyCounts(program)))
    return failure();
  // Chains count on known tiles, states on whole chains.
  auto phases = program.getBody().getOps<tile::PhaseOp>();
  for (tile::PhaseOp phase : phases)
    if (failed(verifyTiles(phase, PhaseShape::of(phase, target))) ||
        failed(verifyRows(phase)))
      return failure();
  if (failed(verifyChains(program)))
    return failure();
  for (tile::PhaseOp phase : phases)
    if (failed(verifyStates(phase, PhaseShape::of(phase, target))))
      return failure();
  return success();
}

FailureOr<CpuTarget> attn::cpu::findTarget(ModuleOp module, StringRef name) {
  if (std::optional<CpuTarget> known = getTarget(name))
    return *known;
  return module.emitError() << "unknown CPU target '" << name << "'";
}

namespace {
struct CpuVerifyProgramsPass
    : attn::cpu::impl::CpuVerifyProgramsBase<CpuVerifyProgramsPass> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<CpuTarget> known = findTarget(getOperation(), target);
    if (failed(known))
      return signalPassFailure();
    for (auto program : getOperation().getOps<tile::ProgramOp>())
      if (failed(verifyProgram(program, *known)))
        return signalPassFailure();
  }
};
} // namespace
