//===- TokenPhases.cpp - phases that treat tokens one by one --------------===//
//
// Rows of a tile are followed to the memory they are loaded from and stored to.
// An operation that is not known to keep rows apart counts as mixing them.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn_tile/TokenPhases.h"

#include "dialects/attn_tile/AttnTileSizesImpl.h"
#include "dialects/attn_tile/ViewLayout.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn::tile;

static bool isStatic(Value view) {
  return llvm::none_of(shapeOf(view), ShapedType::isDynamic);
}

/// The name of the one axis that a dimension counts; empty: none, or several.
static StringRef axisOf(Value root, int64_t dimension) {
  Extent extent = sizeExtent(root, dimension);
  if (!extent.isKnown || extent.factor != 1 || extent.axes.size() != 1)
    return {};
  auto program = root.getParentRegion()->getParentOfType<ProgramOp>();
  std::optional<ArrayAttr> axes = program.getArgumentAxes();
  if (!axes)
    return {};
  Extent::Axis axis = extent.axes.front();
  auto names = cast<ArrayAttr>((*axes)[axis.argument]);
  return cast<StringAttr>(names[axis.dimension]).getValue();
}

bool attn::tile::isOfTokens(Value root) {
  return rankOf(root) >= 2 && axisOf(root, 0) == "batch" &&
         axisOf(root, 1) == "query_length" &&
         llvm::none_of(shapeOf(root).drop_front(2), ShapedType::isDynamic);
}

/// Whether tokens that follow each other in the operand do so in the view, with
/// all that belongs to each.
static bool keepsTokens(Operation *view) {
  return llvm::TypeSwitch<Operation *, bool>(view)
      .Case<PermuteOp, MergeDimsOp, BroadcastOp>([](auto) { return true; })
      .Case([](SliceOp op) {
        return !ShapedType::isDynamic(sizeOf(op.getView(), op.getDimension()));
      })
      .Case([](SplitDimOp op) {
        unsigned at = op.getDimension();
        return !ShapedType::isDynamic(sizeOf(op.getView(), at)) ||
               sizeOf(op.getResult(), at) == 1 ||
               sizeOf(op.getResult(), at + 1) == 1;
      })
      .Default(false);
}

/// Whether the view's rows belong to a token each.
static bool hasRowsOfTokens(Value view) {
  if (ShapedType::isDynamic(shapeOf(view).back()))
    return false;
  while (Operation *op = view.getDefiningOp()) {
    if (isa<BufferOp>(op))
      break;
    if (!keepsTokens(op))
      return false;
    view = op->getOperand(0);
  }
  return isOfTokens(view);
}

/// What is the same for all tokens: a weight, repeated or not.
static bool isSame(Value view) { return isStatic(rootOf(view)); }

namespace {
/// What is known of a phase's rows after some of its operations.
class RowUse {
public:
  bool admits(Operation *op);

private:
  /// All rows of tokens that a phase touches begin at one index.
  bool admitRows(Value view, Value row) {
    if (!hasRowsOfTokens(view) || (first && first != row))
      return false;
    first = row;
    return true;
  }

  Value first;
};
} // namespace

bool RowUse::admits(Operation *op) {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([&](LoadRowsOp load) {
        return isSame(load.getView()) ||
               admitRows(load.getView(), load.getRow());
      })
      .Case([&](StoreRowsOp store) {
        return admitRows(store.getView(), store.getRow());
      })
      .Case([](MultiplyOp product) {
        auto weight = product.getWeight().getDefiningOp<LoadRowsOp>();
        return weight && isSame(weight.getView());
      })
      .Case<FillOp, MapRowsOp, SumRowsOp, RotateOp, YieldOp, scf::ForOp,
            scf::YieldOp>([](auto) { return true; })
      .Default([](Operation *other) {
        return other->getDialect()->getNamespace() != "attn_tile" &&
               other->getNumRegions() == 0 && isMemoryEffectFree(other);
      });
}

bool attn::tile::treatsTokensAlone(PhaseOp phase) {
  RowUse rows;
  WalkResult walked = phase.getBody().walk([&](Operation *op) {
    return rows.admits(op) ? WalkResult::advance() : WalkResult::interrupt();
  });
  return !walked.wasInterrupted();
}

SmallVector<int64_t> attn::tile::tokenPhases(ProgramOp program) {
  SmallVector<int64_t> numbers;
  if (!llvm::all_of(program.getBody().getOps<BufferOp>(), isOfTokens))
    return numbers;
  for (auto [number, phase] :
       llvm::enumerate(program.getBody().getOps<PhaseOp>()))
    if (treatsTokensAlone(phase))
      numbers.push_back(static_cast<int64_t>(number));
  return numbers;
}
