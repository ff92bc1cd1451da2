//===- Steps.cpp - Absorbed attention step by step ------------------------===//
//
// See Steps.h. Tensors go from step to step by their names.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/Steps.h"

#include "llvm/ADT/StringMap.h"

#include <fmt/format.h>

using namespace attn;
using namespace attn::verify;
using attn::reference::Tensor;
using llvm::StringRef;

namespace {
/// What is known of each tensor: values, and once it is written the memory.
struct Known {
  Tensor values;
  std::optional<Buffer> written;
};
using Pool = llvm::StringMap<Known>;
} // namespace

/// The last `size` elements of every row.
static Tensor lastColumns(const Tensor &tensor, int64_t size) {
  llvm::SmallVector<int64_t> shape(tensor.shape());
  int64_t width = shape.back();
  shape.back() = size;
  Tensor part(shape);
  for (auto [index, value] : llvm::enumerate(part.data())) {
    auto at = static_cast<int64_t>(index);
    value = tensor.data()[at / size * width + width - size + at % size];
  }
  return part;
}

static llvm::SmallVector<int64_t> shapeOf(const LibraryTensor &tensor,
                                          const OpenSizes &sizes) {
  return llvm::map_to_vector(tensor.shape, [&](StringRef extent) {
    int64_t number;
    if (!extent.getAsInteger(10, number))
      return number;
    return extent == "batch"          ? sizes.batch
           : extent == "query_length" ? sizes.queries
                                      : sizes.keys;
  });
}

/// Calls one step; what went wrong, or nothing.
static std::string callStep(const LibraryKernel &step, int64_t layer,
                            const OpenSizes &sizes, Pool &pool) {
  // Buffers stay where they are: room for all of them is made first.
  std::vector<Buffer> buffers;
  buffers.reserve(step.tensors.size());
  llvm::SmallVector<const DLTensor *> tensors;
  for (const LibraryTensor &tensor : step.tensors) {
    llvm::SmallVector<int64_t> shape = shapeOf(tensor, sizes);
    // What rotates of a query is a part of what its projection makes.
    if (tensor.name == "rope_query")
      pool["rope_query"].values =
          lastColumns(pool["query"].values, shape.back());
    Elements elements = elementsOf(tensor.type);
    Buffer &buffer =
        tensor.output
            ? buffers.emplace_back(shape, elements, Layout::Contiguous)
            : buffers.emplace_back(pool[tensor.name].values, elements,
                                   Layout::Contiguous);
    tensors.push_back(buffer.dlTensor());
  }
  std::string error = callKernel(step, layer, tensors);
  for (auto [tensor, buffer] : llvm::zip_equal(step.tensors, buffers))
    if (tensor.output || tensor.updated) {
      pool[tensor.name].values = buffer.read();
      pool[tensor.name].written = std::move(buffer);
    }
  return error;
}

Outcome verify::callSteps(const Subject &subject, llvm::ArrayRef<Tensor> inputs,
                          const OpenSizes &sizes) {
  Pool pool;
  for (auto [tensor, values] : llvm::zip(subject.kernel->tensors, inputs))
    pool[tensor.name].values = values;
  Outcome outcome;
  for (const LibraryKernel *step : subject.steps) {
    std::string error = callStep(*step, subject.index, sizes, pool);
    if (!error.empty())
      outcome.error = fmt::format("{}: {}", step->symbol, error);
  }
  for (const LibraryTensor &tensor : subject.kernel->tensors)
    if (tensor.output || tensor.updated)
      outcome.outputs.push_back(std::move(*pool[tensor.name].written));
  return outcome;
}
