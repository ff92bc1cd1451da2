//===- VerifyTiles.cpp - where tiles come from and go to ------------------===//
//
// The emitter packs a tile where it is loaded, in the form that its one user
// reads; it cannot move a tile anywhere else.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/GraphSteps.h"
#include "codegen/cpu/VerifyProgramsImpl.h"
#include "dialects/attn_tile/ViewLayout.h"

#include "mlir/IR/Matchers.h"
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

/// As keys, or as a part of them.
static bool isKeyUse(Operation *user) {
  return isa<tile::ContractOp, tile::JoinOp>(user);
}

static LogicalResult verifyLoadKeys(tile::LoadKeysOp op,
                                    const PhaseShape &shape) {
  int64_t rows = op.getTile().getType().getShape()[0];
  if (rows != shape.kernel.keyBlock)
    return op->emitOpError()
           << "loads " << rows << " keys, the schedule's key_block is "
           << shape.kernel.keyBlock;
  bool isProjected =
      !op->use_empty() &&
      llvm::all_of(op->getUsers(), llvm::IsaPred<tile::ProjectOp>);
  if (isProjected && op.getViews().size() == 1)
    return success();
  auto uses = static_cast<int64_t>(llvm::range_size(op->getUses()));
  int64_t keys = llvm::count_if(op->getUsers(), isKeyUse);
  if (keys > 1 || uses - keys > 1 || uses == 0)
    return op->emitOpError() << "has " << uses
                             << " uses, the CPU packs a block for exactly one "
                                "contract, one accumulate, or both, or for "
                                "projections";
  bool isPart = llvm::any_of(op->getUsers(), llvm::IsaPred<tile::JoinOp>);
  if (op.getViews().size() == 1 || (uses == keys && !isPart))
    return success();
  return op->emitOpError() << "joins " << op.getViews().size()
                           << " views, the CPU joins those of keys alone";
}

/// Whole rows of a weight, for products with blocks of rows.
static LogicalResult verifyWeight(tile::ProjectOp op) {
  auto load = op.getWeight().getDefiningOp<tile::LoadRowsOp>();
  if (!load || !llvm::all_of(load->getUsers(), llvm::IsaPred<tile::ProjectOp>))
    return op.emitOpError("has a weight that no attn_tile.load_rows loads for "
                          "projections alone");
  tile::ViewType view = load.getView().getType();
  ArrayRef<int64_t> tile = load.getTile().getType().getShape();
  if (view.getShape().size() < 2 || view.getShape().back() != tile[1] ||
      !matchPattern(load.getColumn(), m_Zero()))
    return op.emitOpError() << "has a weight of " << tile[1]
                            << " columns, expected the whole rows of " << view;
  APInt count;
  if (tile::hasPackedRows(load.getView()) &&
      matchPattern(load.getCount(), m_ConstantInt(&count)) && count == tile[0])
    return success();
  return op.emitOpError() << "has a weight whose elements or rows in " << view
                          << " do not follow each other";
}

static LogicalResult verifyProject(tile::ProjectOp op) {
  auto load = op.getTile().getDefiningOp<tile::LoadKeysOp>();
  if (!load || load->getBlock() != op->getBlock())
    return op.emitOpError("has a tile that no attn_tile.load_keys loads beside "
                          "it");
  int64_t keys = llvm::count_if(op->getUsers(), isKeyUse);
  int64_t values =
      llvm::count_if(op->getUsers(), llvm::IsaPred<tile::AccumulateOp>);
  auto uses = static_cast<int64_t>(llvm::range_size(op->getUses()));
  if (keys <= 1 && values <= 1 && uses > 0 && uses == keys + values)
    return verifyWeight(op);
  return op.emitOpError() << "has " << uses
                          << " uses, the CPU packs a product for exactly one "
                             "contract or join, one accumulate, or both";
}

static LogicalResult verifyJoin(tile::JoinOp op) {
  for (Value tile : op.getTiles()) {
    Operation *producer = tile.getDefiningOp();
    if (!isa_and_present<tile::LoadKeysOp, tile::ProjectOp>(producer) ||
        producer->getBlock() != op->getBlock())
      return op.emitOpError("has a tile that is no result of "
                            "attn_tile.load_keys or attn_tile.project beside "
                            "it");
  }
  if (op->hasOneUse() && isa<tile::ContractOp>(*op->user_begin()))
    return success();
  return op.emitOpError("has a result that is not for one contract");
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
  Operation *key = op.getKey().getDefiningOp();
  if (!isa_and_present<tile::LoadKeysOp, tile::ProjectOp, tile::JoinOp>(key))
    return op.emitOpError("has a key that is no result of attn_tile.load_keys, "
                          "project or join");
  return verifyColumns(op, op.getKey(), shape.kernel.headDim);
}

static LogicalResult verifyAccumulate(tile::AccumulateOp op,
                                      const PhaseShape &shape) {
  Operation *value = op.getValue().getDefiningOp();
  if (!isa_and_present<tile::LoadKeysOp, tile::ProjectOp>(value))
    return op.emitOpError("has a value that is no result of "
                          "attn_tile.load_keys or project");
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
        .Case([&](tile::ProjectOp x) { return verifyProject(x); })
        .Case([&](tile::JoinOp x) { return verifyJoin(x); })
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

/// The blocks of stored rows that a block of keys or values is made of.
static SmallVector<tile::LoadKeysOp> loadsOf(Value block) {
  Operation *op = block.getDefiningOp();
  if (auto load = dyn_cast<tile::LoadKeysOp>(op))
    return {load};
  if (auto project = dyn_cast<tile::ProjectOp>(op))
    return loadsOf(project.getTile());
  SmallVector<tile::LoadKeysOp> loads;
  for (Value tile : cast<tile::JoinOp>(op).getTiles())
    loads.append(loadsOf(tile));
  return loads;
}

/// The mask sees the keys that contract and accumulate have read.
static LogicalResult verifyMask(const RowSteps &steps) {
  tile::ContractOp contract = steps.contract;
  tile::AccumulateOp accumulate = steps.accumulate;
  tile::MaskOp mask = steps.mask;
  if (!mask)
    return contract.emitOpError(
        "has no attn_tile.mask after it: keys past the length would count");
  SmallVector<tile::LoadKeysOp> loads = loadsOf(contract.getKey());
  loads.append(loadsOf(accumulate.getValue()));
  for (tile::LoadKeysOp load : loads) {
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
