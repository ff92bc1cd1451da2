//===- VerifyTiles.cpp - where tiles come from and go to ------------------===//
//
// The emitter packs a tile where it is loaded, in the form that its one user
// reads; it cannot move a tile anywhere else.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/GraphSteps.h"
#include "codegen/cpu/VerifyProgramsImpl.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

static LogicalResult verifyGroup(Operation *op, int64_t group,
                                 const PhaseShape &shape) {
  if (group == shape.group)
    return success();
  return op->emitOpError() << "has group " << group
                           << ", other steps of the phase have " << shape.group;
}

static LogicalResult verifyColumns(Operation *op, Value tile,
                                   int64_t expected) {
  int64_t columns = cast<tile::TileType>(tile.getType()).getShape().back();
  if (columns == expected)
    return success();
  return op->emitOpError() << "has tiles of " << columns
                           << " columns, other steps of the phase have "
                           << expected;
}

static LogicalResult verifyLoadQueries(tile::LoadQueriesOp op,
                                       const PhaseShape &shape) {
  for (Operation *user : op->getUsers())
    if (!isa<tile::ContractOp>(user))
      return op->emitOpError() << "is used by '" << user->getName()
                               << "', the CPU gathers queries for "
                                  "attn_tile.contract alone";
  return verifyGroup(op, op.getGroup(), shape);
}

static LogicalResult verifyLoadKeys(tile::LoadKeysOp op,
                                    const PhaseShape &shape) {
  auto isKey = [](Operation *user) { return isa<tile::ContractOp>(user); };
  auto uses = static_cast<int64_t>(llvm::range_size(op->getUses()));
  int64_t keys = llvm::count_if(op->getUsers(), isKey);
  if (keys > 1 || uses - keys > 1 || uses == 0)
    return op->emitOpError() << "has " << uses
                             << " uses, the CPU packs a block for exactly one "
                                "contract, one accumulate, or both";
  if (op.getViews().size() > 1 && uses > keys)
    return op->emitOpError() << "joins " << op.getViews().size()
                             << " views, the CPU joins those of keys alone";
  int64_t rows = op.getTile().getType().getShape()[0];
  if (rows == shape.kernel.keyBlock)
    return success();
  return op->emitOpError() << "loads " << rows
                           << " keys, the schedule's key_block is "
                           << shape.kernel.keyBlock;
}

static LogicalResult verifyContract(tile::ContractOp op,
                                    const PhaseShape &shape) {
  Operation *query = op.getQuery().getDefiningOp();
  bool hasSteps =
      query && isQueryStep(*query) && isa<tile::PhaseOp>(query->getParentOp());
  if (!isa_and_present<tile::LoadQueriesOp>(query) && !hasSteps)
    return op.emitOpError("has a query that is no result of "
                          "attn_tile.load_queries or of steps on rows of the "
                          "phase");
  if (!op.getKey().getDefiningOp<tile::LoadKeysOp>())
    return op.emitOpError("has a key that is no result of attn_tile.load_keys");
  return verifyColumns(op, op.getKey(), shape.kernel.headDim);
}

static LogicalResult verifyAccumulate(tile::AccumulateOp op,
                                      const PhaseShape &shape) {
  if (!op.getValue().getDefiningOp<tile::LoadKeysOp>())
    return op.emitOpError(
        "has a value that is no result of attn_tile.load_keys");
  return verifyColumns(op, op.getValue(), shape.kernel.valueDim);
}

static LogicalResult verifyStore(tile::StoreOp op, const PhaseShape &shape) {
  if (!op.getTile().getDefiningOp<tile::FinishOp>())
    return op.emitOpError(
        "stores a tile that is no result of attn_tile.finish");
  return verifyGroup(op, op.getGroup(), shape);
}

/// The keys of documents stay where they were found.
template <typename OpT>
static LogicalResult verifyDocuments(OpT op) {
  if (!op.getBegins())
    return success();
  auto source = op.getBegins().template getDefiningOp<tile::DocumentsOp>();
  if (source && source.getBegins() == op.getBegins() &&
      source.getEnds() == op.getEnds())
    return success();
  return op.emitOpError("has documents that are no result of "
                        "attn_tile.documents");
}

static LogicalResult verifyMask(tile::MaskOp op, const PhaseShape &shape) {
  if (failed(verifyGroup(op, op.getGroup(), shape)))
    return failure();
  return verifyDocuments(op);
}

LogicalResult attn::cpu::verifyTiles(tile::PhaseOp phase,
                                     const PhaseShape &shape) {
  auto verify = [&](Operation *op) {
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case(
            [&](tile::LoadQueriesOp x) { return verifyLoadQueries(x, shape); })
        .Case([&](tile::LoadKeysOp x) { return verifyLoadKeys(x, shape); })
        .Case([&](tile::ContractOp x) { return verifyContract(x, shape); })
        .Case([&](tile::AccumulateOp x) { return verifyAccumulate(x, shape); })
        .Case([&](tile::StoreOp x) { return verifyStore(x, shape); })
        .Case(
            [&](tile::MapOp x) { return verifyGroup(x, x.getGroup(), shape); })
        .Case([&](tile::MaskOp x) { return verifyMask(x, shape); })
        .Case([&](tile::KeyRangesOp x) { return verifyDocuments(x); })
        .Case([&](tile::TensorMaskOp x) {
          return verifyGroup(x, x.getGroup(), shape);
        })
        .Case([&](tile::FinishOp x) {
          return verifyGroup(x, x.getGroup(), shape);
        })
        .Default(success());
  };
  WalkResult result = phase.walk([&](Operation *op) {
    return succeeded(verify(op)) ? WalkResult::advance()
                                 : WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// Chains of steps on scores
//===----------------------------------------------------------------------===//

/// The mask sees the keys that contract and accumulate have read.
static LogicalResult verifyMask(const RowSteps &steps) {
  tile::ContractOp contract = steps.contract;
  tile::AccumulateOp accumulate = steps.accumulate;
  tile::MaskOp mask = steps.mask;
  if (!mask)
    return contract.emitOpError(
        "has no attn_tile.mask after it: keys past the length would count");
  for (Value block : {contract.getKey(), accumulate.getValue()}) {
    auto load = block.getDefiningOp<tile::LoadKeysOp>();
    if (load.getFirst() != mask.getKey())
      return mask.emitOpError("has a key that is not the first of the block");
    if (load.getLength() != mask.getLength())
      return mask.emitOpError("has a length that is not that of the block");
  }
  tile::TensorMaskOp tensor = steps.tensorMask;
  if (!tensor || (tensor.getKey() == mask.getKey() &&
                  tensor.getLength() == mask.getLength()))
    return success();
  return tensor.emitOpError("has a key or length that attn_tile.mask has not");
}

/// What stands beside the chain runs before it.
static LogicalResult verifyUsers(Operation *step, Block *block) {
  for (Operation *user : step->getUsers()) {
    Operation *top = block->findAncestorOpInBlock(*user);
    if (top && (isRowStep(*top) || top->hasTrait<OpTrait::IsTerminator>()))
      continue;
    return step->emitOpError() << "has a result that '" << user->getName()
                               << "' uses in the loop over keys";
  }
  return success();
}

LogicalResult attn::cpu::verifyRowSteps(const RowSteps &steps) {
  if (failed(verifyMask(steps)))
    return failure();
  tile::ContractOp contract = steps.contract;
  for (Operation &op : *contract->getBlock())
    if (isRowStep(op) && failed(verifyUsers(&op, contract->getBlock())))
      return failure();
  return success();
}
