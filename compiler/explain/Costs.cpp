//===- Costs.cpp - What a declared layer costs ----------------------------===//
//
// Visible pairs are counted as the benchmarks count them.
//
//===----------------------------------------------------------------------===//

#include "compiler/explain/Costs.h"

#include "compiler/bench/Cases.h"
#include "passes/LatentCosts.h"
#include "llvm/Support/ErrorHandling.h"

using namespace attn;

LayerCosts &LayerCosts::operator+=(const LayerCosts &other) {
  parameters += other.parameters;
  flops += other.flops;
  kvBytes += other.kvBytes;
  kvCacheBytesPerToken += other.kvCacheBytesPerToken;
  return *this;
}

int64_t attn::bytesOf(Dtype dtype) {
  switch (dtype) {
  case Dtype::F32:
    return 4;
  case Dtype::BF16:
  case Dtype::F16:
    return 2;
  }
  llvm_unreachable("unknown dtype");
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
                     (layer.getSinks() ? heads : 0);
  costs.flops = call.countFlops();
  costs.kvCacheBytesPerToken = kvHeads * (headDim * bytesOf(question.kDtype) +
                                          valueDim * bytesOf(question.vDtype));
  double f32BytesPerToken =
      kvHeads * (headDim + valueDim) * bytesOf(Dtype::F32);
  costs.kvBytes =
      call.countKvBytes() * costs.kvCacheBytesPerToken / f32BytesPerToken;
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
  double keyBytes = absorbed.shape.headDim * bytesOf(Dtype::F32);
  double pairFlops = 2.0 * absorbed.shape.queryHeads *
                     (absorbed.shape.headDim + absorbed.shape.valueDim);
  LatentCall call = {.queryLength = double(question.queryLength),
                     .kvLength = absorbed.countKvBytes() / keyBytes,
                     .pairs = absorbed.countFlops() / pairFlops};
  return {.expandedFlops = countExpanded(geometry, call).flops,
          .absorbedFlops = countAbsorbed(geometry, call).flops,
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
  costs.flops = std::min(forms.expandedFlops, forms.absorbedFlops);
  // Keys and values are the same cached rows.
  costs.kvCacheBytesPerToken =
      double(layer.getAbsorbedSize()) * bytesOf(question.kDtype);
  costs.kvBytes = absorbedCall(layer, question).countKvBytes() *
                  bytesOf(question.kDtype) / bytesOf(Dtype::F32);
  return costs;
}
