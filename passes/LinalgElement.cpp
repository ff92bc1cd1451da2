//===- LinalgElement.cpp - one element of a linalg tensor -----------------===//
//
// See LinalgElement.h.
//
//===----------------------------------------------------------------------===//

#include "passes/LinalgElement.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace attn;
using linalg::LinalgOp;

/// More steps than any softmax takes: shared values are read again, and each
/// step within the one before.
static constexpr unsigned kMostSteps = 1024;

bool LinalgElement::operator==(const LinalgElement &other) const {
  if (op && other.op)
    return op->getName() == other.op->getName() &&
           op->getResultTypes() == other.op->getResultTypes() &&
           op->getAttrDictionary() == other.op->getAttrDictionary() &&
           operands == other.operands;
  return !op && !other.op && tensor == other.tensor && map == other.map &&
         constant == other.constant && coordinate == other.coordinate;
}

bool attn::isElementwise(LinalgOp op) {
  if (!op || op->getNumResults() != 1 || !op.hasPureTensorSemantics() ||
      op.getNumParallelLoops() != op.getNumLoops())
    return false;
  OpOperand &init = *op.getDpsInitOperand(0);
  return op.getMatchingIndexingMap(&init).isIdentity();
}

/// Whether elements are handed on as they are.
static bool movesElements(LinalgOp op) {
  Value yielded = op.getBlock()->getTerminator()->getOperand(0);
  return isa<BlockArgument>(yielded);
}

TypedAttr attn::findFill(Value tensor) {
  if (auto fill = tensor.getDefiningOp<linalg::FillOp>()) {
    auto value = fill.value().getDefiningOp<arith::ConstantOp>();
    return value ? value.getValue() : TypedAttr();
  }
  auto constant = tensor.getDefiningOp<arith::ConstantOp>();
  auto dense = constant ? dyn_cast<SplatElementsAttr>(constant.getValue())
                        : SplatElementsAttr();
  // Complex numbers are no typed attributes.
  return dense ? dyn_cast<TypedAttr>(dense.getSplatValue<Attribute>())
               : TypedAttr();
}

static LinalgElement makeConstant(TypedAttr value) {
  LinalgElement element;
  element.constant = value;
  return element;
}

static LinalgElement makeLeaf(Value tensor, AffineMap map) {
  LinalgElement element;
  element.tensor = tensor;
  element.map = map;
  return element;
}

namespace {
/// Reads the expression of one element.
class ElementReader {
public:
  explicit ElementReader(LinalgDepth depth) : depth(depth) {}

  /// What `op` computes at `map` of the coordinates.
  std::optional<LinalgElement> readResult(LinalgOp op, AffineMap map) {
    return readScalar(op.getBlock()->getTerminator()->getOperand(0), op, map);
  }

private:
  std::optional<LinalgElement> readTensor(Value tensor, AffineMap map);
  std::optional<LinalgElement> readScalar(Value scalar, LinalgOp op,
                                          AffineMap map);
  std::optional<LinalgElement> readArgument(BlockArgument argument, LinalgOp op,
                                            AffineMap map);

  LinalgDepth depth;
  unsigned steps = 0;
};
} // namespace

/// The element of `tensor` at `map` of the coordinates.
std::optional<LinalgElement> ElementReader::readTensor(Value tensor,
                                                       AffineMap map) {
  if (++steps > kMostSteps)
    return std::nullopt;
  if (TypedAttr fill = findFill(tensor))
    return makeConstant(fill);
  auto op = tensor.getDefiningOp<LinalgOp>();
  bool isRead = isElementwise(op) &&
                (depth == LinalgDepth::Computation || movesElements(op));
  std::optional<LinalgElement> element;
  if (isRead)
    element = readResult(op, map);
  return element ? element : makeLeaf(tensor, map);
}

std::optional<LinalgElement> ElementReader::readArgument(BlockArgument argument,
                                                         LinalgOp op,
                                                         AffineMap map) {
  OpOperand *operand = op.getMatchingOpOperand(argument);
  if (op.isDpsInit(operand))
    return std::nullopt;
  Value value = operand->get();
  if (isa<RankedTensorType>(value.getType()))
    return readTensor(value, op.getMatchingIndexingMap(operand).compose(map));
  return readScalar(value, op, map);
}

std::optional<LinalgElement>
ElementReader::readScalar(Value scalar, LinalgOp op, AffineMap map) {
  if (++steps > kMostSteps)
    return std::nullopt;
  if (auto argument = dyn_cast<BlockArgument>(scalar)) {
    if (argument.getOwner() != op.getBlock())
      return std::nullopt;
    return readArgument(argument, op, map);
  }
  Operation *producer = scalar.getDefiningOp();
  if (auto constant = dyn_cast<arith::ConstantOp>(producer))
    return makeConstant(constant.getValue());
  if (auto index = dyn_cast<linalg::IndexOp>(producer)) {
    auto dim = dyn_cast<AffineDimExpr>(map.getResult(index.getDim()));
    if (!dim)
      return std::nullopt;
    LinalgElement element;
    element.coordinate = dim.getPosition();
    return element;
  }
  if (producer->getBlock() != op.getBlock() || producer->getNumRegions() > 0 ||
      producer->getNumResults() != 1)
    return std::nullopt;
  LinalgElement element;
  element.op = producer;
  for (Value operand : producer->getOperands()) {
    std::optional<LinalgElement> part = readScalar(operand, op, map);
    if (!part)
      return std::nullopt;
    element.operands.push_back(std::move(*part));
  }
  return element;
}

std::optional<LinalgElement> attn::readElement(Value tensor,
                                               LinalgDepth depth) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type)
    return std::nullopt;
  AffineMap identity =
      AffineMap::getMultiDimIdentityMap(type.getRank(), tensor.getContext());
  // The operation that is asked for is read whatever it does.
  auto op = tensor.getDefiningOp<LinalgOp>();
  if (!isElementwise(op))
    return std::nullopt;
  return ElementReader(depth).readResult(op, identity);
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

namespace {
/// A reduction along one dimension.
struct Reduction {
  Value input;
  int64_t dim = 0;
};
} // namespace

/// Whether every loop of `op` but its one reduction is a dimension of the
/// result: a result that the reduction goes on in has sums of one element.
static bool dropsReduction(LinalgOp op, unsigned reduction) {
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  return map.isProjectedPermutation() &&
         map.getNumResults() + 1 == op.getNumLoops() &&
         !map.isFunctionOfDim(reduction);
}

/// The reduction by one of `Combiners` that `element` is a leaf of, read at the
/// coordinates that it leaves; its input is null if there is none.
template <typename... Combiners>
static Reduction matchReduction(const LinalgElement &element) {
  auto op =
      element.tensor ? element.tensor.getDefiningOp<LinalgOp>() : LinalgOp();
  if (!op || op.getNumReductionLoops() != 1 || op->getNumResults() != 1 ||
      op.getNumDpsInputs() != 1)
    return {};
  OpOperand *input = op.getDpsInputOperand(0), *init = op.getDpsInitOperand(0);
  if (!op.getMatchingIndexingMap(input).isIdentity() ||
      op.getMatchingIndexingMap(init) != element.map)
    return {};
  Operation *combiner =
      op.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<Combiners...>(combiner))
    return {};
  SmallVector<Value> arguments(op.getBlock()->getArguments());
  bool combinesBoth =
      llvm::is_contained(combiner->getOperands(), arguments[0]) &&
      llvm::is_contained(combiner->getOperands(), arguments[1]);
  SmallVector<unsigned> dims;
  op.getReductionDims(dims);
  return combinesBoth && dropsReduction(op, dims.front())
             ? Reduction{input->get(), dims.front()}
             : Reduction{};
}

static bool isFill(Value reduced, function_ref<bool(double)> isNeutral) {
  auto op = reduced.getDefiningOp<LinalgOp>();
  auto number =
      dyn_cast_or_null<FloatAttr>(findFill(op.getDpsInitOperand(0)->get()));
  return number && isNeutral(number.getValueAsDouble());
}

/// exp(s - max(s)) / sum(exp(s - max(s)))
LinalgSoftmax attn::matchSoftmax(Value tensor) {
  auto root = readElement(tensor, LinalgDepth::Computation);
  if (!root || !isa_and_nonnull<arith::DivFOp>(root->op))
    return {};
  const LinalgElement &exponential = root->operands[0];
  const LinalgElement &total = root->operands[1];
  Reduction sum = matchReduction<arith::AddFOp>(total);
  if (!sum.input || !isa_and_nonnull<math::ExpOp>(exponential.op) ||
      !isFill(total.tensor, [](double init) { return init == 0; }) ||
      readElement(sum.input, LinalgDepth::Computation) != exponential)
    return {};
  const LinalgElement &shifted = exponential.operands[0];
  if (!isa_and_nonnull<arith::SubFOp>(shifted.op))
    return {};
  const LinalgElement &score = shifted.operands[0];
  const LinalgElement &most = shifted.operands[1];
  Reduction maximum = matchReduction<arith::MaximumFOp, arith::MaxNumFOp>(most);
  // A start that no score is below: -inf, or the lowest number of a type.
  if (!maximum.input || maximum.dim != sum.dim ||
      !isFill(most.tensor, [](double init) { return init <= -3.38e38; }))
    return {};
  auto own = readElement(maximum.input, LinalgDepth::Computation);
  bool isScore = own ? *own == score
                     : score.tensor == maximum.input && score.map.isIdentity();
  return isScore ? LinalgSoftmax{maximum.input, maximum.dim} : LinalgSoftmax{};
}
