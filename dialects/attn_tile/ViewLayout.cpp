//===- ViewLayout.cpp - what is known of a view's memory ------------------===//
//
// See ViewLayout.h.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn_tile/ViewLayout.h"

#include "dialects/attn_tile/AttnTileOps.h"
#include "dialects/attn_tile/AttnTileSizesImpl.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn::tile;

using OptionalExtent = std::optional<Extent>;

static OptionalExtent times(const OptionalExtent &left,
                            const OptionalExtent &right) {
  return left && right ? OptionalExtent(left->times(*right)) : std::nullopt;
}

/// The first dimension of the program that has the same axis.
static ArgumentAxis firstWithAxis(BlockArgument argument, int64_t dimension) {
  ArgumentAxis own = {argument.getArgNumber(),
                      static_cast<unsigned>(dimension)};
  auto program = dyn_cast<ProgramOp>(argument.getOwner()->getParentOp());
  if (!program)
    return own;
  Axis axis = program.axisOf(own.argument, own.dimension);
  if (axis == Axis::None)
    return own;
  auto [number, dim] = *program.findAxis(axis);
  return {number, dim};
}

OptionalExtent attn::tile::extentOf(Value index) {
  if (auto constant = index.getDefiningOp<arith::ConstantIndexOp>())
    return Extent::of(constant.value());
  if (auto dim = index.getDefiningOp<DimOp>())
    return sizeExtent(dim.getView(), dim.getDimension());
  if (auto product = index.getDefiningOp<arith::MulIOp>())
    return times(extentOf(product.getLhs()), extentOf(product.getRhs()));
  return std::nullopt;
}

/// The number of the operand that gives the size of dynamic dimension
/// `dimension` of `view`.
static unsigned sizeNumber(Value view, int64_t dimension) {
  return llvm::count_if(shapeOf(view).take_front(dimension),
                        ShapedType::isDynamic);
}

/// `whole` without its factor `part`.
static OptionalExtent quotient(const OptionalExtent &whole, int64_t part) {
  if (!whole || part == 0 || whole->factor % part != 0)
    return std::nullopt;
  return Extent{whole->factor / part, whole->axes};
}

OptionalExtent attn::tile::sizeExtent(Value view, int64_t dimension) {
  int64_t size = sizeOf(view, dimension);
  if (!ShapedType::isDynamic(size))
    return Extent::of(size);
  if (auto argument = dyn_cast<BlockArgument>(view))
    return Extent::ofAxis(firstWithAxis(argument, dimension));
  return llvm::TypeSwitch<Operation *, OptionalExtent>(view.getDefiningOp())
      .Case<BufferOp, BroadcastOp>([&](auto op) {
        return extentOf(op.getSizes()[sizeNumber(view, dimension)]);
      })
      .Case([&](PermuteOp op) {
        return sizeExtent(op.getView(), op.getPermutation()[dimension]);
      })
      .Case([&](SplitDimOp op) {
        int64_t at = op.getDimension();
        if (dimension < at || dimension > at + 1)
          return sizeExtent(op.getView(), dimension - (dimension > at));
        return quotient(sizeExtent(op.getView(), at),
                        sizeOf(view, 2 * at + 1 - dimension));
      })
      .Case([&](MergeDimsOp op) {
        int64_t at = op.getDimension();
        if (dimension != at)
          return sizeExtent(op.getView(), dimension + (dimension > at));
        return times(sizeExtent(op.getView(), at),
                     sizeExtent(op.getView(), at + 1));
      })
      .Case([&](SliceOp op) { return sizeExtent(op.getView(), dimension); })
      .Default(std::nullopt);
}

/// The product of the sizes behind a dimension of a row-major tensor.
static OptionalExtent rowMajorStride(Value view, int64_t dimension) {
  OptionalExtent stride = Extent::of(1);
  for (int64_t dim = dimension + 1; dim < rankOf(view); ++dim)
    stride = times(stride, sizeExtent(view, dim));
  return stride;
}

static OptionalExtent mergedStride(MergeDimsOp op, int64_t dimension) {
  int64_t at = op.getDimension();
  if (dimension < at)
    return strideExtent(op.getView(), dimension);
  // A single element behind has any stride.
  if (dimension == at && sizeOf(op.getView(), at + 1) == 1)
    return strideExtent(op.getView(), at);
  return strideExtent(op.getView(), dimension + 1);
}

OptionalExtent attn::tile::strideExtent(Value view, int64_t dimension) {
  if (isa<BlockArgument>(view))
    return dimension + 1 == rankOf(view) ? OptionalExtent(Extent::of(1))
                                         : std::nullopt;
  return llvm::TypeSwitch<Operation *, OptionalExtent>(view.getDefiningOp())
      .Case([&](BufferOp) { return rowMajorStride(view, dimension); })
      .Case([&](PermuteOp op) {
        return strideExtent(op.getView(), op.getPermutation()[dimension]);
      })
      .Case([&](SplitDimOp op) {
        int64_t at = op.getDimension();
        if (dimension < at || dimension > at + 1)
          return strideExtent(op.getView(), dimension - (dimension > at));
        OptionalExtent inner = strideExtent(op.getView(), at);
        return dimension == at ? times(inner, sizeExtent(view, at + 1)) : inner;
      })
      .Case([&](MergeDimsOp op) { return mergedStride(op, dimension); })
      .Case([&](SliceOp op) { return strideExtent(op.getView(), dimension); })
      .Case([&](BroadcastOp op) {
        int64_t own = dimension - (rankOf(view) - rankOf(op.getView()));
        if (own < 0 ||
            (sizeOf(op.getView(), own) == 1 && sizeOf(view, dimension) != 1))
          return OptionalExtent(Extent::of(0));
        return strideExtent(op.getView(), own);
      })
      .Default(std::nullopt);
}

bool attn::tile::areNeighbours(Value view, int64_t dimension) {
  if (sizeOf(view, dimension) == 1 || sizeOf(view, dimension + 1) == 1)
    return true;
  return areEqual(strideExtent(view, dimension),
                  times(sizeExtent(view, dimension + 1),
                        strideExtent(view, dimension + 1)));
}

bool attn::tile::hasPackedRows(Value view) {
  int64_t last = rankOf(view) - 1;
  return sizeOf(view, last) == 1 || asNumber(strideExtent(view, last)) == 1;
}

Value attn::tile::rootOf(Value view) {
  while (Operation *op = view.getDefiningOp()) {
    if (isa<BufferOp>(op))
      break;
    view = op->getOperand(0);
  }
  return view;
}

bool attn::tile::isCache(BlockArgument argument) {
  auto program = dyn_cast<ProgramOp>(argument.getOwner()->getParentOp());
  if (!program || !program.getScope() || rankOf(argument) < 3)
    return false;
  if (program.getArgumentAxes())
    return program.axisOf(argument.getArgNumber(), 1) == Axis::KvCapacity;
  // One attention: its keys and values are what it loads as such.
  return llvm::any_of(argument.getUsers(), llvm::IsaPred<LoadKeysOp>);
}

/// Whether the view's first two dimensions are those of its operand.
static bool keepsRows(Operation *view) {
  return llvm::TypeSwitch<Operation *, bool>(view)
      .Case([](PermuteOp op) {
        return op.getPermutation().take_front(2) == ArrayRef<int64_t>{0, 1};
      })
      .Case<SplitDimOp, MergeDimsOp, SliceOp>(
          [](auto op) { return op.getDimension() > 1; })
      .Case([](BroadcastOp op) {
        return rankOf(op.getView()) == rankOf(op.getResult());
      })
      .Default(false);
}

BlockArgument attn::tile::cacheOf(Value view) {
  while (Operation *op = view.getDefiningOp()) {
    if (!keepsRows(op))
      return nullptr;
    view = op->getOperand(0);
  }
  auto argument = cast<BlockArgument>(view);
  return isCache(argument) ? argument : nullptr;
}
