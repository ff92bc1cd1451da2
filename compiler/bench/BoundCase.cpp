//===- BoundCase.cpp - A case with its kernel and tensors -----------------===//
//
// The caller's side of ABI.md: dense queries, a cache in the case's order, a
// workspace for as many workers as there are threads.
//
//===----------------------------------------------------------------------===//

#include "compiler/bench/BoundCase.h"

#include "compiler/verify/Random.h"

#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <functional>
#include <numeric>

using namespace attn;
using namespace llvm;

//===----------------------------------------------------------------------===//
// BenchTensor
//===----------------------------------------------------------------------===//

static int64_t countElements(ArrayRef<int64_t> shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1),
                         std::multiplies<int64_t>());
}

static std::vector<int64_t> denseStrides(ArrayRef<int64_t> shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  return strides;
}

static int64_t bytesOf(verify::Elements elements) {
  return verify::dlTypeOf(elements).bits / 8;
}

BenchTensor::BenchTensor(ArrayRef<int64_t> shape, verify::Elements elements,
                         Order order)
    : extents(shape.begin(), shape.end()), strides(denseStrides(shape)),
      elements(elements), memory(std::make_shared<HugeBuffer>(
                              countElements(shape) * bytesOf(elements))) {
  if (order == Order::HeadMajor) {
    strides[1] = shape[3];
    strides[2] = shape[1] * shape[3];
  }
  tensor = {.data = memory->data(),
            .device = {kDLCPU, 0},
            .ndim = int32_t(extents.size()),
            .dtype = verify::dlTypeOf(elements),
            .shape = extents.data(),
            .strides = strides.data(),
            .byte_offset = 0};
}

BenchTensor::BenchTensor(const BenchTensor &whole, int64_t first, int64_t count)
    : extents(whole.extents), strides(whole.strides), elements(whole.elements),
      memory(whole.memory), tensor(whole.tensor) {
  extents.back() = count;
  tensor.shape = extents.data();
  tensor.strides = strides.data();
  tensor.byte_offset = first * bytesOf(elements);
}

void BenchTensor::fill(uint64_t seed) {
  verify::Random random(seed);
  auto *next = static_cast<char *>(memory->data());
  int64_t bytes = bytesOf(elements);
  // The low bytes come first on every machine that kernels run on.
  for (int64_t i = 0, e = countElements(extents); i < e; ++i, next += bytes) {
    uint32_t bits = verify::encode(elements, random.uniform());
    std::memcpy(next, &bits, bytes);
  }
}

void BenchTensor::fillWithIntegerZeros() {
  std::memset(memory->data(), 0, countElements(extents) * bytesOf(elements));
}

//===----------------------------------------------------------------------===//
// BoundCase
//===----------------------------------------------------------------------===//

/// Columns of the latents' cache, whose rows hold latent and rope_key.
const DLTensor *BoundCase::makeLatentPart(verify::Elements elements,
                                          int64_t first, int64_t count) {
  const CallShape &s = benchCase.shape;
  if (!latents) {
    owned.emplace_back(ArrayRef<int64_t>{s.batch, s.kvLength, s.headDim},
                       elements, Order::TokenMajor);
    owned.back().fill(owned.size());
    latents = &owned.back();
  }
  return owned.emplace_back(*latents, first, count).get();
}

/// What the manifest says of a size that is no symbol.
static int64_t staticExtent(const LibraryTensor &tensor, size_t dimension) {
  int64_t extent = 0;
  StringRef(tensor.shape[dimension]).getAsInteger(10, extent);
  return extent;
}

/// Null if the tensor may be absent and changes nothing here.
Expected<const DLTensor *> BoundCase::makeTensor(const LibraryTensor &wanted) {
  const CallShape &s = benchCase.shape;
  verify::Elements elements = verify::elementsOf(wanted.type);
  auto make = [&](ArrayRef<int64_t> shape, Order order) {
    owned.emplace_back(shape, elements, order).fill(owned.size());
    return owned.back().get();
  };
  if (wanted.name == "query")
    return make({s.batch, s.queryLength, s.queryHeads, s.headDim},
                Order::TokenMajor);
  if (wanted.name == "key")
    return make({s.batch, s.kvLength, s.kvHeads, s.headDim}, benchCase.cache);
  if (wanted.name == "value")
    return make({s.batch, s.kvLength, s.kvHeads, s.valueDim}, benchCase.cache);
  if (wanted.name == "latent")
    return makeLatentPart(elements, 0, s.valueDim);
  if (wanted.name == "rope_key")
    return makeLatentPart(elements, s.valueDim, s.headDim - s.valueDim);
  if (wanted.name == "output")
    return make({s.batch, s.queryLength, s.queryHeads, s.valueDim},
                Order::TokenMajor);
  if (wanted.name == "sinks")
    return make({s.queryHeads}, Order::TokenMajor);
  if (wanted.name == "bias_table")
    return make({staticExtent(wanted, 0), s.queryHeads}, Order::TokenMajor);
  auto makeZeros = [&](ArrayRef<int64_t> shape) {
    owned.emplace_back(shape, elements, Order::TokenMajor)
        .fillWithIntegerZeros();
    return owned.back().get();
  };
  if (wanted.name == "prefix_lengths")
    return makeZeros({s.batch});
  if (wanted.name == "document_ids")
    return makeZeros({s.batch, s.kvLength});
  if (wanted.optional)
    return nullptr;
  return createStringError(
      fmt::format("kernel '{}' needs tensor '{}', which bench does not know",
                  kernel->symbol, wanted.name));
}

Expected<std::unique_ptr<BoundCase>>
BoundCase::bind(const KernelLibrary &library, const BenchCase &subject) {
  std::unique_ptr<BoundCase> bound(new BoundCase(subject));
  for (const LibraryLayer &layer : library.layers()) {
    if (layer.layer != subject.layer)
      continue;
    bound->layerIndex = layer.index;
    bound->kernel = library.find(layer, "core", subject.absorbed);
  }
  if (!bound->kernel)
    return createStringError(fmt::format("'{}' has no kernel of scope core for "
                                         "layer {}, and bench times no other",
                                         library.name(), subject.layer));
  for (const LibraryTensor &wanted : bound->kernel->tensors) {
    Expected<const DLTensor *> tensor = bound->makeTensor(wanted);
    if (!tensor)
      return tensor.takeError();
    if (*tensor && !(*tensor)->data)
      return createStringError(fmt::format(
          "case '{}' needs more memory than there is", subject.name));
    bound->tensors.push_back(*tensor);
  }
  return bound;
}

Expected<double> BoundCase::run(Crew &crew) {
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  maxima.batch = benchCase.shape.batch;
  maxima.query_length = benchCase.shape.queryLength;
  maxima.workers = crew.size();
  maxima.kv_length = benchCase.shape.kvLength;
  uint64_t needed = kernel->workspace(&maxima);
  if (!workspace || workspace->size() < needed)
    workspace = std::make_unique<HugeBuffer>(needed);

  char text[512] = "";
  attn_context context = ATTN_CONTEXT_INIT;
  context.workspace = workspace->data();
  context.workspace_bytes = workspace->size();
  context.text = text;
  context.text_bytes = sizeof(text);
  if (crew.size() > 1)
    crew.serve(context);

  KernelArgs args(layerIndex, tensors);
  attn_plan plan = {};
  if (ranTarget.empty() &&
      kernel->plan(args.data(), &context, &plan) == ATTN_OK)
    ranTarget = plan.target;
  auto start = std::chrono::steady_clock::now();
  attn_status status = kernel->run(args.data(), &context);
  auto end = std::chrono::steady_clock::now();
  if (status != ATTN_OK)
    return createStringError(
        fmt::format("kernel '{}': {}", kernel->symbol, text));
  return std::chrono::duration<double, std::milli>(end - start).count();
}
