//===- HeadProjections.cpp - where the rows of heads come from ------------===//
//
// See HeadProjections.h.
//
//===----------------------------------------------------------------------===//

#include "passes/HeadProjections.h"

#include "dialects/attn/AttnOps.h"
#include "passes/Rewriting.h"
#include "passes/TensorTypes.h"

using namespace mlir;
using namespace attn;

/// Roles of a HeadsView's dimensions.
static constexpr unsigned kBatch = 0, kSequence = 1, kHead = 2, kElement = 3;

//===----------------------------------------------------------------------===//
// HeadsView
//===----------------------------------------------------------------------===//

int64_t HeadsView::sizeOf(unsigned role) const {
  return attn::sizeOf(value, axes[role]);
}

HeadsView HeadsView::withoutTransposes() const {
  HeadsView view = *this;
  while (auto transpose = view.value.getDefiningOp<TransposeOp>()) {
    for (int64_t &axis : view.axes)
      axis = transpose.getPermutation()[axis];
    view.value = transpose.getInput();
  }
  return view;
}

SmallVector<HeadsView> attn::partsOf(HeadsView heads) {
  HeadsView view = heads.withoutTransposes();
  auto concat = view.value.getDefiningOp<ConcatOp>();
  if (!concat || int64_t(concat.getDim()) != view.axes[kElement])
    return {heads};
  return llvm::map_to_vector(concat.getInputs(), [&](Value input) {
    return HeadsView{input, view.axes};
  });
}

//===----------------------------------------------------------------------===//
// Projections
//===----------------------------------------------------------------------===//

namespace {
/// The outputs of a product, [batch, sequence, out], in any order.
struct Outputs {
  Value value;
  int64_t batch, sequence, out;

  void stepOver(TransposeOp transpose) {
    for (int64_t *axis : {&batch, &sequence, &out})
      *axis = transpose.getPermutation()[*axis];
    value = transpose.getInput();
  }
  bool isInOrder() const { return batch == 0 && sequence == 1 && out == 2; }
};
} // namespace

/// Takes the slices of heads' elements and splits the outputs into heads.
/// Nothing if something else makes the heads.
static std::optional<Outputs>
findOutputs(HeadsView heads, HeadProjection &projection, std::string &why) {
  HeadsView view = heads.withoutTransposes();
  projection.size = view.sizeOf(kElement);
  while (auto slice = view.value.getDefiningOp<SliceOp>()) {
    if (int64_t(slice.getDim()) != view.axes[kElement])
      break;
    projection.offset += slice.getOffset();
    view = HeadsView{slice.getInput(), view.axes}.withoutTransposes();
  }
  auto split = view.value.getDefiningOp<UnflattenOp>();
  int64_t dim = split ? int64_t(split.getDim()) : -1;
  if (!split || view.axes[kHead] != dim || view.axes[kElement] != dim + 1) {
    why = "comes from " + describeProducer(view.value) +
          ", expected heads of a projection";
    return std::nullopt;
  }
  projection.heads = view.sizeOf(kHead);
  projection.stride = view.sizeOf(kElement);
  auto before = [&](int64_t axis) { return axis > dim ? axis - 1 : axis; };
  return Outputs{split.getInput(), before(view.axes[kBatch]),
                 before(view.axes[kSequence]), dim};
}

/// The product's input; null if it has a bias, or weights of another kind.
static Value rowsOf(Operation *product) {
  if (auto linear = dyn_cast_or_null<LinearOp>(product))
    return linear.getBias() ? Value() : linear.getInput();
  auto matmul = dyn_cast_or_null<MatmulOp>(product);
  return matmul && matmul.getRhs().getType().getRank() == 2 ? matmul.getLhs()
                                                            : Value();
}

std::optional<HeadProjection> attn::findProjection(HeadsView heads,
                                                   std::string &why) {
  HeadProjection projection;
  std::optional<Outputs> outputs = findOutputs(heads, projection, why);
  if (!outputs)
    return std::nullopt;
  for (bool changed = true; std::exchange(changed, false);) {
    if (auto transpose = outputs->value.getDefiningOp<TransposeOp>()) {
      outputs->stepOver(transpose);
      changed = true;
    } else if (auto slice = outputs->value.getDefiningOp<SliceOp>();
               slice && int64_t(slice.getDim()) == outputs->out) {
      projection.first += slice.getOffset();
      outputs->value = slice.getInput();
      changed = true;
    }
  }
  projection.product = outputs->value.getDefiningOp();
  projection.rows = rowsOf(projection.product);
  bool isStatic = !ShapedType::isDynamicShape(
      {projection.heads, projection.size, projection.stride});
  if (!projection.rows || !outputs->isInOrder() || !isStatic ||
      ShapedType::isDynamic(attn::sizeOf(projection.rows, 2))) {
    why = "comes from " + describeProducer(outputs->value) +
          ", expected a product with weights of static sizes and without bias";
    return std::nullopt;
  }
  return projection;
}

int64_t HeadProjection::rank() const { return attn::sizeOf(rows, 2); }

static Value createSlice(OpBuilder &builder, Location loc, Value input,
                         int64_t dim, int64_t offset, int64_t size) {
  SmallVector<int64_t> shape(
      cast<RankedTensorType>(input.getType()).getShape());
  if (shape[dim] == size)
    return input;
  shape[dim] = size;
  return SliceOp::create(builder, loc, typeWith(input, shape), input, dim,
                         offset);
}

Value HeadProjection::createWeight(OpBuilder &builder, Location loc) const {
  auto linear = dyn_cast<LinearOp>(product);
  // Weights [out, rank] or [rank, out].
  Value weight = linear ? linear.getWeight() : cast<MatmulOp>(product).getRhs();
  int64_t out = linear ? 0 : 1;
  weight = createSlice(builder, loc, weight, out, first, heads * stride);
  SmallVector<int64_t> shape = {heads, stride};
  shape.insert(linear ? shape.end() : shape.begin(), rank());
  weight = UnflattenOp::create(builder, loc, typeWith(weight, shape), weight,
                               /*dim=*/out);
  weight = createSlice(builder, loc, weight, out + 1, offset, size);
  if (linear)
    return weight;
  return TransposeOp::create(builder, loc,
                             typeWith(weight, {heads, size, rank()}), weight,
                             ArrayRef<int64_t>{1, 2, 0});
}

//===----------------------------------------------------------------------===//
// Shared heads
//===----------------------------------------------------------------------===//

/// expand and flatten in place of a repeat: the tensor before both, or null.
static Value expandedBefore(FlattenOp flatten, int64_t head) {
  auto expand = flatten.getInput().getDefiningOp<ExpandOp>();
  if (!expand || int64_t(flatten.getDim()) != head ||
      (int64_t(expand.getDim()) != head &&
       int64_t(expand.getDim()) != head + 1))
    return {};
  return expand.getInput();
}

/// What all heads are: a view whose head dimension has size 1, or is none (-1).
static std::optional<HeadsView> findSharedHead(HeadsView heads,
                                               std::string &why) {
  HeadsView view = heads.withoutTransposes();
  Operation *op = view.value.getDefiningOp();
  int64_t head = view.axes[kHead];
  auto repeats = [&](Value input, int64_t dim) -> std::optional<HeadsView> {
    if (!input || dim != head || attn::sizeOf(input, head) != 1)
      return std::nullopt;
    return HeadsView{input, view.axes}.withoutTransposes();
  };
  std::optional<HeadsView> found;
  if (auto repeat = dyn_cast_or_null<RepeatKvOp>(op))
    found = repeats(repeat.getInput(), 2);
  else if (auto repeat = dyn_cast_or_null<RepeatInterleaveOp>(op))
    found = repeats(repeat.getInput(), repeat.getDim());
  else if (auto repeat = dyn_cast_or_null<TileOp>(op))
    found = repeats(repeat.getInput(), repeat.getDim());
  else if (auto flatten = dyn_cast_or_null<FlattenOp>(op))
    found = repeats(expandedBefore(flatten, head), head);
  else if (auto expand = dyn_cast_or_null<ExpandOp>(op);
           expand && int64_t(expand.getDim()) == head) {
    found = HeadsView{expand.getInput(), view.axes};
    for (int64_t &axis : found->axes)
      axis = axis == head ? -1 : axis > head ? axis - 1 : axis;
  }
  // A single head is the one of all heads as it is.
  if (!found && attn::sizeOf(view.value, head) == 1)
    found = view;
  if (!found)
    why = "differs by head: it comes from " + describeProducer(view.value);
  return found;
}

bool attn::isSharedHead(HeadsView heads, std::string &why) {
  return findSharedHead(heads, why).has_value();
}

Value attn::createSharedHead(OpBuilder &builder, Location loc, HeadsView heads,
                             std::string &why) {
  std::optional<HeadsView> found = findSharedHead(heads, why);
  if (!found)
    return {};
  bool hasHead = found->axes[kHead] >= 0;
  SmallVector<int64_t> order = {found->axes[kBatch], found->axes[kSequence]};
  if (hasHead)
    order.push_back(found->axes[kHead]);
  order.push_back(found->axes[kElement]);
  SmallVector<int64_t> shape = llvm::map_to_vector(
      order, [&](int64_t axis) { return attn::sizeOf(found->value, axis); });
  Value rows = found->value;
  if (!llvm::is_sorted(order))
    rows = TransposeOp::create(builder, loc, typeWith(rows, shape), rows,
                               ArrayRef<int64_t>(order));
  if (hasHead)
    return rows;
  shape.insert(shape.begin() + 2, 1);
  return ExpandOp::create(builder, loc, typeWith(rows, shape), rows,
                          /*dim=*/2);
}
