//===- PackedWeights.cpp - Weights in one buffer --------------------------===//
//
// See PackedWeights.h. A head of one cache line comes first: attn_rt_pack.c.
//
//===----------------------------------------------------------------------===//

#include "compiler/artifact/PackedWeights.h"

#include "compiler/StoredTypes.h"
#include "runtime/attn_rt.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/xxhash.h"

#include <fmt/format.h>

using namespace attn;
using namespace attn::artifact;

/// Elements that a weight has when it is packed.
static int64_t elementsOf(const TensorDescription &tensor,
                          const cpu::CpuWeight &weight) {
  int64_t elements = 1;
  if (!weight.columnBlock) {
    for (const Dimension &dimension : tensor.shape)
      elements *= dimension.extent;
    return elements;
  }
  int64_t columns = tensor.shape.front().extent;
  auto panels = [&](int64_t width) {
    return llvm::divideCeil(width, weight.panel);
  };
  int64_t whole = columns / weight.columnBlock;
  return (whole * panels(weight.columnBlock) +
          panels(columns % weight.columnBlock)) *
         weight.panel * weight.depth;
}

PackedWeights artifact::layOutWeights(const KernelDescription &kernel,
                                      const cpu::CpuKernel &compiled) {
  PackedWeights packed;
  std::string text;
  packed.bytes = compiled.weights.empty() ? 0 : ATTN_RT_CACHE_LINE;
  for (const cpu::CpuWeight &weight : compiled.weights) {
    const TensorDescription &tensor = kernel.tensors[weight.tensor];
    packed.offsets.push_back(packed.bytes);
    packed.bytes += llvm::alignTo(
        elementsOf(tensor, weight) * bytesOf(tensor.type), ATTN_RT_CACHE_LINE);
    text += fmt::format("{} {} {} {} {}", tensor.name,
                        std::string_view(spell(tensor.type)),
                        weight.columnBlock, weight.panel, weight.depth);
    for (const Dimension &dimension : tensor.shape)
      text += fmt::format(" {}", dimension.extent);
    text += '\n';
  }
  packed.layout = llvm::xxh3_64bits(text);
  return packed;
}
