//===- GroupedFunctions.cpp - scopes of attn.grouped ----------------------===//
//
// From the inside out: attention alone; with what is done to heads before it;
// with the projections around that.
//
//===----------------------------------------------------------------------===//

#include "passes/LayerFunctions.h"
#include "passes/LayerWriter.h"
#include "passes/TensorTypes.h"

using namespace mlir;
using namespace attn;

static constexpr int64_t kAny = ShapedType::kDynamic;

SmallVector<LayerFunction> attn::functionsOf(GroupedOp layer,
                                             ArrayRef<KernelScope> scopes,
                                             bool /*withSteps*/) {
  return llvm::map_to_vector(scopes, [&](KernelScope scope) {
    return LayerFunction{
        (layer.getSymName() + "_" + stringifyKernelScope(scope)).str(), scope};
  });
}

namespace {
/// Queries, keys and values, and a gate where there is one, as [batch,
/// sequence, heads, size], or what is added to them, as [heads, size].
struct Heads {
  Value query, key, value, gate;
};

/// The function of one scope.
class GroupedWriter {
public:
  GroupedWriter(OpBuilder &builder, GroupedOp layer,
                const LayerFunction &function)
      : layer(layer), weights(layer.getProjections().value_or(nullptr)),
        w(builder, layer, function, layer.getLayersAttr()) {}

  void writeCore();
  void writeAttend();
  void writeLayer();

private:
  bool isInputMajor() const { return weights && weights.getInputMajor(); }
  Heads headArguments(StorageAttr stored = {});
  void cacheArguments();
  void rowArguments(Type sinksStored = {});
  Value weight(StringRef name, int64_t outputs, int64_t inputs);
  Value bias(StringRef name, int64_t outputs, bool exists);
  Heads unpack(Value rows);
  Heads splitQueries(Heads heads);
  Heads project(Value hidden);
  Heads addBiases(Heads heads);
  Value norm(Value heads, std::optional<NormAttr> norm, StringRef name);
  std::pair<Value, Value> attention(Heads heads);
  Value attend(Heads heads);

  /// The gate's own projection; empty: it has none.
  StringRef gateName() {
    StringAttr name =
        layer.getGate() ? layer.getGate()->getProjection() : nullptr;
    return name ? name.getValue() : StringRef();
  }
  int64_t gateWidth() { return layer.getHeads() * layer.getGateSize(); }
  int64_t queryWidth() { return layer.getHeads() * layer.getQuerySize(); }
  int64_t keyWidth() { return layer.getKvHeads() * layer.getHeadDim(); }
  int64_t valueWidth() { return layer.getKvHeads() * layer.getValueSize(); }
  int64_t packedWidth() { return queryWidth() + keyWidth() + valueWidth(); }
  ScoreFacts scores() {
    return {layer.getScoreScale(), layer.getSoftcap(), layer.getMask(),
            layer.getPositionBias().value_or(nullptr)};
  }

  GroupedOp layer;
  ProjectionsAttr weights;
  LayerWriter w;
  Value positions, keyCache, valueCache;
  RowFacts rows;
};
} // namespace

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

/// As they are `stored`, or as activations are.
Heads GroupedWriter::headArguments(StorageAttr stored) {
  int64_t kvHeads = layer.getKvHeads(), size = layer.getHeadDim();
  Value query =
      w.argument("query", {kAny, kAny, int64_t(layer.getHeads()), size},
                 stored ? stored.getActivation() : Type());
  Value key = w.argument("key", {kAny, kAny, kvHeads, size},
                         stored ? stored.getKey() : Type());
  return {query, key,
          w.argument("value", {kAny, kAny, kvHeads, layer.getValueSize()},
                     stored ? stored.getValue() : Type()),
          /*gate=*/{}};
}

/// What attention looks at besides heads.
void GroupedWriter::rowArguments(Type sinksStored) {
  int64_t heads = layer.getHeads();
  rows = w.rowArguments(layer.getMask(), layer.getSinks() ? heads : 0,
                        sinksStored);
  if (int64_t buckets = layer.getTableRows())
    rows.table = w.argument("bias_table", {buckets, heads},
                            Float32Type::get(layer.getContext()));
  rows.mask = w.maskArgument(layer.getMaskOperand(), heads);
}

/// What a call has besides the hidden states or heads, but for weights.
void GroupedWriter::cacheArguments() {
  int64_t kvHeads = layer.getKvHeads(), size = layer.getHeadDim();
  if (layer.getPosition())
    positions = w.integers("position_ids", {kAny, kAny});
  StorageAttr stored = storageOf(layer);
  keyCache =
      w.argument("key_cache", {kAny, kAny, kvHeads, size}, stored.getKey());
  valueCache =
      w.argument("value_cache", {kAny, kAny, kvHeads, layer.getValueSize()},
                 stored.getValue());
  rowArguments();
}

Value GroupedWriter::weight(StringRef name, int64_t outputs, int64_t inputs) {
  SmallVector<int64_t> shape = {outputs, inputs};
  if (isInputMajor())
    std::swap(shape[0], shape[1]);
  return w.argument((name + ".weight").str(), shape);
}

Value GroupedWriter::bias(StringRef name, int64_t outputs, bool exists) {
  return exists ? w.argument((name + ".bias").str(), {outputs}) : Value();
}

//===----------------------------------------------------------------------===//
// Projections
//===----------------------------------------------------------------------===//

/// The projection to queries may make their gates too, [query, gate].
Heads GroupedWriter::splitQueries(Heads heads) {
  int64_t size = layer.getHeadDim(), both = layer.getQuerySize();
  if (size == both)
    return heads;
  int64_t last = rankOf(heads.query) - 1;
  heads.gate = w.slice(heads.query, last, size, both - size);
  heads.query = w.slice(heads.query, last, 0, size);
  return heads;
}

/// What the packed weight makes of a row, or its bias, as heads.
Heads GroupedWriter::unpack(Value rows) {
  int64_t heads = layer.getHeads(), kvHeads = layer.getKvHeads();
  int64_t last = rankOf(rows) - 1;
  if (weights.getPacking() == Packing::Stacked) {
    int64_t valueBegin = queryWidth() + keyWidth();
    return splitQueries(
        {w.splitHeads(w.slice(rows, last, 0, queryWidth()), heads),
         w.splitHeads(w.slice(rows, last, queryWidth(), keyWidth()), kvHeads),
         w.splitHeads(w.slice(rows, last, valueBegin, valueWidth()), kvHeads),
         /*gate=*/{}});
  }
  // [kv_heads, a group of queries, a key, a value]
  int64_t group = heads / kvHeads, size = layer.getHeadDim();
  int64_t keyBegin = group * layer.getQuerySize();
  Value groups = w.splitHeads(rows, kvHeads);
  int64_t dim = last + 1;
  Value queries = w.slice(groups, dim, 0, keyBegin);
  return splitQueries(
      {w.mergeGroups(w.splitHeads(queries, group)),
       w.slice(groups, dim, keyBegin, size),
       w.slice(groups, dim, keyBegin + size, layer.getValueSize()),
       /*gate=*/{}});
}

Heads GroupedWriter::project(Value hidden) {
  int64_t inputs = layer.getHidden();
  auto linear = [&](StringRef name, int64_t outputs, bool hasBias) {
    Value matrix = weight(name, outputs, inputs);
    return w.linear(hidden, matrix, bias(name, outputs, hasBias),
                    isInputMajor());
  };
  bool hasBias = layer.getQkvBias();
  Heads heads;
  if (weights && weights.getPacked()) {
    heads = unpack(linear(weights.getPacked(), packedWidth(), hasBias));
  } else {
    Value query = linear("q_proj", queryWidth(), hasBias);
    heads.query = w.splitHeads(query, layer.getHeads());
    Value key = linear("k_proj", keyWidth(), hasBias);
    heads.key = w.splitHeads(key, layer.getKvHeads());
    Value value = linear("v_proj", valueWidth(), hasBias);
    heads.value = w.splitHeads(value, layer.getKvHeads());
    heads = splitQueries(heads);
  }
  if (!gateName().empty())
    heads.gate = w.splitHeads(
        linear(gateName(), gateWidth(), layer.getGate()->getBias()),
        layer.getHeads());
  return heads;
}

/// Heads that are projected already lack the biases.
Heads GroupedWriter::addBiases(Heads heads) {
  Heads biases;
  if (layer.getQkvBias() && weights && weights.getPacked()) {
    biases = unpack(bias(weights.getPacked(), packedWidth(), true));
  } else if (layer.getQkvBias()) {
    biases.query =
        w.splitHeads(bias("q_proj", queryWidth(), true), layer.getHeads());
    biases.key =
        w.splitHeads(bias("k_proj", keyWidth(), true), layer.getKvHeads());
    biases.value =
        w.splitHeads(bias("v_proj", valueWidth(), true), layer.getKvHeads());
    biases = splitQueries(biases);
  }
  if (layer.getGate() && layer.getGate()->getBias())
    biases.gate =
        w.splitHeads(bias(gateName(), gateWidth(), true), layer.getHeads());
  auto sum = [&](Value rows, Value bias) {
    return bias ? w.add(rows, bias) : rows;
  };
  return {sum(heads.query, biases.query), sum(heads.key, biases.key),
          sum(heads.value, biases.value), sum(heads.gate, biases.gate)};
}

//===----------------------------------------------------------------------===//
// Scopes
//===----------------------------------------------------------------------===//

/// The norm of each head, or of the row that all of them make.
Value GroupedWriter::norm(Value heads, std::optional<NormAttr> norm,
                          StringRef name) {
  if (!norm)
    return heads;
  bool ofAll = norm->getSpan() == NormSpan::All;
  Value rows = ofAll ? w.mergeHeads(heads) : heads;
  Value weight;
  if (norm->getWeighted())
    weight = w.argument((name + ".weight").str(), shapeOf(rows).back());
  double eps = norm->getEps().getValueAsDouble();
  Value normed = norm->getKind() == NormKind::Rms
                     ? w.rmsNorm(rows, weight, eps, norm->getOffset())
                     : w.layerNorm(rows, weight, eps);
  return ofAll ? w.splitHeads(normed, shapeOf(heads)[2]) : normed;
}

/// Of query heads that share keys and values.
std::pair<Value, Value> GroupedWriter::attention(Heads heads) {
  int64_t group = layer.getHeads() / layer.getKvHeads();
  return w.attend(heads.query, w.repeat(heads.key, group),
                  w.repeat(heads.value, group), scores(), rows);
}

/// Norms, rotation, caches, attention, gate.
Value GroupedWriter::attend(Heads heads) {
  Value query = norm(heads.query, layer.getQkNorm(), "q_norm");
  Value key = norm(heads.key, layer.getQkNorm(), "k_norm");
  Value value = norm(heads.value, layer.getValueNorm(), "v_norm");
  query = w.rotate(query, positions, layer.getPosition());
  key = w.rotate(key, positions, layer.getPosition());
  Value keys = w.append(keyCache, key, rows.lengths);
  Value values = w.append(valueCache, value, rows.lengths);
  Value output = attention({query, keys, values, heads.gate}).first;
  w.update(keyCache, keys);
  w.update(valueCache, values);
  if (!heads.gate)
    return output;
  return w.applyGate(output, heads.gate, layer.getGate()->getFunction());
}

void GroupedWriter::writeCore() {
  StorageAttr stored = storageOf(layer);
  Heads heads = headArguments(stored);
  rowArguments(stored.getActivation());
  auto [output, lse] = attention(heads);
  w.result("output", output);
  w.result("lse", lse);
  w.finish();
}

void GroupedWriter::writeAttend() {
  Heads heads = headArguments();
  if (int64_t size = layer.getGateSize())
    heads.gate =
        w.argument("gate", {kAny, kAny, int64_t(layer.getHeads()), size});
  cacheArguments();
  Value output = attend(addBiases(heads));
  w.result("output", output);
  w.finish();
}

void GroupedWriter::writeLayer() {
  Value hidden =
      w.argument("hidden_states", {kAny, kAny, int64_t(layer.getHidden())});
  cacheArguments();
  Value output = w.mergeHeads(attend(project(hidden)));
  StringRef name = weights && weights.getOutput()
                       ? weights.getOutput().getValue()
                       : "o_proj";
  Value matrix = weight(name, layer.getHidden(), shapeOf(output)[2]);
  Value projected = w.linear(
      output, matrix, bias(name, layer.getHidden(), layer.getOutputBias()),
      isInputMajor());
  w.result("output", projected);
  w.finish();
}

void attn::writeFunction(OpBuilder &builder, GroupedOp layer,
                         const LayerFunction &function) {
  GroupedWriter writer(builder, layer, function);
  switch (function.scope) {
  case KernelScope::Core:
    return writer.writeCore();
  case KernelScope::Attend:
    return writer.writeAttend();
  case KernelScope::Layer:
    return writer.writeLayer();
  }
}
