//===- LatentFunctions.cpp - scopes of attn.latent ------------------------===//
//
// Attention alone comes in both forms. Where projections are in reach they are
// written as the model card has them, and attn-absorb-projections chooses.
//
//===----------------------------------------------------------------------===//

#include "passes/LayerWriter.h"
#include "passes/TensorTypes.h"

using namespace mlir;
using namespace attn;

static constexpr int64_t kAny = ShapedType::kDynamic;

namespace {
/// The function of one scope.
class LatentWriter {
public:
  LatentWriter(OpBuilder &builder, LatentOp layer,
               const LayerFunction &function)
      : layer(layer), heads(layer.getHeads()),
        w(builder, layer, function, layer.getLayersAttr()) {}

  void writeCore(LatentKind kind);
  void writeAttend(LatentKind kind);
  void writeLayer();

private:
  void writeExpandedCore();
  void writeAbsorbedCore();
  void writeWholeAttend();
  void writeAbsorbQuery();
  void writeAbsorbedAttend();
  void writeExpandOutput();

  void rowArguments();
  void cacheArguments();
  Value linear(Value input, StringRef name, int64_t outputs, bool hasBias);
  Value norm(Value rows, StringRef name);
  Value queryRows(Value hidden);
  Value upProjection(int64_t offset, int64_t size);
  Value joined(Value still, Value rope);
  Value rotated(Value query);
  std::pair<Value, Value> keysAndValues(Value latent, Value rope);
  std::pair<Value, Value> absorbedKey(Value latent, Value rope);
  std::pair<Value, Value> append(Value latentAndRope);
  void update(std::pair<Value, Value> caches);
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

/// What attention looks at besides queries and keys.
void LatentWriter::rowArguments() {
  rows = w.rowArguments(layer.getMask(), /*sinkHeads=*/0);
  rows.mask = w.maskArgument(layer.getMaskOperand(), heads);
}

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
  rowArguments();
  finishCore(w.attend(query, key, value, scores(), rows));
}

/// One head for all: `key = [latent, rope_key]`, `value = latent`.
std::pair<Value, Value> LatentWriter::absorbedKey(Value latent, Value rope) {
  Value value = w.asHead(latent, "latent_head");
  return {w.concat({value, w.asHead(rope, "rope_head")}, /*dim=*/3, "key"),
          value};
}

void LatentWriter::writeAbsorbedCore() {
  StorageAttr stored = storageOf(layer);
  Value query =
      w.argument("query", {kAny, kAny, heads, layer.getAbsorbedSize()},
                 stored.getActivation());
  Value latent = w.argument("latent", {kAny, kAny, int64_t(layer.getKvRank())},
                            stored.getValue());
  Value rope = w.argument("rope_key", {kAny, kAny, int64_t(layer.getRopeDim())},
                          stored.getKey());
  rowArguments();
  auto [key, value] = absorbedKey(latent, rope);
  finishCore(w.attend(query, key, value, scores(), rows));
}

void LatentWriter::writeCore(LatentKind kind) {
  return kind == LatentKind::Absorbed ? writeAbsorbedCore()
                                      : writeExpandedCore();
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
  rowArguments();
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

/// `rope`, rotated, behind what does not rotate of each head.
Value LatentWriter::joined(Value still, Value rope) {
  Value turned = w.rotate(rope, positions, layer.getPosition());
  return w.concat({still, turned}, /*dim=*/3, "query");
}

/// The last dims of each head rotate.
Value LatentWriter::rotated(Value query) {
  int64_t nope = layer.getNopeDim(), rope = layer.getRopeDim();
  Value still = w.slice(query, 3, 0, nope);
  return joined(still, w.slice(query, 3, nope, rope));
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

/// The caches of latents and rope keys with the projected rows.
std::pair<Value, Value> LatentWriter::append(Value latentAndRope) {
  int64_t rank = layer.getKvRank(), rope = layer.getRopeDim();
  Value latent = norm(w.slice(latentAndRope, 2, 0, rank), "kv_a_layernorm");
  Value ropeHead = w.asHead(w.slice(latentAndRope, 2, rank, rope), "rope_head");
  Value turned =
      w.mergeHeads(w.rotate(ropeHead, positions, layer.getPosition()));
  Value latents = w.append(latentCache, latent, rows.lengths);
  return {latents, w.append(ropeCache, turned, rows.lengths)};
}

void LatentWriter::update(std::pair<Value, Value> caches) {
  w.update(latentCache, caches.first);
  w.update(ropeCache, caches.second);
}

/// `query` as projected heads, `latentAndRope` as projected rows.
Value LatentWriter::attend(Value query, Value latentAndRope) {
  auto caches = append(latentAndRope);
  auto [key, value] = keysAndValues(caches.first, caches.second);
  Value output = w.attend(rotated(query), key, value, scores(), rows).first;
  update(caches);
  return output;
}

void LatentWriter::writeWholeAttend() {
  Value query =
      w.argument("query", {kAny, kAny, heads, layer.getExpandedSize()});
  Value latentAndRope =
      w.argument("latent_and_rope_key", {kAny, kAny, layer.getAbsorbedSize()});
  cacheArguments();
  w.result("output", attend(query, latentAndRope));
  w.finish();
}

//===----------------------------------------------------------------------===//
// Absorbed attention step by step
//===----------------------------------------------------------------------===//

/// [heads, size, kv_rank]: W_UK or W_UV, of the one weight that holds both.
Value LatentWriter::upProjection(int64_t offset, int64_t size) {
  int64_t both = layer.getNopeDim() + layer.getValueDim();
  Value weight = w.argument("kv_b_proj.weight",
                            {heads * both, int64_t(layer.getKvRank())});
  return w.slice(w.split(weight, /*dim=*/0, heads), 1, offset, size);
}

/// absorbed_query = query_nope . W_UK
void LatentWriter::writeAbsorbQuery() {
  int64_t nope = layer.getNopeDim();
  Value query =
      w.argument("query", {kAny, kAny, heads, layer.getExpandedSize()});
  w.result("absorbed_query",
           w.headLinear(w.slice(query, 3, 0, nope), upProjection(0, nope),
                        /*transposed=*/true, w.exact()));
  w.finish();
}

/// What scope attend does between the products.
void LatentWriter::writeAbsorbedAttend() {
  Value absorbed =
      w.argument("absorbed_query",
                 {kAny, kAny, heads, int64_t(layer.getKvRank())}, w.exact());
  Value rope = w.argument("rope_query",
                          {kAny, kAny, heads, int64_t(layer.getRopeDim())});
  Value latentAndRope =
      w.argument("latent_and_rope_key", {kAny, kAny, layer.getAbsorbedSize()});
  cacheArguments();
  auto caches = append(latentAndRope);
  auto [key, value] = absorbedKey(caches.first, caches.second);
  Value query = joined(absorbed, rope);
  Value output = w.attend(query, key, value, scores(), rows).first;
  update(caches);
  w.result("latent_output", output);
  w.finish();
}

/// output = latent_output . W_UV^T
void LatentWriter::writeExpandOutput() {
  Value latent =
      w.argument("latent_output",
                 {kAny, kAny, heads, int64_t(layer.getKvRank())}, w.exact());
  Value weight = upProjection(layer.getNopeDim(), layer.getValueDim());
  w.result("output", w.headLinear(latent, weight, /*transposed=*/false,
                                  storageOf(layer).getActivation()));
  w.finish();
}

void LatentWriter::writeAttend(LatentKind kind) {
  switch (kind) {
  case LatentKind::Whole:
    return writeWholeAttend();
  case LatentKind::Absorbed:
    return writeAbsorbedAttend();
  case LatentKind::AbsorbQuery:
    return writeAbsorbQuery();
  case LatentKind::ExpandOutput:
    return writeExpandOutput();
  case LatentKind::Expanded:
    break;
  }
  llvm_unreachable("scope attend has no other kinds");
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
    return writer.writeCore(function.kind);
  case KernelScope::Attend:
    return writer.writeAttend(function.kind);
  case KernelScope::Layer:
    return writer.writeLayer();
  }
}
