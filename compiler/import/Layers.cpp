//===- Layers.cpp - The attention layers that a config declares -----------===//
//
// Applies the rules of a family's row to the fields of a file. The order is
// that of the configuration classes: counts, head size, position, windows,
// scale.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/Layers.h"

#include "compiler/import/LayerWindows.h"

#include "dialects/attn/AttnDialect.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace attn;
using llvm::StringRef;
using llvm::Twine;

//===----------------------------------------------------------------------===//
// Fields
//===----------------------------------------------------------------------===//

/// The spelling of `field` that the file uses.
static StringRef keyOf(const Config &config, const IntegerField &field) {
  bool useAlias = !field.alias.empty() && !config.has(field.name) &&
                  config.has(field.alias);
  return useAlias ? field.alias : field.name;
}

int64_t attn::readInteger(const Config &config, const IntegerField &field,
                          IntegerRange range) {
  StringRef key = keyOf(config, field);
  if (config.isNull(key))
    config.error(key, "expected an integer, found null");
  return config.integer(key, range).value_or(field.standard);
}

bool attn::readFlag(const Config &config, StringRef key, bool standard) {
  return config.boolean(key).value_or(standard);
}

/// Where the fields of attention stand.
static Config attentionOf(const Config &config, const ModelSpec &model) {
  std::optional<Config> nested;
  if (!model.attention.empty())
    nested.emplace(config.child(model.attention).value_or(config));
  return nested.value_or(config);
}

//===----------------------------------------------------------------------===//
// Geometry
//===----------------------------------------------------------------------===//

static int64_t readKvHeads(const Config &config, const ModelSpec &model,
                           int64_t heads) {
  if (model.kvHeadsRule == KvHeadsRule::AllHeads)
    return heads;
  StringRef key = model.kvHeads.name;
  if (config.isNull(key) && !model.kvHeadsMayBeNull)
    config.error(key, "expected an integer, found null");
  std::optional<int64_t> given = config.integer(key, kCounts);
  int64_t standard = model.kvHeads.standard;
  int64_t count = given                                 ? *given
                  : config.isNull(key) || standard == 0 ? heads
                                                        : standard;
  if (model.kvHeadsRule == KvHeadsRule::Falcon &&
      !readFlag(config, "new_decoder_architecture", false))
    return readFlag(config, "multi_query", true) ? 1 : heads;
  if (count && heads % count != 0)
    config.error(key, Twine(count) + " does not divide " +
                          keyOf(config, model.heads) + " " + Twine(heads));
  return count;
}

static int64_t readHeadDim(const Config &config, const ModelSpec &model,
                           int64_t hidden, int64_t heads) {
  StringRef key = model.headDim.name;
  if (!key.empty()) {
    if (std::optional<int64_t> given = config.integer(key, kHeadSizes))
      return *given;
    if (model.headDim.standard && !config.isNull(key))
      return model.headDim.standard;
  }
  if (hidden % heads != 0)
    config.error(keyOf(config, model.heads),
                 Twine(heads) + " does not divide " +
                     keyOf(config, model.hidden) + " " + Twine(hidden));
  return std::max<int64_t>(hidden / heads, 1);
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

static void applyScale(const Config &config, const ModelSpec &model,
                       std::vector<LayerSpec> &layers) {
  double standard = 1 / std::sqrt(double(layers.front().headDim));
  auto set = [&](LayerSpec &layer, double scale) {
    if (scale != standard)
      layer.scale = scale;
  };
  switch (model.scale) {
  case ScaleRule::InverseSqrtHeadDim:
    return;
  case ScaleRule::QueryPreAttnScalar: {
    StringRef key = "query_pre_attn_scalar";
    if (config.isNull(key))
      config.error(key, "expected a number over 0, found null");
    double scalar = config.positive(key).value_or(256);
    if (!isScoreFactor(1 / std::sqrt(scalar)))
      config.error(key, "its inverse square root is not finite in f32");
    for (LayerSpec &layer : layers)
      set(layer, 1 / std::sqrt(scalar));
    return;
  }
  case ScaleRule::SoftmaxScale: {
    Config attention = attentionOf(config, model);
    StringRef key = "softmax_scale";
    double scale = attention.number(key).value_or(standard);
    if (!isScoreFactor(scale))
      attention.error(key, "is not finite in f32");
    for (LayerSpec &layer : layers)
      set(layer, scale);
    return;
  }
  case ScaleRule::Gpt2: {
    bool scaled = readFlag(config, "scale_attn_weights", true);
    bool byLayer = readFlag(config, "scale_attn_by_inverse_layer_idx", false);
    for (auto [index, layer] : llvm::enumerate(layers))
      set(layer, (scaled ? standard : 1) / (byLayer ? double(index + 1) : 1));
    return;
  }
  }
}

/// Nothing where the scores have no factor but that of the head size.
static std::optional<double> latentScale(const Config &config,
                                         const LatentSpec &latent) {
  double factor = readScoreFactor(config);
  if (factor == 1)
    return std::nullopt;
  double scale = factor / std::sqrt(double(latent.nopeDim + latent.ropeDim));
  if (!isScoreFactor(scale))
    config.error("rope_scaling", "its mscale_all_dim makes scores infinite");
  return scale;
}

static void applySoftcap(const Config &config, const ModelSpec &model,
                         std::vector<LayerSpec> &layers) {
  StringRef key = model.softcap;
  if (key.empty() || config.isNull(key))
    return;
  double cap = config.positive(key).value_or(model.standardSoftcap);
  if (cap == 0)
    return;
  if (!isScoreCap(cap))
    config.error(key, "is not a positive finite number in f32");
  for (LayerSpec &layer : layers)
    layer.softcap = cap;
}

//===----------------------------------------------------------------------===//
// Norms and projections
//===----------------------------------------------------------------------===//

static bool readFlag(const Config &config, const FlagField &field) {
  return field.name.empty() ? field.standard
                            : readFlag(config, field.name, field.standard);
}

static mlir::FloatAttr toAttribute(mlir::MLIRContext *context, double value) {
  return mlir::Builder(context).getF64FloatAttr(value);
}

static NormAttr readNorm(const Config &config, const NormFields &fields) {
  double epsilon = config.number(fields.epsilon).value_or(fields.standard);
  if (epsilon < 0)
    config.error(
        fields.epsilon,
        llvm::formatv("is {0}, expected a number of at least 0", epsilon)
            .str());
  mlir::MLIRContext *context = &config.getContext();
  return NormAttr::get(context, NormKind::Rms,
                       toAttribute(context, std::max(epsilon, 0.0)),
                       fields.offset == 0 ? mlir::FloatAttr()
                                          : toAttribute(context, fields.offset),
                       NormSpan::Head, /*weighted=*/true);
}

static ProjectionsAttr spellWeights(mlir::MLIRContext *context,
                                    const WeightNames &names) {
  auto name = [&](StringRef text) {
    return text.empty() ? mlir::StringAttr()
                        : mlir::StringAttr::get(context, text);
  };
  return ProjectionsAttr::get(context, name(names.packed),
                              names.grouped ? Packing::Grouped
                                            : Packing::Stacked,
                              name(names.output), names.inputMajor);
}

static void applyProjections(const Config &config, const ModelSpec &model,
                             std::vector<LayerSpec> &layers) {
  LayerSpec read;
  read.qkvBias = readFlag(config, model.qkvBias);
  read.outputBias = readFlag(config, model.outputBias);
  if (model.qkNorm)
    read.qkNorm = readNorm(config, *model.qkNorm);
  if (model.queryGate)
    read.gate = GateAttr::get(&config.getContext(), GateFunction::Sigmoid,
                              GateSpan::Element, mlir::StringAttr(), false);
  if (model.weights)
    read.projections = spellWeights(&config.getContext(), *model.weights);
  for (LayerSpec &layer : layers) {
    layer.qkvBias = read.qkvBias;
    layer.outputBias = read.outputBias;
    layer.qkNorm = read.qkNorm;
    layer.gate = read.gate;
    layer.projections = read.projections;
  }
}

//===----------------------------------------------------------------------===//
// Positions and refusals
//===----------------------------------------------------------------------===//

static void refuseAll(std::vector<LayerSpec> &layers, const Twine &why) {
  for (LayerSpec &layer : layers)
    if (layer.refusal.empty())
      layer.refusal = why.str();
}

static mlir::FloatAttr
toAttributeUnless(double standard, mlir::MLIRContext *context, double value) {
  return value == standard ? mlir::FloatAttr() : toAttribute(context, value);
}

static void applyAlibi(const Config &config, const ModelSpec &model,
                       std::vector<LayerSpec> &layers) {
  mlir::MLIRContext *context = &config.getContext();
  const AlibiFields &fields = model.alibi;
  double maxBias = 8;
  if (!fields.maxBias.empty())
    maxBias = attentionOf(config, model).positive(fields.maxBias).value_or(8);
  if (fields.timesScaled > 1)
    config.warning("alibi", "added twice, as eager attention of transformers "
                            "does; its sdpa attention adds it once");
  for (LayerSpec &layer : layers) {
    double scale = layer.scale.value_or(1 / std::sqrt(double(layer.headDim)));
    bool isScaled = fields.timesScaled != 0;
    layer.alibi = AlibiAttr::get(
        context, fields.ceilPower ? Slopes::CeilPower : Slopes::FloorPower,
        fields.ofKeys ? Distance::Key : Distance::Signed,
        toAttributeUnless(8, context, maxBias),
        toAttributeUnless(1, context,
                          isScaled ? fields.timesScaled * scale : 1),
        isScaled ? mlir::BFloat16Type::get(context) : mlir::Type(),
        Alignment::BottomRight);
  }
}

static void applyPosition(const Config &config, const ModelSpec &model,
                          const std::vector<bool> &sliding,
                          std::vector<LayerSpec> &layers) {
  if (model.position == PositionRule::None)
    return;
  if (model.position == PositionRule::Alibi ||
      (model.position == PositionRule::RopeOrAlibi &&
       readFlag(config, "alibi", false)))
    return applyAlibi(config, model, layers);
  const LayerSpec &first = layers.front();
  // The rotated part of a latent head is all that the rotation knows of.
  int64_t rotated = first.latent ? first.latent->ropeDim : first.headDim;
  RopeParameters rope = readRope(config, model, rotated);
  for (auto [index, layer] : llvm::enumerate(layers))
    layer.rope = sliding[index] ? rope.sliding : rope.full;
}

/// The largest of the head sizes that kernels of `layer` would have.
static int64_t largestHead(const LayerSpec &layer) {
  if (!layer.latent)
    return layer.headDim;
  const LatentSpec &latent = *layer.latent;
  return std::max({latent.nopeDim + latent.ropeDim,
                   latent.kvRank + latent.ropeDim, latent.valueDim});
}

/// What mpt's fields may ask for.
static void refuseFields(const Config &attention,
                         std::vector<LayerSpec> &layers) {
  if (attention.positive("clip_qkv"))
    refuseAll(layers, "clip_qkv is not supported");
  for (StringRef key : {"prefix_lm", "qk_ln"})
    if (readFlag(attention, key, false))
      refuseAll(layers, key + " is not supported");
  if (!readFlag(attention, "alibi", true))
    refuseAll(layers, "attention without alibi is not supported");
  StringRef type = "multihead_attention";
  if (attention.string("attn_type").value_or(type.str()) != type)
    refuseAll(layers, "attn_type is not " + type);
}

static void applyRefusals(const Config &config, const ModelSpec &model,
                          std::vector<LayerSpec> &layers) {
  if (!model.attention.empty())
    refuseFields(attentionOf(config, model), layers);
  int64_t headDim = largestHead(layers.front());
  if (headDim > GroupedOp::kMaxHeadDim)
    refuseAll(layers, Twine("head size ") + Twine(headDim) + " is over " +
                          Twine(GroupedOp::kMaxHeadDim));
  if (readFlag(config, "use_bidirectional_attention", false))
    refuseAll(layers, "use_bidirectional_attention is not supported");
  if (readFlag(config, "add_cross_attention", false))
    config.warning("add_cross_attention",
                   "cross-attention layers are not imported");
  if (config.child("per_layer_config"))
    refuseAll(layers, "per_layer_config is not supported");
}

//===----------------------------------------------------------------------===//
// The whole file
//===----------------------------------------------------------------------===//

const ModelSpec *attn::readModel(const Config &config) {
  std::optional<std::string> type = config.string("model_type");
  if (config.hasFailed())
    return nullptr;
  if (!type) {
    config.error("model_type", "missing, it decides what the fields mean");
    return nullptr;
  }
  if (const ModelSpec *model = findModel(*type))
    return model;
  std::string known;
  for (const ModelSpec &model : modelTable())
    known += (known.empty() ? "" : ", ") + std::string(model.modelType);
  config.error("model_type",
               Twine("unknown model_type '") + *type + "', known: " + known +
                   "; write the layer in the attn dialect, or add the family "
                   "(compiler/import/adding-a-model.md)");
  return nullptr;
}

std::optional<Dtype> attn::readDtype(const Config &config, StringRef &key) {
  key =
      config.has("dtype") && !config.isNull("dtype") ? "dtype" : "torch_dtype";
  std::optional<std::string> name = config.string(key);
  if (!name)
    return std::nullopt;
  StringRef word = *name;
  word.consume_front("torch.");
  if (word == "float32")
    return Dtype::F32;
  if (word == "bfloat16")
    return Dtype::BF16;
  if (word == "float16")
    return Dtype::F16;
  config.error(key, Twine("unknown type '") + *name +
                        "', expected float32, bfloat16 or float16");
  return std::nullopt;
}

std::vector<LayerSpec> attn::readLayers(const Config &config,
                                        const ModelSpec &model) {
  config.getContext().getOrLoadDialect<AttnDialect>();
  LayerSpec layer;
  layer.hidden = readInteger(config, model.hidden, kSizes);
  layer.heads = readInteger(config, model.heads, kCounts);
  int64_t count = readInteger(config, model.layers, kCounts);
  if (model.latent) {
    layer.latent = readLatent(config, *model.latent, layer.heads);
    layer.scale = latentScale(config, *layer.latent);
  } else {
    layer.kvHeads = readKvHeads(config, model, layer.heads);
    layer.headDim = readHeadDim(config, model, layer.hidden, layer.heads);
  }
  layer.sinks = model.sinks;
  std::vector<LayerSpec> layers(count, layer);

  std::vector<bool> sliding = applyWindows(config, model, layers);
  applyScale(config, model, layers);
  applySoftcap(config, model, layers);
  applyProjections(config, model, layers);
  applyPosition(config, model, sliding, layers);
  applyRefusals(config, model, layers);
  if (config.hasFailed())
    layers.clear();
  return layers;
}
