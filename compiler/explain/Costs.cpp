//===- Costs.cpp - What a declared layer costs ----------------------------===//
//
// Visible pairs are counted as the benchmarks count them.
//
//===----------------------------------------------------------------------===//

#include "compiler/explain/Costs.h"

#include "compiler/bench/Cases.h"
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
