//===- ReferenceRow.cpp - One row of a step for the reference -------------===//
//
// See ReferenceRow.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/replay/ReferenceRow.h"

#include <cstring>
#include <limits>

using namespace attn;
using namespace attn::replay;
using llvm::ArrayRef;

/// Rows [begin, end) of a sequence, as they are stored.
static reference::Tensor rowsOf(const KernelTensor &tensor, int64_t sequence,
                                int64_t begin, int64_t end) {
  reference::Tensor rows(tensor.shape({1, end - begin}));
  for (int64_t j = begin; j < end; ++j)
    fillRow(tensor, sequence, j,
            rows.data().slice((j - begin) * tensor.width, tensor.width));
  verify::store(tensor.elements, rows);
  return rows;
}

/// Row `token` of a result.
static verify::Buffer rowOf(const KernelTensor &tensor,
                            const StepTensor &result, int64_t token) {
  reference::Tensor values(tensor.shape({1, 1}));
  int64_t bytes = tensor.elementBytes();
  for (int64_t i = 0; i < tensor.width; ++i) {
    uint32_t bits = 0;
    std::memcpy(&bits, &result.bytes()[(token * tensor.width + i) * bytes],
                bytes);
    values.data()[i] = verify::decode(tensor.elements, bits);
  }
  return {values, tensor.elements, verify::Layout::Contiguous};
}

llvm::SmallVector<reference::Tensor>
replay::inputsOf(ArrayRef<KernelTensor> tensors, int64_t sequence, int64_t keys,
                 int64_t queryHeads) {
  llvm::SmallVector<reference::Tensor> inputs;
  for (const KernelTensor &tensor : tensors)
    switch (tensor.role) {
    case TensorRole::Query:
      inputs.push_back(rowsOf(tensor, sequence, keys - 1, keys));
      break;
    case TensorRole::Cache:
      inputs.push_back(rowsOf(tensor, sequence, 0, keys));
      break;
    case TensorRole::Lengths:
      inputs.emplace_back(ArrayRef<int64_t>{1}, static_cast<double>(keys));
      break;
    case TensorRole::Sinks:
      inputs.emplace_back(ArrayRef<int64_t>{queryHeads},
                          -std::numeric_limits<double>::infinity());
      break;
    case TensorRole::Output:
      break;
    }
  return inputs;
}

verify::Outcome replay::outcomeOf(ArrayRef<KernelTensor> tensors,
                                  ArrayRef<StepTensor> results, int64_t token) {
  verify::Outcome outcome;
  const auto *next = results.begin();
  for (const KernelTensor &tensor : tensors)
    if (tensor.role == TensorRole::Output)
      outcome.outputs.push_back(rowOf(tensor, *next++, token));
  return outcome;
}
