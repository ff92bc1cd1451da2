//===- ExpandLayers.cpp - declared layers become functions ----------------===//
//
// Writes each attn.grouped as the textbook graph of its core: what every
// kernel computes, step by step (semantics, items 1 to 8).
//
//===----------------------------------------------------------------------===//

#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/DialectConversion.h"
#include "passes/Passes.h"
#include "passes/Rewriting.h"

#define DEBUG_TYPE "attn-expand-layers"

namespace attn {
#define GEN_PASS_DEF_EXPANDLAYERS
#include "passes/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
/// A tensor with the name that users know it by.
struct NamedTensor {
  StringRef name;
  RankedTensorType type;
};

/// The tensors of a layer's core; names and order are those of the C call.
struct CoreTensors {
  SmallVector<NamedTensor> arguments;
  SmallVector<NamedTensor> results;
  RankedTensorType score;
};
} // namespace

// What callers know the arguments by.
static constexpr StringLiteral kLengths = "kv_lengths",
                               kPrefix = "prefix_lengths",
                               kDocuments = "document_ids", kSinks = "sinks";

static CoreTensors describeTensors(GroupedOp layer) {
  constexpr int64_t kAny = ShapedType::kDynamic;
  Type f32 = Float32Type::get(layer.getContext());
  Type i32 = IntegerType::get(layer.getContext(), 32);
  auto tensor = [](ArrayRef<int64_t> shape, Type element) {
    return RankedTensorType::get(shape, element);
  };
  int64_t heads = layer.getHeads(), kvHeads = layer.getKvHeads();
  int64_t headDim = layer.getHeadDim(), valueDim = layer.getValueSize();
  CoreTensors tensors;
  tensors.arguments = {{"query", tensor({kAny, kAny, heads, headDim}, f32)},
                       {"key", tensor({kAny, kAny, kvHeads, headDim}, f32)},
                       {"value", tensor({kAny, kAny, kvHeads, valueDim}, f32)},
                       {kLengths, tensor({kAny}, i32)}};
  KeyInterval interval = layer.getMask().getInterval();
  if (interval.prefix)
    tensors.arguments.push_back({kPrefix, tensor({kAny}, i32)});
  if (interval.document)
    tensors.arguments.push_back({kDocuments, tensor({kAny, kAny}, i32)});
  if (layer.getSinks())
    tensors.arguments.push_back({kSinks, tensor({heads}, f32)});
  tensors.results = {{"output", tensor({kAny, kAny, heads, valueDim}, f32)},
                     {"lse", tensor({kAny, kAny, heads}, f32)}};
  tensors.score = tensor({kAny, heads, kAny, kAny}, f32);
  return tensors;
}

static SmallVector<Type> typesOf(ArrayRef<NamedTensor> tensors) {
  return llvm::map_to_vector(
      tensors, [](const NamedTensor &tensor) -> Type { return tensor.type; });
}

/// An empty function @NAME_core beside `layer`, its tensors named.
static func::FuncOp createCore(OpBuilder &builder, GroupedOp layer,
                               const CoreTensors &tensors) {
  auto function = func::FuncOp::create(
      builder, layer.getLoc(), (layer.getSymName() + "_core").str(),
      builder.getFunctionType(typesOf(tensors.arguments),
                              typesOf(tensors.results)));
  function->setAttr(kLayersAttr, layer.getLayersAttr());
  function->setAttr(kScopeAttr, KernelScopeAttr::get(builder.getContext(),
                                                     KernelScope::Core));
  for (auto [i, tensor] : llvm::enumerate(tensors.arguments))
    function.setArgAttr(i, kNameAttr, builder.getStringAttr(tensor.name));
  for (auto [i, tensor] : llvm::enumerate(tensors.results))
    function.setResultAttr(i, kNameAttr, builder.getStringAttr(tensor.name));
  Block *body = builder.createBlock(&function.getBody());
  for (const NamedTensor &tensor : tensors.arguments)
    body->addArgument(
        tensor.type,
        NameLoc::get(builder.getStringAttr(tensor.name), layer.getLoc()));
  return function;
}

/// The argument that callers know by `name`; null if there is none.
static Value findArgument(func::FuncOp function, StringRef name) {
  for (BlockArgument argument : function.getArguments())
    if (function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                              kNameAttr) == name)
      return argument;
  return {};
}

/// repeat_kv, or the tensor itself where every query head has its own.
static Value createRepeat(OpBuilder &builder, GroupedOp layer, Value input) {
  int64_t times = layer.getHeads() / layer.getKvHeads();
  if (times == 1)
    return input;
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[2] = layer.getHeads();
  return RepeatKvOp::create(builder, layer.getLoc(), type.clone(shape), input,
                            times);
}

/// scale, softcap and mask of the scores, each where the layer has it.
static Value createScoreSteps(OpBuilder &builder, GroupedOp layer, Value score,
                              func::FuncOp function) {
  Location location = layer.getLoc();
  Type type = score.getType();
  if (APFloat scale(layer.getScoreScale()); !scale.isExactlyValue(1.0))
    score = ScaleOp::create(builder, location, type, score, scale);
  if (std::optional<APFloat> cap = layer.getSoftcap())
    score = SoftcapOp::create(builder, location, type, score, *cap);
  return MaskOp::create(builder, location, type, score,
                        findArgument(function, kLengths),
                        findArgument(function, kPrefix),
                        findArgument(function, kDocuments), layer.getMask());
}

/// softmax(mask(softcap(scale * query . key)), sinks) . value
static void createBody(OpBuilder &builder, GroupedOp layer,
                       func::FuncOp function, const CoreTensors &tensors) {
  Location location = layer.getLoc();
  builder.setInsertionPointToStart(&function.getBody().front());
  Value query = function.getArgument(0);
  Value key = createRepeat(builder, layer, function.getArgument(1));
  Value value = createRepeat(builder, layer, function.getArgument(2));
  Value score = ScoreOp::create(builder, location, tensors.score, query, key);
  score = createScoreSteps(builder, layer, score, function);
  auto softmax = SoftmaxOp::create(builder, location, tensors.score,
                                   tensors.results[1].type, score,
                                   findArgument(function, kSinks),
                                   /*dim=*/IntegerAttr());
  Value output =
      WeightedSumOp::create(builder, location, tensors.results[0].type,
                            softmax.getProbability(), value);
  func::ReturnOp::create(builder, location,
                         ValueRange{output, softmax.getLse()});
}

/// Says where the declared maximum of positions decides the rotation.
static void remarkChoice(GroupedOp layer) {
  RopeScalingInterface scaling =
      layer.getPosition() ? layer.getPosition()->getScaling() : nullptr;
  std::string choice = scaling ? scaling.describeChoice() : "";
  if (!choice.empty())
    remarkFound(layer, DEBUG_TYPE, "rotation takes " + choice);
}

namespace {
// attn.grouped @NAME -> func.func @NAME_core
struct ExpandGrouped : OpConversionPattern<GroupedOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(GroupedOp layer, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    CoreTensors tensors = describeTensors(layer);
    func::FuncOp function = createCore(rewriter, layer, tensors);
    createBody(rewriter, layer, function, tensors);
    remarkPassed(layer, DEBUG_TYPE,
                 "wrote " + Twine(layer.getLayers().size()) + " layers as '" +
                     function.getSymName() + "': " + Twine(layer.getHeads()) +
                     " query heads over " + Twine(layer.getKvHeads()) +
                     " key/value heads of size " + Twine(layer.getHeadDim()));
    remarkChoice(layer);
    rewriter.eraseOp(layer);
    return success();
  }
};

struct ExpandLayersPass : attn::impl::ExpandLayersBase<ExpandLayersPass> {
  using Base::Base;
  void runOnOperation() override;
};
} // namespace

/// Functions get new symbols: none of them may exist.
static LogicalResult checkSymbols(ModuleOp module) {
  for (auto layer : module.getOps<GroupedOp>()) {
    std::string name = (layer.getSymName() + "_core").str();
    Operation *other = SymbolTable::lookupSymbolIn(module, name);
    if (!other)
      continue;
    InFlightDiagnostic error = layer.emitOpError() << "expands to '" << name
                                                   << "', which exists already";
    error.attachNote(other->getLoc()) << "'" << name << "' is defined here";
    return failure();
  }
  return success();
}

void ExpandLayersPass::runOnOperation() {
  if (failed(checkSymbols(getOperation())))
    return signalPassFailure();
  ConversionTarget target(getContext());
  target.addIllegalOp<GroupedOp>();
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  RewritePatternSet patterns(&getContext());
  patterns.add<ExpandGrouped>(&getContext());
  if (failed(
          applyPartialConversion(getOperation(), target, std::move(patterns))))
    signalPassFailure();
}
