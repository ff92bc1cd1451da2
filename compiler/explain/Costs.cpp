//===- Costs.cpp - What a declared layer costs ----------------------------===//
//
// Visible pairs are counted as the benchmarks count them.
//
//===----------------------------------------------------------------------===//

#include "compiler/explain/Costs.h"

#include "compiler/StoredTypes.h"
#include "passes/LatentCosts.h"

using namespace attn;

LayerCosts &LayerCosts::operator+=(const LayerCosts &other) {
  parameters += other.parameters;
  flops += other.flops;
  kvBytes += other.kvBytes;
  bytes += other.bytes;
  kvCacheBytesPerToken += other.kvCacheBytesPerToken;
  return *this;
}

std::optional<Machine> attn::machineOf(const Invocation &invocation) {
  if (!invocation.peakGflops || !invocation.bandwidthGbs)
    return std::nullopt;
  return Machine{*invocation.peakGflops, *invocation.bandwidthGbs};
}

CostQuestion attn::withTypesOf(mlir::Operation *layer, CostQuestion question) {
  StorageAttr storage = storageOf(layer);
  question.dtype = toDtype(storage.getActivation());
  question.kDtype = toDtype(storage.getKey());
  question.vDtype = toDtype(storage.getValue());
  return question;
}

/// Of the keys and values that any row of `call` sees.
static double countKvBytes(BenchCase call, const CostQuestion &question) {
  call.kDtype = question.kDtype;
  call.vDtype = question.vDtype;
  return call.countKvBytes();
}

double attn::countBytes(const BenchCase &call, const CostQuestion &question) {
  const CallShape &shape = call.shape;
  double rows = double(shape.batch) * shape.queryLength * shape.queryHeads;
  return countKvBytes(call, question) +
         rows * (shape.headDim + shape.valueDim) * bytesOf(question.dtype);
}

LayerCosts attn::countCosts(GroupedOp layer, const CostQuestion &question) {
  double hidden = layer.getHidden(), heads = layer.getHeads();
  double kvHeads = layer.getKvHeads();
  double headDim = layer.getHeadDim(), valueDim = layer.getValueSize();

  BenchCase call;
  call.shape.queryLength = question.queryLength;
  call.shape.kvLength = question.kvLength;
  call.shape.queryHeads = layer.getHeads();
  call.shape.kvHeads = layer.getKvHeads();
  call.shape.headDim = layer.getHeadDim();
  call.shape.valueDim = layer.getValueSize();
  call.mask = layer.getMask();

  LayerCosts costs;
  // W_q and W_o have a row per query head, W_k and W_v per key/value head.
  costs.parameters = hidden * (heads + kvHeads) * (headDim + valueDim) +
                     hidden * heads * layer.getGateSize() +
                     (layer.getSinks() ? heads : 0) +
                     heads * layer.getTableRows();
  costs.flops = call.countFlops();
  costs.kvCacheBytesPerToken = kvHeads * (headDim * bytesOf(question.kDtype) +
                                          valueDim * bytesOf(question.vDtype));
  costs.kvBytes = countKvBytes(call, question);
  costs.bytes = countBytes(call, question);
  return costs;
}

/// The absorbed call that `question` asks for.
static BenchCase absorbedCall(LatentOp layer, const CostQuestion &question) {
  BenchCase call = decodeCase(layer);
  call.shape.queryLength = question.queryLength;
  call.shape.kvLength = question.kvLength;
  return call;
}

LatentForms attn::countForms(LatentOp layer, const CostQuestion &question) {
  LatentGeometry geometry = {
      int64_t(layer.getHeads()), int64_t(layer.getKvRank()),
      int64_t(layer.getNopeDim()), int64_t(layer.getRopeDim()),
      int64_t(layer.getValueDim())};
  BenchCase absorbed = absorbedCall(layer, question);
  double keyBytes = absorbed.shape.headDim * bytesOf(absorbed.kDtype);
  double pairFlops = 2.0 * absorbed.shape.queryHeads *
                     (absorbed.shape.headDim + absorbed.shape.valueDim);
  LatentCall call = {.queryLength = double(question.queryLength),
                     .kvLength = absorbed.countKvBytes() / keyBytes,
                     .pairs = absorbed.countFlops() / pairFlops};
  FormCosts expandedForm = countExpanded(geometry, call);
  FormCosts absorbedForm = countAbsorbed(geometry, call);
  return {.expandedFlops = expandedForm.flops,
          .absorbedFlops = absorbedForm.flops,
          .expandedElements = expandedForm.elements,
          .absorbedElements = absorbedForm.elements,
          .isAbsorbed = prefersAbsorbed(geometry, call),
          .crossover =
              crossoverQueryLength(geometry, double(question.kvLength)),
          .asymptoticCrossover = crossoverQueryLength(geometry)};
}

/// Elements of the checkpoint's tensors.
static double countParameters(LatentOp layer) {
  double hidden = layer.getHidden(), heads = layer.getHeads();
  double kvRank = layer.getKvRank(), valueDim = layer.getValueDim();
  double queries = heads * layer.getExpandedSize();
  double query = hidden * queries;
  // W_qa, its norm, W_qb.
  if (std::optional<uint64_t> rank = layer.getQueryRank())
    query = double(*rank) * (hidden + 1 + queries);
  double down = hidden * layer.getAbsorbedSize() + kvRank;
  double up = kvRank * heads * (layer.getNopeDim() + valueDim);
  return query + down + up + heads * valueDim * hidden;
}

LayerCosts attn::countCosts(LatentOp layer, const CostQuestion &question) {
  LatentForms forms = countForms(layer, question);
  LayerCosts costs;
  costs.parameters = countParameters(layer);
  costs.flops = forms.isAbsorbed ? forms.absorbedFlops : forms.expandedFlops;
  // Keys and values are the same cached rows.
  costs.kvCacheBytesPerToken =
      double(layer.getAbsorbedSize()) * bytesOf(question.kDtype);
  costs.kvBytes = countKvBytes(absorbedCall(layer, question), question);
  // Queries and outputs as the projections around the layer have them.
  double rows = double(question.queryLength) * layer.getHeads();
  costs.bytes =
      (forms.isAbsorbed ? forms.absorbedElements : forms.expandedElements) *
          bytesOf(question.kDtype) +
      rows * (layer.getExpandedSize() + layer.getValueDim()) *
          bytesOf(question.dtype);
  return costs;
}
