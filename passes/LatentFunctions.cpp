//===- LatentFunctions.cpp - scopes of attn.latent ------------------------===//
//
// Attention alone comes in both forms. Where projections are in reach they are
// written as the model card has them, and attn-absorb-projections chooses.
//
//===----------------------------------------------------------------------===//

#include "passes/LatentCosts.h"
#include "passes/LayerWriter.h"
#include "passes/TensorTypes.h"

#include <limits>

using namespace mlir;
using namespace attn;

static constexpr int64_t kAny = ShapedType::kDynamic;

/// A context that decides between the forms: a few pages of text.
static constexpr double kContext = 4096;

/// The queries of a sequence below which the absorbed form has less work; 0
/// where it never has, nothing where it always has.
static std::optional<int64_t> mostAbsorbedQueries(LatentOp layer) {
  LatentGeometry geometry = {
      int64_t(layer.getHeads()), int64_t(layer.getKvRank()),
      int64_t(layer.getNopeDim()), int64_t(layer.getRopeDim()),
      int64_t(layer.getValueDim())};
  double crossover = crossoverQueryLength(geometry, kContext);
  // No call has more queries than an i32 counts.
  if (!(crossover < double(std::numeric_limits<int32_t>::max())))
    return std::nullopt;
  return static_cast<int64_t>(crossover);
}

/// One function where one form is always cheaper, else one for few queries and
/// one for many.
static void addForms(LatentOp layer, KernelScope scope,
                     SmallVectorImpl<LayerFunction> &functions) {
  std::string name =
      (layer.getSymName() + "_" + stringifyKernelScope(scope)).str();
  std::optional<int64_t> most = mostAbsorbedQueries(layer);
  if (!most || *most == 0) {
    functions.push_back({.name = name, .scope = scope});
    return;
  }
  functions.push_back({.name = name + "_decode",
                       .scope = scope,
                       .kernel = name,
                       .maxQueries = *most});
  functions.push_back(
      {.name = name + "_prefill", .scope = scope, .kernel = name});
}

SmallVector<LayerFunction> attn::functionsOf(LatentOp layer,
                                             ArrayRef<KernelScope> scopes) {
  SmallVector<LayerFunction> functions;
  for (KernelScope scope : scopes) {
    if (scope != KernelScope::Core) {
      addForms(layer, scope, functions);
      continue;
    }
    for (bool isAbsorbed : {false, true})
      functions.push_back(
          {.name = (layer.getSymName() +
                    (isAbsorbed ? "_absorbed_core" : "_expanded_core"))
                       .str(),
           .scope = scope,
           .isAbsorbed = isAbsorbed});
  }
  return functions;
}

namespace {
/// The function of one scope.
class LatentWriter {
public:
  LatentWriter(OpBuilder &builder, LatentOp layer,
               const LayerFunction &function)
      : layer(layer), heads(layer.getHeads()),
        w(builder, layer, function, layer.getLayersAttr()) {}

  void writeExpandedCore();
  void writeAbsorbedCore();
  void writeAttend();
  void writeLayer();

private:
  void cacheArguments();
  Value linear(Value input, StringRef name, int64_t outputs, bool hasBias);
  Value norm(Value rows, StringRef name);
  Value queryRows(Value hidden);
  Value rotated(Value query);
  std::pair<Value, Value> keysAndValues(Value latent, Value rope);
  Value attend(Value query, Value latentAndRope);
  void finishCore(std::pair<Value, Value> results);

  ScoreFacts scores() {
    return {layer.getScoreScale(), std::nullopt, layer.getMask()};
  }

  LatentOp layer;
  int64_t heads;
  LayerWriter w;
  Value positions, latentCache, ropeCache;
  RowFacts rows;
};
} // namespace

//===----------------------------------------------------------------------===//
// Attention alone
//===----------------------------------------------------------------------===//

void LatentWriter::finishCore(std::pair<Value, Value> results) {
  w.result("output", results.first);
  w.result("lse", results.second);
  w.finish();
}

void LatentWriter::writeExpandedCore() {
  int64_t size = layer.getExpandedSize();
  StorageAttr stored = storageOf(layer);
  Value query =
      w.argument("query", {kAny, kAny, heads, size}, stored.getActivation());
  Value key = w.argument("key", {kAny, kAny, heads, size}, stored.getKey());
  Value value =
      w.argument("value", {kAny, kAny, heads, int64_t(layer.getValueDim())},
                 stored.getValue());
  rows = w.rowArguments(layer.getMask(), /*sinkHeads=*/0);
  finishCore(w.attend(query, key, value, scores(), rows));
}

/// One head for all: `key = [latent, rope_key]`, `value = latent`.
void LatentWriter::writeAbsorbedCore() {
  StorageAttr stored = storageOf(layer);
  Value query =
      w.argument("query", {kAny, kAny, heads, layer.getAbsorbedSize()},
                 stored.getActivation());
  Value latent = w.argument("latent", {kAny, kAny, int64_t(layer.getKvRank())},
                            stored.getValue());
  Value rope = w.argument("rope_key", {kAny, kAny, int64_t(layer.getRopeDim())},
                          stored.getKey());
  rows = w.rowArguments(layer.getMask(), /*sinkHeads=*/0);
  Value value = w.asHead(latent, "latent_head");
  Value key = w.concat({value, w.asHead(rope, "rope_head")}, /*dim=*/3, "key");
  finishCore(w.attend(query, key, value, scores(), rows));
}

//===----------------------------------------------------------------------===//
// Projections
//===----------------------------------------------------------------------===//

void LatentWriter::cacheArguments() {
  if (layer.getPosition())
    positions = w.integers("position_ids", {kAny, kAny});
  StorageAttr stored = storageOf(layer);
  latentCache =
      w.argument("latent_cache", {kAny, kAny, int64_t(layer.getKvRank())},
                 stored.getValue());
  ropeCache =
      w.argument("rope_key_cache", {kAny, kAny, int64_t(layer.getRopeDim())},
                 stored.getKey());
  rows = w.rowArguments(layer.getMask(), /*sinkHeads=*/0);
}

Value LatentWriter::linear(Value input, StringRef name, int64_t outputs,
                           bool hasBias) {
  Value weight =
      w.argument((name + ".weight").str(), {outputs, shapeOf(input).back()});
  Value bias;
  if (hasBias)
    bias = w.argument((name + ".bias").str(), {outputs});
  return w.linear(input, weight, bias);
}

Value LatentWriter::norm(Value rows, StringRef name) {
  Value weight = w.argument((name + ".weight").str(), shapeOf(rows).back());
  return w.rmsNorm(rows, weight, layer.getNormEpsilon());
}

/// Straight from the hidden states, or by way of a compressed row.
Value LatentWriter::queryRows(Value hidden) {
  int64_t width = heads * layer.getExpandedSize();
  std::optional<int64_t> rank = layer.getQueryRank();
  if (!rank)
    return linear(hidden, "q_proj", width, /*hasBias=*/false);
  Value compressed =
      linear(hidden, "q_a_proj", *rank, layer.getProjectionBias());
  return linear(norm(compressed, "q_a_layernorm"), "q_b_proj", width,
                /*hasBias=*/false);
}

//===----------------------------------------------------------------------===//
// Attention with its projections
//===----------------------------------------------------------------------===//

/// The last dims of each head rotate.
Value LatentWriter::rotated(Value query) {
  int64_t nope = layer.getNopeDim(), rope = layer.getRopeDim();
  Value still = w.slice(query, 3, 0, nope);
  Value turned =
      w.rotate(w.slice(query, 3, nope, rope), positions, layer.getPosition());
  return w.concat({still, turned}, /*dim=*/3, "query");
}

/// Of every head, from what the caches hold.
std::pair<Value, Value> LatentWriter::keysAndValues(Value latent, Value rope) {
  int64_t nope = layer.getNopeDim(), value = layer.getValueDim();
  Value expanded =
      linear(latent, "kv_b_proj", heads * (nope + value), /*hasBias=*/false);
  Value both = w.splitHeads(expanded, heads);
  Value shared = w.repeat(w.asHead(rope, "rope_head"), heads);
  Value key = w.concat({w.slice(both, 3, 0, nope), shared}, /*dim=*/3, "key");
  return {key, w.slice(both, 3, nope, value)};
}

/// `query` as projected heads, `latentAndRope` as projected rows.
Value LatentWriter::attend(Value query, Value latentAndRope) {
  int64_t rank = layer.getKvRank(), rope = layer.getRopeDim();
  Value latent = norm(w.slice(latentAndRope, 2, 0, rank), "kv_a_layernorm");
  Value ropeHead = w.asHead(w.slice(latentAndRope, 2, rank, rope), "rope_head");
  Value turned =
      w.mergeHeads(w.rotate(ropeHead, positions, layer.getPosition()));
  Value latents = w.append(latentCache, latent, rows.lengths);
  Value ropes = w.append(ropeCache, turned, rows.lengths);
  auto [key, value] = keysAndValues(latents, ropes);
  Value output = w.attend(rotated(query), key, value, scores(), rows).first;
  w.update(latentCache, latents);
  w.update(ropeCache, ropes);
  return output;
}

void LatentWriter::writeAttend() {
  Value query =
      w.argument("query", {kAny, kAny, heads, layer.getExpandedSize()});
  Value latentAndRope =
      w.argument("latent_and_rope_key", {kAny, kAny, layer.getAbsorbedSize()});
  cacheArguments();
  w.result("output", attend(query, latentAndRope));
  w.finish();
}

void LatentWriter::writeLayer() {
  Value hidden =
      w.argument("hidden_states", {kAny, kAny, int64_t(layer.getHidden())});
  cacheArguments();
  Value query = w.splitHeads(queryRows(hidden), heads);
  Value latentAndRope =
      linear(hidden, "kv_a_proj_with_mqa", layer.getAbsorbedSize(),
             layer.getProjectionBias());
  Value output = w.mergeHeads(attend(query, latentAndRope));
  w.result("output", linear(output, "o_proj", layer.getHidden(),
                            layer.getProjectionBias()));
  w.finish();
}

void attn::writeFunction(OpBuilder &builder, LatentOp layer,
                         const LayerFunction &function) {
  LatentWriter writer(builder, layer, function);
  switch (function.scope) {
  case KernelScope::Core:
    return function.isAbsorbed ? writer.writeAbsorbedCore()
                               : writer.writeExpandedCore();
  case KernelScope::Attend:
    return writer.writeAttend();
  case KernelScope::Layer:
    return writer.writeLayer();
  }
}
