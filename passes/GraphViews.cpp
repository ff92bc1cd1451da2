//===- GraphViews.cpp - where the tensors of a graph are kept -------------===//
//
// Shape operations are other views of the same memory; a copy is made only
// where strides cannot say it. A tensor is stored where its user wants it.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn_tile/ViewLayout.h"
#include "passes/GraphProgramBuilder.h"
#include "passes/Rewriting.h"
#include "passes/RowParts.h"
#include "passes/TensorTypes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

Value GraphProgramBuilder::sizeValue(const GraphSize &size) {
  OpBuilder::InsertionGuard guard(b);
  enterPrologue();
  Value value = constant(size.factor);
  for (unsigned number : size.axes) {
    Value &axis = axisValues[number];
    if (!axis) {
      const GraphSizes::Axis &known = sizes.getAxis(number);
      axis = tile::DimOp::create(b, named(known.name),
                                 program.getBody().getArgument(known.argument),
                                 known.dimension);
    }
    value = make<arith::MulIOp>("size", value, axis);
  }
  return value;
}

/// Rows of a tensor: elements along all dimensions but the last.
Value GraphProgramBuilder::rowsOf(ArrayRef<GraphSize> shape) {
  GraphSize rows = GraphSize::of(1);
  for (const GraphSize &size : shape.drop_back())
    rows = rows.times(size);
  return sizeValue(rows);
}

tile::ViewType GraphProgramBuilder::viewType(ArrayRef<GraphSize> shape,
                                             Type element) {
  SmallVector<int64_t> extents;
  for (const GraphSize &size : shape)
    extents.push_back(size.isStatic() ? size.factor : ShapedType::kDynamic);
  return tile::ViewType::get(b.getContext(), extents, element);
}

/// The sizes of a view as the function's sizes.
GraphProgramBuilder::Sizes GraphProgramBuilder::shapeOfView(Value view) {
  Sizes shape;
  int64_t rank = cast<tile::ViewType>(view.getType()).getShape().size();
  for (int64_t dim = 0; dim < rank; ++dim) {
    std::optional<tile::Extent> extent = tile::sizeExtent(view, dim);
    assert(extent && "views are made of known sizes");
    GraphSize size = GraphSize::of(extent->factor);
    for (auto [argument, dimension] : extent->axes)
      size = size.times(
          GraphSize::ofAxis(axisNumbers.lookup({argument, dimension})));
    shape.push_back(size);
  }
  return shape;
}

//===----------------------------------------------------------------------===//
// Views of views
//===----------------------------------------------------------------------===//

/// The sizes that only the call knows, in order.
SmallVector<Value>
GraphProgramBuilder::dynamicSizes(ArrayRef<GraphSize> shape) {
  SmallVector<Value> dynamic;
  for (const GraphSize &size : shape)
    if (!size.isStatic())
      dynamic.push_back(sizeValue(size));
  return dynamic;
}

Value GraphProgramBuilder::createBuffer(ArrayRef<GraphSize> shape,
                                        Type element) {
  SmallVector<Value> dynamic = dynamicSizes(shape);
  OpBuilder::InsertionGuard guard(b);
  enterPrologue();
  return tile::BufferOp::create(b, named("buffer"), viewType(shape, element),
                                dynamic);
}

Value GraphProgramBuilder::broadcastTo(Value view, ArrayRef<GraphSize> shape) {
  auto type = cast<tile::ViewType>(view.getType());
  tile::ViewType result = viewType(shape, type.getElementType());
  if (result == type)
    return view;
  SmallVector<Value> dynamic = dynamicSizes(shape);
  OpBuilder::InsertionGuard guard(b);
  enterPrologue();
  return tile::BroadcastOp::create(b, named("repeated"), result, view, dynamic);
}

Value GraphProgramBuilder::permute(Value view, ArrayRef<int64_t> permutation) {
  Sizes shape = shapeOfView(view), permuted;
  for (int64_t dim : permutation)
    permuted.push_back(shape[dim]);
  auto type = cast<tile::ViewType>(view.getType());
  OpBuilder::InsertionGuard guard(b);
  enterPrologue();
  return tile::PermuteOp::create(b, named("permuted"),
                                 viewType(permuted, type.getElementType()),
                                 view, permutation);
}

Value GraphProgramBuilder::splitDim(Value view, int64_t dim,
                                    const GraphSize &outer,
                                    const GraphSize &inner) {
  Sizes shape = shapeOfView(view);
  shape[dim] = inner;
  shape.insert(shape.begin() + dim, outer);
  auto type = cast<tile::ViewType>(view.getType());
  OpBuilder::InsertionGuard guard(b);
  enterPrologue();
  return tile::SplitDimOp::create(
      b, named("split"), viewType(shape, type.getElementType()), view, dim);
}

Value GraphProgramBuilder::mergeDims(Value view, int64_t dim) {
  Sizes shape = shapeOfView(view);
  shape[dim] = shape[dim].times(shape[dim + 1]);
  shape.erase(shape.begin() + dim + 1);
  auto type = cast<tile::ViewType>(view.getType());
  OpBuilder::InsertionGuard guard(b);
  enterPrologue();
  return tile::MergeDimsOp::create(
      b, named("merged"), viewType(shape, type.getElementType()), view, dim);
}

Value GraphProgramBuilder::slice(Value view, int64_t dim, int64_t offset,
                                 int64_t size) {
  Sizes shape = shapeOfView(view);
  shape[dim] = GraphSize::of(size);
  auto type = cast<tile::ViewType>(view.getType());
  OpBuilder::InsertionGuard guard(b);
  enterPrologue();
  return tile::SliceOp::create(b, named("part"),
                               viewType(shape, type.getElementType()), view,
                               dim, offset);
}

Value GraphProgramBuilder::groupHeads(Value view, int64_t groups) {
  constexpr int64_t groupsFirst[] = {0, 2, 1, 3, 4};
  GraphSize heads = shapeOfView(view)[2];
  Value split = splitDim(view, 2, GraphSize::of(groups),
                         GraphSize::of(heads.factor / groups));
  return permute(split, groupsFirst);
}

//===----------------------------------------------------------------------===//
// Where tensors are
//===----------------------------------------------------------------------===//

Value GraphProgramBuilder::viewOf(Value tensor) {
  if (Value view = views.lookup(tensor))
    return view;
  compute(tensor.getDefiningOp());
  return views.lookup(tensor);
}

Value GraphProgramBuilder::packedViewOf(Value tensor, Operation *user) {
  Value view = viewOf(tensor);
  if (tile::hasPackedRows(view))
    return view;
  remarkMissed(user, kTilePass,
               "copied " + describeProducer(tensor) + " for '" +
                   user->getName().getStringRef() +
                   "': elements of its rows do not follow each other");
  auto type = cast<tile::ViewType>(view.getType());
  Value packed = createBuffer(shapeOfView(view), type.getElementType());
  copy(view, packed);
  return packed;
}

Value GraphProgramBuilder::destinationOf(Value tensor) {
  if (Value known = destinations.lookup(tensor))
    return known;
  Value place;
  for (OpOperand &use : tensor.getUses())
    if (!place && isa<func::ReturnOp>(use.getOwner()))
      place = resultView(use.getOperandNumber());
  if (!place && (place = placeInUser(tensor)))
    inUser.insert(tensor);
  if (!place)
    place = createBuffer(sizes.sizesOf(tensor), heldAs(elementOf(tensor)));
  return destinations[tensor] = place;
}

/// A part of what the tensor's only user makes; null where it needs memory of
/// its own.
Value GraphProgramBuilder::placeInUser(Value tensor) {
  if (!tensor.hasOneUse())
    return nullptr;
  OpOperand &use = *tensor.use_begin();
  Sizes shape = sizes.sizesOf(tensor);
  return llvm::TypeSwitch<Operation *, Value>(use.getOwner())
      .Case([&](TransposeOp op) {
        SmallVector<int64_t> inverse(op.getPermutation().size());
        for (auto [dim, from] : llvm::enumerate(op.getPermutation()))
          inverse[from] = static_cast<int64_t>(dim);
        return permute(destinationOf(op.getResult()), inverse);
      })
      .Case([&](FlattenOp op) {
        auto dim = static_cast<int64_t>(op.getDim());
        // The view has to know one of the sizes.
        if (!shape[dim].isStatic() && !shape[dim + 1].isStatic())
          return Value();
        return splitDim(destinationOf(op.getResult()), dim, shape[dim],
                        shape[dim + 1]);
      })
      .Case([&](UnflattenOp op) {
        auto dim = static_cast<int64_t>(op.getDim());
        Value split = destinationOf(op.getResult());
        if (!tile::areNeighbours(split, dim))
          return Value();
        return mergeDims(split, dim);
      })
      .Case([&](ConcatOp op) {
        if (isRowArrangement(op))
          return Value();
        auto dim = static_cast<int64_t>(op.getDim());
        int64_t offset = 0;
        for (Value input : op.getInputs().take_front(use.getOperandNumber()))
          offset += sizes.sizesOf(input)[dim].factor;
        return slice(destinationOf(op.getResult()), dim, offset,
                     shape[dim].factor);
      })
      .Default(Value());
}

//===----------------------------------------------------------------------===//
// Shape operations
//===----------------------------------------------------------------------===//

/// Dimensions `dim` and `dim + 1` as one, in a copy if strides cannot.
Value GraphProgramBuilder::flattened(Value view, int64_t dim, Operation *op) {
  if (!tile::areNeighbours(view, dim)) {
    remarkMissed(op, kTilePass,
                 "copied a tensor for '" + op->getName().getStringRef() +
                     "': dimensions " + Twine(dim) + " and " + Twine(dim + 1) +
                     " do not follow each other in memory");
    auto type = cast<tile::ViewType>(view.getType());
    Value packed = createBuffer(shapeOfView(view), type.getElementType());
    copy(view, packed);
    view = packed;
  }
  return mergeDims(view, dim);
}

/// Every element of a dimension `times` times in place, or the dimension as a
/// whole, as two dimensions.
Value GraphProgramBuilder::repeated(Value view, int64_t dim, int64_t times,
                                    bool inPlace) {
  Sizes shape = shapeOfView(view);
  GraphSize own = shape[dim], one = GraphSize::of(1);
  Value split = splitDim(view, dim, inPlace ? own : one, inPlace ? one : own);
  Sizes wide = shapeOfView(split);
  wide[inPlace ? dim + 1 : dim] = GraphSize::of(times);
  return broadcastTo(split, wide);
}

void GraphProgramBuilder::buildShape(Operation *op) {
  Value input = op->getOperand(0), result = op->getResult(0);
  if (inUser.contains(input)) {
    views[result] = destinationOf(result);
    return;
  }
  // A view of where the input is: nothing is stored for the user.
  inUser.erase(result);
  Value view = viewOf(input);
  Sizes shape = sizes.sizesOf(result);
  auto repeat = [&](int64_t dim, int64_t times, bool inPlace) {
    return flattened(repeated(view, dim, times, inPlace), dim, op);
  };
  views[result] =
      llvm::TypeSwitch<Operation *, Value>(op)
          .Case([&](TransposeOp transpose) {
            return permute(view, transpose.getPermutation());
          })
          .Case([&](FlattenOp flatten) {
            return flattened(view, flatten.getDim(), op);
          })
          .Case([&](UnflattenOp split) {
            auto dim = static_cast<int64_t>(split.getDim());
            return splitDim(view, dim, shape[dim], shape[dim + 1]);
          })
          .Case([&](ExpandOp expand) {
            auto dim = static_cast<int64_t>(expand.getDim());
            GraphSize one = GraphSize::of(1);
            bool isLast = dim + 1 == static_cast<int64_t>(shape.size());
            Value split = isLast ? splitDim(view, dim - 1, shape[dim - 1], one)
                                 : splitDim(view, dim, one, shape[dim + 1]);
            return broadcastTo(split, shape);
          })
          .Case([&](SliceOp part) {
            auto dim = static_cast<int64_t>(part.getDim());
            return slice(view, dim, part.getOffset(), shape[dim].factor);
          })
          .Case<RepeatInterleaveOp>([&](auto interleave) {
            return repeat(interleave.getDim(), interleave.getTimes(), true);
          })
          .Case<RepeatKvOp>(
              [&](auto heads) { return repeat(2, heads.getTimes(), true); })
          .Case<TileOp>([&](auto whole) {
            return repeat(whole.getDim(), whole.getTimes(), false);
          });
}

void GraphProgramBuilder::buildConcat(ConcatOp concat) {
  Value whole = destinationOf(concat.getResult());
  auto dim = static_cast<int64_t>(concat.getDim());
  int64_t offset = 0;
  for (Value input : concat.getInputs()) {
    int64_t size = sizes.sizesOf(input)[dim].factor;
    if (!inUser.contains(input))
      copy(viewOf(input), slice(whole, dim, offset, size));
    offset += size;
  }
  views[concat.getResult()] = whole;
}
