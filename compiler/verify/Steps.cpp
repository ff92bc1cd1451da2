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

namespace {
/// What is known of each tensor: its elements, and once a step has written them
/// the memory.
struct Known {
  std::shared_ptr<Input> input;
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

/// Calls one step; what went wrong, or nothing.
static std::string callStep(const LibraryKernel &step, int64_t layer,
                            const OpenSizes &sizes, Pool &pool) {
  // Buffers stay where they are: room for all of them is made first.
  std::vector<std::pair<const LibraryTensor *, Buffer>> written;
  written.reserve(step.tensors.size());
  llvm::SmallVector<const DLTensor *> tensors;
  for (const LibraryTensor &tensor : step.tensors) {
    llvm::SmallVector<int64_t> shape = shapeOf(tensor, sizes);
    Elements elements = elementsOf(tensor.type);
    std::shared_ptr<Input> &input = pool[tensor.name].input;
    // What rotates of a query is a part of what its projection makes.
    if (tensor.name == "rope_query")
      input = std::make_shared<Input>(
          lastColumns(pool["query"].input->values(), shape.back()), elements);
    if (!tensor.output && !input)
      return fmt::format("nothing is known of tensor '{}'", tensor.name);
    if (!tensor.output && !tensor.updated) {
      tensors.push_back(input->dlTensor(Layout::Contiguous));
      continue;
    }
    written.emplace_back(
        &tensor, tensor.output
                     ? Buffer(shape, elements, Layout::Contiguous)
                     : Buffer(input->values(), elements, Layout::Contiguous));
    tensors.push_back(written.back().second.dlTensor());
  }
  std::string error = callKernel(step, layer, tensors);
  for (auto &[tensor, buffer] : written) {
    if (error.empty() && !buffer.areGapsUntouched())
      error = fmt::format("wrote outside of {}", tensor->name);
    pool[tensor->name] = {
        std::make_shared<Input>(buffer.read(), elementsOf(tensor->type)),
        std::move(buffer)};
  }
  return error;
}

Outcome verify::callSteps(const Subject &subject, const Inputs &inputs,
                          const OpenSizes &sizes) {
  Pool pool;
  for (auto [tensor, input] : llvm::zip(subject.kernel->tensors, inputs))
    pool[tensor.name].input = input;
  Outcome outcome;
  for (const LibraryKernel *step : subject.steps) {
    std::string error = callStep(*step, subject.index, sizes, pool);
    if (!error.empty()) {
      outcome.error = fmt::format("{}: {}", step->symbol, error);
      return outcome;
    }
  }
  for (const LibraryTensor &tensor : subject.kernel->tensors)
    if (tensor.output || tensor.updated)
      outcome.outputs.push_back(std::move(*pool[tensor.name].written));
  return outcome;
}
