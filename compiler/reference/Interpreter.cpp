//===- Interpreter.cpp - Float64 meaning of attn operations ---------------===//
//
// One evaluation rule per operation over an environment of tensors; what the
// rules compute is in Rules.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/reference/Interpreter.h"

#include "compiler/reference/InterpreterImpl.h"
#include "compiler/reference/Rules.h"
#include "compiler/reference/ScoreMod.h"
#include "compiler/reference/TensorOps.h"
#include "compiler/reference/TensorRules.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/ADT/bit.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace attn;
using namespace attn::reference;

/// Whether a tensor of `shape` may stand for a value of `type`.
static bool fits(ArrayRef<int64_t> shape, Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getRank() != static_cast<int64_t>(shape.size()))
    return false;
  return llvm::all_of(llvm::zip(shape, tensor.getShape()), [](auto sizes) {
    auto [actual, declared] = sizes;
    return ShapedType::isDynamic(declared) || actual == declared;
  });
}

LogicalResult reference::checkSize(Operation *op, StringRef what,
                                   int64_t actual, int64_t expected) {
  if (actual == expected)
    return success();
  return op->emitOpError() << what << " is " << actual << ", expected "
                           << expected;
}

LogicalResult reference::checkTensorMask(Operation *op, const Tensor *mask,
                                         ArrayRef<int64_t> scores) {
  static constexpr StringLiteral kNames[] = {
      "batch of tensor_mask", "heads of tensor_mask", "queries of tensor_mask",
      "keys of tensor_mask"};
  if (!mask)
    return success();
  for (auto [name, size, expected] : llvm::zip(kNames, mask->shape(), scores))
    if (size != 1 && failed(checkSize(op, name, size, expected)))
      return failure();
  return success();
}

/// The operations of `block` that somebody reads.
static auto live(Block &block) {
  return llvm::make_filter_range(block.without_terminator(), [](Operation &op) {
    return !isOpTriviallyDead(&op);
  });
}

namespace {
/// Evaluates operations in order; `Real` is what every step is rounded to.
template <typename Real>
class Evaluator {
public:
  explicit Evaluator(Trace *trace) : trace(trace) {}

  FailureOr<SmallVector<Tensor>> run(func::FuncOp function,
                                     ArrayRef<const Tensor *> inputs);

private:
  LogicalResult evaluate(Operation *op);
  LogicalResult rule(RepeatKvOp op);
  LogicalResult rule(ScoreOp op);
  LogicalResult rule(ScaleOp op);
  LogicalResult rule(SoftcapOp op);
  LogicalResult rule(MaskOp op);
  LogicalResult rule(SoftmaxOp op);
  LogicalResult rule(WeightedSumOp op);
  LogicalResult rule(MaskedSoftmaxOp op);
  LogicalResult rule(FlashOp op);
  LogicalResult rule(PositionBiasOp op);
  LogicalResult evaluateTensor(Operation *op);

  const Tensor &get(Value value) const {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return *arguments[argument.getArgNumber()];
    return values.find(value)->second;
  }
  const Tensor *getOptional(Value value) const {
    return value ? &get(value) : nullptr;
  }
  LogicalResult set(Value value, Tensor tensor);
  const Tensor *tensorMaskOf(Value mask);
  template <typename OpTy>
  FailureOr<Visibility> visibilityOf(OpTy op, int64_t batch, int64_t queries,
                                     int64_t keys);

  /// The function's; what operations compute is in `values`.
  ArrayRef<const Tensor *> arguments;
  DenseMap<Value, Tensor> values, addedMasks;
  Trace *trace;
};
} // namespace

/// Whether a tensor of the caller's holds the value, to be read again or not.
static bool isStored(Value value) {
  return value.getDefiningOp<CacheAppendOp>() ||
         llvm::any_of(value.getUsers(), [](Operation *user) {
           return isa<func::ReturnOp>(user);
         });
}

static void roundTo(FloatType type, Tensor &tensor) {
  const llvm::fltSemantics &semantics = type.getFloatSemantics();
  unsigned dropped = std::numeric_limits<double>::digits -
                     APFloat::semanticsPrecision(semantics);
  uint64_t lost = (uint64_t(1) << dropped) - 1;
  double least = APFloat::getSmallestNormalized(semantics).convertToDouble();
  double most = APFloat::getLargest(semantics).convertToDouble();
  bool losesInfo = false;
  for (double &element : tensor.data()) {
    // Most elements of a cache were rounded when they came.
    bool isNormal = std::fabs(element) >= least && std::fabs(element) <= most;
    if (isNormal && (llvm::bit_cast<uint64_t>(element) & lost) == 0)
      continue;
    APFloat rounded(element);
    rounded.convert(semantics, APFloat::rmNearestTiesToEven, &losesInfo);
    element = rounded.convertToDouble();
  }
}

template <typename Real>
LogicalResult Evaluator<Real>::set(Value value, Tensor tensor) {
  if (!fits(tensor.shape(), value.getType()))
    return value.getDefiningOp()->emitOpError()
           << "evaluates to a tensor of shape [" << tensor.shape()
           << "], which " << value.getType() << " does not hold";
  auto type = dyn_cast<FloatType>(getElementTypeOrSelf(value));
  if (std::is_same_v<Real, float> && type && !type.isF32() && isStored(value))
    roundTo(type, tensor);
  values.insert_or_assign(value, std::move(tensor));
  return success();
}

Tensor reference::addedBy(Tensor shown) {
  for (double &element : shown.data())
    element = element != 0 ? 0 : -std::numeric_limits<double>::infinity();
  return shown;
}

/// The tensor that `mask` adds. Null without.
template <typename Real>
const Tensor *Evaluator<Real>::tensorMaskOf(Value mask) {
  if (!mask || !getElementTypeOrSelf(mask).isInteger(1))
    return getOptional(mask);
  return &(addedMasks[mask] = addedBy(get(mask)));
}

/// What the mask of `op` and its operands let through.
template <typename Real>
template <typename OpTy>
FailureOr<Visibility> Evaluator<Real>::visibilityOf(OpTy op, int64_t batch,
                                                    int64_t queries,
                                                    int64_t keys) {
  Visibility visibility = {.interval = op.getMask().getInterval(),
                           .lengths = getOptional(op.getLengths()),
                           .prefix = getOptional(op.getPrefix()),
                           .documents = getOptional(op.getDocuments()),
                           .queries = queries,
                           .keys = keys};
  const std::pair<StringRef, const Tensor *> operands[] = {
      {"batch of lengths", visibility.lengths},
      {"batch of prefix", visibility.prefix},
      {"batch of documents", visibility.documents}};
  for (auto [name, tensor] : operands)
    if (tensor && failed(checkSize(op, name, tensor->dim(0), batch)))
      return failure();
  if (visibility.documents &&
      failed(checkSize(op, "keys of documents", visibility.documents->dim(1),
                       keys)))
    return failure();
  if (auto again = visibility.findDocumentAgain())
    return op.emitOpError() << "has a document that begins again at key "
                            << again->second << " of sequence " << again->first;
  return visibility;
}

template <typename Real>
LogicalResult Evaluator<Real>::rule(RepeatKvOp op) {
  return set(op.getResult(),
             repeatKv(get(op.getInput()), static_cast<int64_t>(op.getTimes())));
}

template <typename Real>
LogicalResult Evaluator<Real>::rule(ScoreOp op) {
  const Tensor &query = get(op.getQuery()), &key = get(op.getKey());
  if (failed(checkSize(op, "batch of key", key.dim(0), query.dim(0))) ||
      failed(checkSize(op, "head size of key", key.dim(3), query.dim(3))))
    return failure();
  return set(op.getScore(), score<Real>(query, key));
}

template <typename Real>
LogicalResult Evaluator<Real>::rule(ScaleOp op) {
  return set(op.getResult(),
             scale<Real>(get(op.getInput()), op.getBy().convertToDouble()));
}

template <typename Real>
LogicalResult Evaluator<Real>::rule(SoftcapOp op) {
  return set(op.getResult(),
             softcap<Real>(get(op.getScore()), op.getCap().convertToDouble()));
}

template <typename Real>
LogicalResult Evaluator<Real>::rule(MaskOp op) {
  const Tensor &score = get(op.getScore());
  FailureOr<Visibility> visibility =
      visibilityOf(op, score.dim(0), score.dim(2), score.dim(3));
  if (failed(visibility))
    return failure();
  return set(op.getResult(), mask(score, *visibility));
}

template <typename Real>
LogicalResult Evaluator<Real>::rule(SoftmaxOp op) {
  const Tensor &score = get(op.getScore());
  if (!op.getLse() && !op.getSinks())
    return set(op.getProbability(),
               softmaxAlong<Real>(score, op.getSoftmaxDim()));
  Softmax result =
      tracedSoftmax<Real>(score, getOptional(op.getSinks()), trace);
  if (failed(set(op.getProbability(), std::move(result.probability))))
    return failure();
  return op.getLse() ? set(op.getLse(), std::move(result.lse)) : success();
}

template <typename Real>
LogicalResult Evaluator<Real>::rule(WeightedSumOp op) {
  const Tensor &weights = get(op.getProbability()), &value = get(op.getValue());
  if (failed(checkSize(op, "batch of value", value.dim(0), weights.dim(0))) ||
      failed(checkSize(op, "keys of value", value.dim(1), weights.dim(3))))
    return failure();
  return set(op.getOutput(), weightedSum<Real>(weights, value));
}

template <typename Real>
LogicalResult Evaluator<Real>::rule(MaskedSoftmaxOp op) {
  Tensor score =
      scale<Real>(get(op.getScore()), op.getScale().convertToDouble());
  if (std::optional<APFloat> cap = op.getSoftcap())
    score = softcap<Real>(std::move(score), cap->convertToDouble());
  const Tensor *added = tensorMaskOf(op.getTensorMask());
  if (failed(checkTensorMask(op, added, score.shape())))
    return failure();
  if (added)
    score = addTensorMask<Real>(score, *added);
  FailureOr<Visibility> visibility =
      visibilityOf(op, score.dim(0), score.dim(2), score.dim(3));
  if (failed(visibility))
    return failure();
  Softmax result = tracedSoftmax<Real>(mask(std::move(score), *visibility),
                                       getOptional(op.getSinks()), trace);
  if (failed(set(op.getProbability(), std::move(result.probability))))
    return failure();
  return set(op.getLse(), std::move(result.lse));
}

template <typename Real>
LogicalResult Evaluator<Real>::rule(FlashOp op) {
  const Tensor &query = get(op.getQuery()), &key = get(op.getKey());
  const Tensor &value = get(op.getValue());
  if (failed(checkSize(op, "batch of key", key.dim(0), query.dim(0))) ||
      failed(checkSize(op, "head size of key", key.dim(3), query.dim(3))) ||
      failed(checkSize(op, "batch of value", value.dim(0), key.dim(0))) ||
      failed(checkSize(op, "keys of value", value.dim(1), key.dim(1))))
    return failure();
  const Tensor *added = tensorMaskOf(op.getTensorMask());
  if (failed(checkTensorMask(
          op, added, {query.dim(0), query.dim(2), query.dim(1), key.dim(1)})))
    return failure();
  FailureOr<Visibility> visibility =
      visibilityOf(op, query.dim(0), query.dim(1), key.dim(1));
  if (failed(visibility))
    return failure();
  auto modify = [&](Tensor score) -> FailureOr<Tensor> {
    if (op.getScoreMod().empty())
      return score;
    return applyScoreMod<Real>(op.getScoreMod(), std::move(score), *visibility,
                               getOptional(op.getTable()));
  };
  FailureOr<SmallVector<Tensor>> results = attendAll<Real>(
      {&query, &key, &value}, op.getScale().convertToDouble(), *visibility,
      getOptional(op.getSinks()), added, modify, trace);
  if (failed(results) || failed(set(op.getOutput(), (*results)[0])))
    return failure();
  return set(op.getLse(), (*results)[1]);
}

/// score + bias(head, position of the row, key)
template <typename Real>
LogicalResult Evaluator<Real>::rule(PositionBiasOp op) {
  Tensor score = get(op.getScore());
  PositionBias bias = {.bias = op.getBias(),
                       .lengths = getOptional(op.getLengths()),
                       .table = getOptional(op.getTable())};
  return set(op.getResult(), addPositionBias<Real>(std::move(score), bias));
}

/// Operands by the operation's definition: an absent one has a place too.
static SmallVector<Value> operandsOf(Operation *op) {
  if (auto linear = dyn_cast<LinearOp>(op))
    return {linear.getInput(), linear.getWeight(), linear.getBias()};
  if (auto norm = dyn_cast<RmsNormOp>(op))
    return {norm.getInput(), norm.getWeight()};
  if (auto norm = dyn_cast<LayerNormOp>(op))
    return {norm.getInput(), norm.getWeight(), norm.getBias()};
  if (auto rope = dyn_cast<RopeOp>(op))
    return {rope.getInput(), rope.getPositions()};
  return llvm::to_vector(op->getOperands());
}

template <typename Real>
LogicalResult Evaluator<Real>::evaluateTensor(Operation *op) {
  SmallVector<const Tensor *> operands = llvm::map_to_vector(
      operandsOf(op), [&](Value value) { return getOptional(value); });
  FailureOr<Tensor> result = evaluateTensorOp<Real>(op, operands);
  return failed(result) ? failure() : set(op->getResult(0), std::move(*result));
}

template <typename Real>
LogicalResult Evaluator<Real>::evaluate(Operation *op) {
  return TypeSwitch<Operation *, LogicalResult>(op)
      .template Case<RepeatKvOp, ScoreOp, ScaleOp, SoftcapOp, MaskOp, SoftmaxOp,
                     WeightedSumOp, MaskedSoftmaxOp, FlashOp, PositionBiasOp>(
          [&](auto known) { return rule(known); })
      .Default([&](Operation *other) { return evaluateTensor(other); });
}

template <typename Real>
FailureOr<SmallVector<Tensor>>
Evaluator<Real>::run(func::FuncOp function, ArrayRef<const Tensor *> inputs) {
  if (failed(checkSize(function, "number of inputs",
                       static_cast<int64_t>(inputs.size()),
                       function.getNumArguments())))
    return failure();
  for (auto [argument, input] : llvm::zip(function.getArguments(), inputs))
    if (!fits(input->shape(), argument.getType()))
      return function.emitOpError()
             << "argument " << argument.getArgNumber() << " has shape ["
             << input->shape() << "], expected " << argument.getType();
  arguments = inputs;
  for (Operation &op : live(function.front()))
    if (failed(evaluate(&op)))
      return failure();
  SmallVector<Tensor> results;
  for (Value value : function.front().getTerminator()->getOperands())
    results.push_back(get(value));
  return results;
}

FailureOr<SmallVector<Tensor>> reference::interpret(func::FuncOp function,
                                                    ArrayRef<Tensor> inputs,
                                                    Precision precision,
                                                    Trace *trace) {
  auto addressOf = [](const Tensor &input) { return &input; };
  return interpret(function, llvm::map_to_vector(inputs, addressOf), precision,
                   trace);
}

FailureOr<SmallVector<Tensor>>
reference::interpret(func::FuncOp function, ArrayRef<const Tensor *> inputs,
                     Precision precision, Trace *trace) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return function.emitOpError("has not exactly one block to interpret");
  if (precision == Precision::F32)
    return Evaluator<float>(trace).run(function, inputs);
  return Evaluator<double>(trace).run(function, inputs);
}

bool reference::isInterpretable(func::FuncOp function) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return false;
  return llvm::all_of(live(function.front()), [](Operation &op) {
    if (auto flash = dyn_cast<FlashOp>(op))
      return isScoreModSupported(flash.getScoreMod());
    return isTensorOp(&op) ||
           isa<RepeatKvOp, ScoreOp, ScaleOp, SoftcapOp, MaskOp, SoftmaxOp,
               WeightedSumOp, MaskedSoftmaxOp, PositionBiasOp>(op);
  });
}
