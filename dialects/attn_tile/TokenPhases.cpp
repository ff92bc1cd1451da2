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

/// The one axis that a dimension counts; none where there are several.
static Axis axisOf(Value root, int64_t dimension) {
  std::optional<Extent> extent = sizeExtent(root, dimension);
  std::optional<ArgumentAxis> axis = extent ? extent->asAxis() : std::nullopt;
  if (!axis)
    return Axis::None;
  auto program = root.getParentRegion()->getParentOfType<ProgramOp>();
  return program.axisOf(axis->argument, axis->dimension);
}

bool attn::tile::isOfTokens(Value root) {
  return rankOf(root) >= 2 && axisOf(root, 0) == Axis::Batch &&
         axisOf(root, 1) == Axis::QueryLength &&
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

/// The sizes of the dimensions that rows are counted along, but for 1: equal
/// where equal numbers are rows of one token.
static SmallVector<std::optional<Extent>> rowSizes(Value view) {
  SmallVector<std::optional<Extent>> sizes;
  for (int64_t dim = 0; dim + 1 < rankOf(view); ++dim) {
    std::optional<Extent> size = sizeExtent(view, dim);
    if (asNumber(size) != 1)
      sizes.push_back(std::move(size));
  }
  return sizes;
}

static bool haveEqualRows(Value left, Value right) {
  auto own = rowSizes(left), other = rowSizes(right);
  return own.size() == other.size() &&
         llvm::all_of(llvm::zip(own, other), [](auto pair) {
           return areEqual(std::get<0>(pair), std::get<1>(pair));
         });
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

/// Whether `index` is computed from `row`.
static bool comesFrom(Value index, Value row) {
  if (index == row)
    return true;
  Operation *op = index.getDefiningOp();
  return op && llvm::any_of(op->getOperands(), [&](Value operand) {
           return comesFrom(operand, row);
         });
}

/// Whether the view is a tensor without tokens, repeated for each of them.
static bool isRepeated(Value view) {
  auto repeat = view.getDefiningOp<BroadcastOp>();
  return repeat && rankOf(view) - rankOf(repeat.getView()) >= 2;
}

namespace {
/// The rows that a task touches: those of tokens in all tensors begin at one
/// index, which no loop changes.
class RowUse {
public:
  /// Finds the index where the phase stores; none where it stores nothing.
  explicit RowUse(PhaseOp phase) : body(&phase.getBody().front()) {
    phase.walk([&](StoreRowsOp store) {
      first = store.getRow();
      stored = store.getView();
    });
  }

  bool admits(Operation *op) const;

private:
  bool admitsRows(Value view, Value row) const {
    return row == first && row.getParentBlock() == body &&
           hasRowsOfTokens(view) && haveEqualRows(view, stored);
  }
  /// What is the same for all tokens: rows of a weight that are no token's.
  bool admitsWeight(LoadRowsOp load) const {
    return isStatic(rootOf(load.getView())) &&
           (!comesFrom(load.getRow(), first) ||
            (isRepeated(load.getView()) &&
             haveEqualRows(load.getView(), stored)));
  }

  Block *body;
  Value first, stored;
};
} // namespace

bool RowUse::admits(Operation *op) const {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([&](LoadRowsOp load) {
        return admitsWeight(load) || admitsRows(load.getView(), load.getRow());
      })
      .Case([&](StoreRowsOp store) {
        return admitsRows(store.getView(), store.getRow());
      })
      .Case([&](MultiplyOp product) {
        auto weight = product.getWeight().getDefiningOp<LoadRowsOp>();
        return weight && admitsWeight(weight);
      })
      .Case<FillOp, MapRowsOp, SumRowsOp, RotateOp, YieldOp, scf::ForOp,
            scf::YieldOp>([](auto) { return true; })
      .Default([](Operation *other) {
        return other->getDialect()->getNamespace() != "attn_tile" &&
               other->getNumRegions() == 0 && isMemoryEffectFree(other);
      });
}

bool attn::tile::treatsTokensAlone(PhaseOp phase) {
  RowUse rows(phase);
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
