//===- HeadRepeat.cpp - heads that are repeated somewhere above -----------===//
//
// Frameworks repeat in four ways: repeat_interleave, expand and reshape, expand
// of a single head, and repeat in the other order, which is another function.
//
//===----------------------------------------------------------------------===//

#include "passes/HeadRepeat.h"

#include "dialects/attn/AttnOps.h"
#include "passes/TensorTypes.h"
#include "passes/Views.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

/// Dimension `dim` of the result, counted in the operand of an operation that
/// adds dimension `added`.
static int64_t withoutDim(int64_t dim, int64_t added) {
  return dim > added ? dim - 1 : dim;
}

/// The dimension of the operand that dimension `dim` of a step's result is;
/// nothing if the step does more to it than to hand it on.
static std::optional<int64_t> followStep(Operation *op, int64_t dim) {
  using Dim = std::optional<int64_t>;
  return TypeSwitch<Operation *, Dim>(op)
      .Case([&](TransposeOp step) { return step.getPermutation()[dim]; })
      .Case([&](FlattenOp step) -> Dim {
        auto merged = static_cast<int64_t>(step.getDim());
        if (merged == dim)
          return std::nullopt;
        return merged < dim ? dim + 1 : dim;
      })
      .Case([&](UnflattenOp step) -> Dim {
        auto split = static_cast<int64_t>(step.getDim());
        if (split == dim || split + 1 == dim)
          return std::nullopt;
        return withoutDim(dim, split);
      })
      .Case([&](ExpandOp step) -> Dim {
        auto added = static_cast<int64_t>(step.getDim());
        if (added == dim)
          return std::nullopt;
        return withoutDim(dim, added);
      })
      .Case([&](SliceOp step) -> Dim {
        return static_cast<int64_t>(step.getDim()) == dim ? Dim() : dim;
      })
      .Case([&](RopeOp step) -> Dim {
        return dim == (step.getHeadsFirst() ? 1 : 2) ? Dim(dim) : Dim();
      })
      .Case([&](ScaleOp) { return dim; })
      .Default([](Operation *) { return Dim(); });
}

/// The expansion whose dimension `op` merges with its neighbour `dim`.
static ExpandOp matchExpandedFlatten(Operation *op, int64_t dim) {
  auto flatten = dyn_cast<FlattenOp>(op);
  if (!flatten || static_cast<int64_t>(flatten.getDim()) != dim)
    return {};
  auto expand = flatten.getInput().getDefiningOp<ExpandOp>();
  auto added = expand ? static_cast<int64_t>(expand.getDim()) : -1;
  return added == dim || added == dim + 1 ? expand : ExpandOp();
}

/// What `op` repeats along dimension `dim` of its result, be it once. A single
/// head is the same in both orders.
static std::optional<HeadRepeat> matchRepeat(Operation *op, int64_t dim,
                                             Operation *&tiled) {
  HeadRepeat repeat{
      .times = 0, .input = op->getOperand(0), .dim = dim, .steps = {}};
  bool inOtherOrder = false;
  if (auto interleave = dyn_cast<RepeatInterleaveOp>(op);
      interleave && static_cast<int64_t>(interleave.getDim()) == dim) {
    repeat.times = interleave.getTimes();
  } else if (auto repeatKv = dyn_cast<RepeatKvOp>(op); repeatKv && dim == 2) {
    repeat.times = repeatKv.getTimes();
  } else if (auto tile = dyn_cast<TileOp>(op);
             tile && static_cast<int64_t>(tile.getDim()) == dim) {
    repeat.times = tile.getTimes();
    inOtherOrder = true;
  } else if (ExpandOp expand = matchExpandedFlatten(op, dim)) {
    repeat.input = expand.getInput();
    repeat.times = expand.getType().getShape()[expand.getDim()];
    inOtherOrder = static_cast<int64_t>(expand.getDim()) == dim;
  } else if (auto expand = dyn_cast<ExpandOp>(op);
             expand && static_cast<int64_t>(expand.getDim()) == dim) {
    // One head with a dimension of its own is not repeated.
    int64_t size = expand.getType().getShape()[dim];
    repeat.times = size > 1 ? size : 0;
    repeat.isExpansion = true;
  }
  if (repeat.times == 0)
    return std::nullopt;
  if (inOtherOrder && repeat.times > 1 && sizeOf(repeat.input, dim) != 1) {
    tiled = op;
    return std::nullopt;
  }
  return repeat;
}

std::optional<HeadRepeat> attn::findRepeat(Value value, int64_t dim,
                                           Operation *&tiled) {
  SmallVector<HeadRepeat::Step> steps;
  while (Operation *op = value.getDefiningOp()) {
    if (op->getNumOperands() == 0)
      break;
    if (std::optional<HeadRepeat> repeat = matchRepeat(op, dim, tiled)) {
      repeat->steps.assign(steps.rbegin(), steps.rend());
      return repeat;
    }
    std::optional<int64_t> above = tiled ? std::nullopt : followStep(op, dim);
    if (!above)
      break;
    steps.push_back({op, dim});
    value = op->getOperand(0);
    dim = *above;
  }
  return std::nullopt;
}

Value attn::createUnrepeated(OpBuilder &builder, const HeadRepeat &repeat) {
  Value value = repeat.input;
  if (repeat.isExpansion)
    value = createExpand(builder, value.getLoc(), value, repeat.dim);
  for (auto [op, dim] : repeat.steps) {
    Operation *copy = builder.clone(*op);
    copy->setOperand(0, value);
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    SmallVector<int64_t> shape(type.getShape());
    if (!ShapedType::isDynamic(shape[dim]))
      shape[dim] /= repeat.times;
    copy->getResult(0).setType(type.clone(shape));
    value = copy->getResult(0);
  }
  return value;
}
