//===- LayerWriter.cpp - a declared layer as a graph function -------------===//
//
// See LayerWriter.h.
//
//===----------------------------------------------------------------------===//

#include "passes/LayerWriter.h"

#include "dialects/attn/AttnDialect.h"

using namespace mlir;
using namespace attn;

static constexpr int64_t kAny = ShapedType::kDynamic;

/// The type of `tensor` with other sizes.
static RankedTensorType resized(Value tensor, ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, elementOf(tensor));
}

/// The same with one other size.
static RankedTensorType resized(Value tensor, int64_t dim, int64_t size) {
  SmallVector<int64_t> shape(shapeOf(tensor));
  shape[dim] = size;
  return resized(tensor, shape);
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

LayerWriter::LayerWriter(OpBuilder &builder, Operation *layer,
                         const LayerFunction &description, LayersAttr layers)
    : builder(builder), layer(layer) {
  function = func::FuncOp::create(builder, getLoc(), description.name,
                                  builder.getFunctionType({}, {}));
  function->setAttr(kLayersAttr, layers);
  function->setAttr(kScopeAttr, KernelScopeAttr::get(builder.getContext(),
                                                     description.scope));
  if (!description.kernel.empty())
    function->setAttr(kKernelAttr, builder.getStringAttr(description.kernel));
  if (description.maxQueries)
    function->setAttr(kMaxQueriesAttr,
                      builder.getI64IntegerAttr(description.maxQueries));
  builder.createBlock(&function.getBody());
}

Location LayerWriter::named(StringRef name) const {
  return NameLoc::get(builder.getStringAttr(name), getLoc());
}

Value LayerWriter::addArgument(StringRef name, ArrayRef<int64_t> shape,
                               Type element) {
  NamedAttribute known(kNameAttr, builder.getStringAttr(name));
  unsigned index = function.getNumArguments();
  [[maybe_unused]] LogicalResult inserted =
      function.insertArgument(index, RankedTensorType::get(shape, element),
                              builder.getDictionaryAttr(known), named(name));
  assert(succeeded(inserted) && "functions take any argument");
  return function.getArgument(index);
}

Value LayerWriter::argument(StringRef name, ArrayRef<int64_t> shape,
                            Type stored) {
  return addArgument(name, shape,
                     stored ? stored : storageOf(layer).getActivation());
}

Value LayerWriter::integers(StringRef name, ArrayRef<int64_t> shape) {
  return addArgument(name, shape, builder.getI32Type());
}

RowFacts LayerWriter::rowArguments(MaskAttrInterface mask, int64_t sinkHeads,
                                   Type sinksStored) {
  RowFacts rows;
  rows.lengths = integers("kv_lengths", {kAny});
  KeyInterval interval = mask.getInterval();
  if (interval.prefix)
    rows.prefix = integers("prefix_lengths", {kAny});
  if (interval.document)
    rows.documents = integers("document_ids", {kAny, kAny});
  if (sinkHeads)
    rows.sinks = argument("sinks", {sinkHeads}, sinksStored);
  return rows;
}

Value LayerWriter::maskArgument(std::optional<Type> element, int64_t heads) {
  return element ? argument("mask", {kAny, heads, kAny, kAny}, *element)
                 : Value();
}

void LayerWriter::result(StringRef name, Value tensor) {
  results.push_back(tensor);
  NamedAttribute known(kNameAttr, builder.getStringAttr(name));
  resultAttributes.push_back(builder.getDictionaryAttr(known));
}

void LayerWriter::update(Value argument, Value tensor) {
  results.push_back(tensor);
  unsigned index = cast<BlockArgument>(argument).getArgNumber();
  NamedAttribute updated(kUpdatesAttr, function.getArgAttr(index, kNameAttr));
  resultAttributes.push_back(builder.getDictionaryAttr(updated));
}

void LayerWriter::finish() {
  func::ReturnOp::create(builder, getLoc(), results);
  function.setFunctionType(builder.getFunctionType(
      function.getArgumentTypes(), ValueRange(results).getTypes()));
  for (auto [index, attributes] : llvm::enumerate(resultAttributes))
    function.setResultAttrs(index, attributes);
}

//===----------------------------------------------------------------------===//
// Steps around attention
//===----------------------------------------------------------------------===//

Value LayerWriter::linear(Value input, Value weight, Value bias,
                          bool inputMajor) {
  int64_t last = rankOf(input) - 1;
  RankedTensorType type =
      resized(input, last, shapeOf(weight)[inputMajor ? 1 : 0]);
  if (!inputMajor)
    return LinearOp::create(builder, getLoc(), type, input, weight, bias);
  Value product = MatmulOp::create(builder, getLoc(), type, input, weight);
  return bias ? add(product, bias) : product;
}

Value LayerWriter::add(Value tensor, Value other) {
  return AddOp::create(builder, getLoc(), tensor.getType(), tensor, other);
}

Value LayerWriter::applyGate(Value tensor, Value gate, GateFunction function) {
  Value factor;
  switch (function) {
  case GateFunction::Sigmoid:
    factor = SigmoidOp::create(builder, getLoc(), gate);
    break;
  case GateFunction::Silu:
    factor = SiluOp::create(builder, getLoc(), gate);
    break;
  case GateFunction::Tanh:
    factor = TanhOp::create(builder, getLoc(), gate);
    break;
  }
  return MulOp::create(builder, getLoc(), tensor.getType(), tensor, factor);
}

Value LayerWriter::headLinear(Value input, Value weight, bool transposed,
                              Type stored) {
  SmallVector<int64_t> shape(shapeOf(input));
  shape[3] = shapeOf(weight)[transposed ? 2 : 1];
  return HeadLinearOp::create(builder, getLoc(),
                              RankedTensorType::get(shape, stored), input,
                              weight, transposed);
}

Value LayerWriter::split(Value tensor, int64_t dim, int64_t outer) {
  SmallVector<int64_t> shape(shapeOf(tensor));
  shape[dim] /= outer;
  shape.insert(shape.begin() + dim, outer);
  return UnflattenOp::create(builder, getLoc(), resized(tensor, shape), tensor,
                             dim);
}

Value LayerWriter::flatten(Value tensor, int64_t dim) {
  SmallVector<int64_t> shape(shapeOf(tensor));
  shape[dim] *= shape[dim + 1];
  shape.erase(shape.begin() + dim + 1);
  return FlattenOp::create(builder, getLoc(), resized(tensor, shape), tensor,
                           dim);
}

Value LayerWriter::mergeHeads(Value tensor) {
  return flatten(tensor, rankOf(tensor) - 2);
}

Value LayerWriter::mergeGroups(Value tensor) {
  return flatten(tensor, rankOf(tensor) - 3);
}

Value LayerWriter::slice(Value tensor, int64_t dim, int64_t offset,
                         int64_t size) {
  return SliceOp::create(builder, getLoc(), resized(tensor, dim, size), tensor,
                         dim, offset);
}

Value LayerWriter::concat(ArrayRef<Value> tensors, int64_t dim,
                          StringRef name) {
  int64_t size = 0;
  for (Value tensor : tensors)
    size += shapeOf(tensor)[dim];
  return ConcatOp::create(builder, named(name),
                          resized(tensors.front(), dim, size), tensors, dim);
}

Value LayerWriter::asHead(Value rows, StringRef name) {
  SmallVector<int64_t> shape(shapeOf(rows));
  shape.insert(shape.begin() + 2, 1);
  return ExpandOp::create(builder, named(name), resized(rows, shape), rows,
                          /*dim=*/2);
}

Value LayerWriter::repeat(Value tensor, int64_t times) {
  if (times == 1)
    return tensor;
  return RepeatKvOp::create(builder, getLoc(),
                            resized(tensor, 2, shapeOf(tensor)[2] * times),
                            tensor, times);
}

Value LayerWriter::rmsNorm(Value input, Value weight, double eps,
                           FloatAttr offset) {
  return RmsNormOp::create(builder, getLoc(), input.getType(), input, weight,
                           builder.getF64FloatAttr(eps), offset);
}

Value LayerWriter::layerNorm(Value input, Value weight, double eps) {
  return LayerNormOp::create(builder, getLoc(), input.getType(), input, weight,
                             /*bias=*/nullptr, builder.getF64FloatAttr(eps));
}

Value LayerWriter::rotate(Value tensor, Value positions,
                          std::optional<RopeAttr> rope) {
  if (!rope)
    return tensor;
  return RopeOp::create(builder, getLoc(), tensor.getType(), tensor, positions,
                        *rope, /*heads_first=*/false);
}

Value LayerWriter::append(Value cache, Value fresh, Value lengths) {
  return CacheAppendOp::create(builder, getLoc(), cache.getType(), cache, fresh,
                               lengths);
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

Value LayerWriter::maskBy(Value mask, Value score) {
  if (!elementOf(mask).isInteger(1))
    return add(score, mask);
  Value hidden = NotOp::create(builder, getLoc(), mask.getType(), mask);
  return MaskedFillOp::create(builder, getLoc(), score.getType(), score, hidden,
                              APFloat::getInf(APFloat::IEEEdouble(), true));
}

std::pair<Value, Value> LayerWriter::attend(Value query, Value key, Value value,
                                            const ScoreFacts &scores,
                                            const RowFacts &rows) {
  int64_t heads = shapeOf(query)[2];
  // Whatever the tensors are stored in.
  Type f32 = builder.getF32Type();
  Type type = RankedTensorType::get({kAny, heads, kAny, kAny}, f32);
  Value score = ScoreOp::create(builder, getLoc(), type, query, key);
  if (APFloat scale(scores.scale); !scale.isExactlyValue(1.0))
    score = ScaleOp::create(builder, getLoc(), type, score, scale);
  if (scores.softcap)
    score = SoftcapOp::create(builder, getLoc(), type, score, *scores.softcap);
  if (scores.bias)
    score = PositionBiasOp::create(builder, getLoc(), type, score, rows.lengths,
                                   rows.table, scores.bias);
  if (rows.mask)
    score = maskBy(rows.mask, score);
  score = MaskOp::create(builder, getLoc(), type, score, rows.lengths,
                         rows.prefix, rows.documents, scores.mask);
  auto softmax = SoftmaxOp::create(
      builder, getLoc(), type, RankedTensorType::get({kAny, kAny, heads}, f32),
      score, rows.sinks, /*dim=*/IntegerAttr());
  Value output = WeightedSumOp::create(builder, getLoc(),
                                       resized(query, 3, shapeOf(value)[3]),
                                       softmax.getProbability(), value);
  return {output, softmax.getLse()};
}
