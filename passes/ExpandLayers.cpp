//===- ExpandLayers.cpp - declared layers become functions ----------------===//
//
// Writes each declared layer as the textbook graph of its core, or of both its
// cores: what kernels compute, step by step (semantics, items 1 to 9).
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

/// One function that a layer becomes. Names and order of its tensors are those
/// of the C call.
struct Core {
  std::string name;
  Operation *layer;
  LayersAttr layers;
  int64_t heads, kvHeads, headDim, valueDim;
  /// Keys are [latent, rope_key] and values the latent, for all heads; 0: keys
  /// and values are tensors of their own. Elements of the rope_key.
  int64_t ropeDim = 0;
  double scale;
  std::optional<APFloat> softcap = std::nullopt;
  MaskAttrInterface mask;
  bool sinks = false;
};

/// The tensors of a core.
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

static std::string nameOf(Operation *layer, StringRef scope) {
  return (SymbolTable::getSymbolName(layer).getValue() + "_" + scope).str();
}

static SmallVector<Core> coresOf(GroupedOp layer) {
  return {{.name = nameOf(layer, "core"),
           .layer = layer,
           .layers = layer.getLayersAttr(),
           .heads = int64_t(layer.getHeads()),
           .kvHeads = int64_t(layer.getKvHeads()),
           .headDim = int64_t(layer.getHeadDim()),
           .valueDim = layer.getValueSize(),
           .scale = layer.getScoreScale(),
           .softcap = layer.getSoftcap(),
           .mask = layer.getMask(),
           .sinks = layer.getSinks()}};
}

static SmallVector<Core> coresOf(LatentOp layer) {
  auto heads = int64_t(layer.getHeads());
  Core expanded = {.name = nameOf(layer, "expanded_core"),
                   .layer = layer,
                   .layers = layer.getLayersAttr(),
                   .heads = heads,
                   .kvHeads = heads,
                   .headDim = layer.getExpandedSize(),
                   .valueDim = int64_t(layer.getValueDim()),
                   .scale = layer.getScoreScale(),
                   .mask = layer.getMask()};
  Core absorbed = expanded;
  absorbed.name = nameOf(layer, "absorbed_core");
  absorbed.kvHeads = 1;
  absorbed.headDim = layer.getAbsorbedSize();
  absorbed.valueDim = layer.getKvRank();
  absorbed.ropeDim = layer.getRopeDim();
  return {expanded, absorbed};
}

static CoreTensors describeTensors(const Core &core) {
  constexpr int64_t kAny = ShapedType::kDynamic;
  MLIRContext *context = core.layer->getContext();
  Type f32 = Float32Type::get(context), i32 = IntegerType::get(context, 32);
  auto tensor = [](ArrayRef<int64_t> shape, Type element) {
    return RankedTensorType::get(shape, element);
  };
  CoreTensors tensors;
  tensors.arguments = {
      {"query", tensor({kAny, kAny, core.heads, core.headDim}, f32)}};
  if (core.ropeDim)
    tensors.arguments.append(
        {{"latent", tensor({kAny, kAny, core.valueDim}, f32)},
         {"rope_key", tensor({kAny, kAny, core.ropeDim}, f32)}});
  else
    tensors.arguments.append(
        {{"key", tensor({kAny, kAny, core.kvHeads, core.headDim}, f32)},
         {"value", tensor({kAny, kAny, core.kvHeads, core.valueDim}, f32)}});
  tensors.arguments.push_back({kLengths, tensor({kAny}, i32)});
  KeyInterval interval = core.mask.getInterval();
  if (interval.prefix)
    tensors.arguments.push_back({kPrefix, tensor({kAny}, i32)});
  if (interval.document)
    tensors.arguments.push_back({kDocuments, tensor({kAny, kAny}, i32)});
  if (core.sinks)
    tensors.arguments.push_back({kSinks, tensor({core.heads}, f32)});
  tensors.results = {
      {"output", tensor({kAny, kAny, core.heads, core.valueDim}, f32)},
      {"lse", tensor({kAny, kAny, core.heads}, f32)}};
  tensors.score = tensor({kAny, core.heads, kAny, kAny}, f32);
  return tensors;
}

static SmallVector<Type> typesOf(ArrayRef<NamedTensor> tensors) {
  return llvm::map_to_vector(
      tensors, [](const NamedTensor &tensor) -> Type { return tensor.type; });
}

/// An empty function beside the layer, its tensors named.
static func::FuncOp createFunction(OpBuilder &builder, const Core &core,
                                   const CoreTensors &tensors) {
  Location location = core.layer->getLoc();
  auto function =
      func::FuncOp::create(builder, location, core.name,
                           builder.getFunctionType(typesOf(tensors.arguments),
                                                   typesOf(tensors.results)));
  function->setAttr(kLayersAttr, core.layers);
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
        NameLoc::get(builder.getStringAttr(tensor.name), location));
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

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

/// repeat_kv, or the tensor itself where every query head has its own.
static Value createRepeat(OpBuilder &builder, const Core &core, Value input) {
  int64_t times = core.heads / core.kvHeads;
  if (times == 1)
    return input;
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[2] = core.heads;
  return RepeatKvOp::create(builder, core.layer->getLoc(), type.clone(shape),
                            input, times);
}

/// [batch, keys, size] as one head: [batch, keys, 1, size].
static Value createHead(OpBuilder &builder, const Core &core, StringRef name,
                        Value rows) {
  auto type = cast<RankedTensorType>(rows.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.insert(shape.begin() + 2, 1);
  Location location =
      NameLoc::get(builder.getStringAttr(name), core.layer->getLoc());
  return ExpandOp::create(builder, location, type.clone(shape), rows,
                          /*dim=*/2);
}

/// Key and value of every query head; one head for all where the layer is
/// absorbed: `key = [latent, rope_key]`, `value = latent`.
static std::pair<Value, Value> createKeys(OpBuilder &builder, const Core &core,
                                          ValueRange arguments) {
  if (!core.ropeDim)
    return {createRepeat(builder, core, arguments[1]),
            createRepeat(builder, core, arguments[2])};
  Value latent = createHead(builder, core, "latent_head", arguments[1]);
  Value rope = createHead(builder, core, "rope_head", arguments[2]);
  auto type = cast<RankedTensorType>(latent.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[3] = core.headDim;
  Location location =
      NameLoc::get(builder.getStringAttr("key"), core.layer->getLoc());
  Value key = ConcatOp::create(builder, location, type.clone(shape),
                               ValueRange{latent, rope}, /*dim=*/3);
  return {key, latent};
}

/// scale, softcap and mask of the scores, each where the layer has it.
static Value createScoreSteps(OpBuilder &builder, const Core &core, Value score,
                              func::FuncOp function) {
  Location location = core.layer->getLoc();
  Type type = score.getType();
  if (APFloat scale(core.scale); !scale.isExactlyValue(1.0))
    score = ScaleOp::create(builder, location, type, score, scale);
  if (core.softcap)
    score = SoftcapOp::create(builder, location, type, score, *core.softcap);
  return MaskOp::create(builder, location, type, score,
                        findArgument(function, kLengths),
                        findArgument(function, kPrefix),
                        findArgument(function, kDocuments), core.mask);
}

/// softmax(mask(softcap(scale * query . key)), sinks) . value
static void createBody(OpBuilder &builder, const Core &core,
                       func::FuncOp function, const CoreTensors &tensors) {
  Location location = core.layer->getLoc();
  builder.setInsertionPointToStart(&function.getBody().front());
  Value query = function.getArgument(0);
  auto [key, value] = createKeys(builder, core, function.getArguments());
  Value score = ScoreOp::create(builder, location, tensors.score, query, key);
  score = createScoreSteps(builder, core, score, function);
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

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// "wrote 61 layers as 'NAME_core': 32 query heads over 8 key/value heads ..."
static void remarkWritten(const Core &core) {
  std::string text =
      ("wrote " + Twine(core.layers.getNumbers().size()) + " layers as '" +
       core.name + "': " + Twine(core.heads) + " query heads over " +
       Twine(core.kvHeads) + " key/value heads of size " + Twine(core.headDim))
          .str();
  if (core.ropeDim)
    text +=
        (", whose first " + Twine(core.valueDim) + " elements are the value")
            .str();
  remarkPassed(core.layer, DEBUG_TYPE, text);
}

/// Says where the declared maximum of positions decides the rotation.
template <typename OpTy>
static void remarkChoice(OpTy layer) {
  RopeScalingInterface scaling =
      layer.getPosition() ? layer.getPosition()->getScaling() : nullptr;
  std::string choice = scaling ? scaling.describeChoice() : "";
  if (!choice.empty())
    remarkFound(layer, DEBUG_TYPE, "rotation takes " + choice);
}

namespace {
// attn.grouped @NAME -> func.func @NAME_core
// attn.latent @NAME -> func.func @NAME_expanded_core, @NAME_absorbed_core
template <typename OpTy>
struct ExpandLayer : OpConversionPattern<OpTy> {
  using OpConversionPattern<OpTy>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(OpTy layer, typename OpTy::Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    for (const Core &core : coresOf(layer)) {
      OpBuilder::InsertionGuard guard(rewriter);
      CoreTensors tensors = describeTensors(core);
      func::FuncOp function = createFunction(rewriter, core, tensors);
      createBody(rewriter, core, function, tensors);
      remarkWritten(core);
    }
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
template <typename OpTy>
static LogicalResult checkSymbols(ModuleOp module) {
  for (OpTy layer : module.getOps<OpTy>())
    for (const Core &core : coresOf(layer)) {
      Operation *other = SymbolTable::lookupSymbolIn(module, core.name);
      if (!other)
        continue;
      InFlightDiagnostic error = layer.emitOpError()
                                 << "expands to '" << core.name
                                 << "', which exists already";
      error.attachNote(other->getLoc())
          << "'" << core.name << "' is defined here";
      return failure();
    }
  return success();
}

void ExpandLayersPass::runOnOperation() {
  if (failed(checkSymbols<GroupedOp>(getOperation())) ||
      failed(checkSymbols<LatentOp>(getOperation())))
    return signalPassFailure();
  ConversionTarget target(getContext());
  target.addIllegalOp<GroupedOp, LatentOp>();
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  RewritePatternSet patterns(&getContext());
  patterns.add<ExpandLayer<GroupedOp>, ExpandLayer<LatentOp>>(&getContext());
  if (failed(
          applyPartialConversion(getOperation(), target, std::move(patterns))))
    signalPassFailure();
}
