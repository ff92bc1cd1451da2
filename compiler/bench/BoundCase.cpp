//===- BoundCase.cpp - A case with its kernel and tensors -----------------===//
//
// The caller's side of ABI.md: dense rows at the end of their sequences, a
// cache in the case's order, a workspace for as many workers as there are
// threads.
//
//===----------------------------------------------------------------------===//

#include "compiler/bench/BoundCase.h"

#include "compiler/CallSizes.h"
#include "compiler/verify/Random.h"

#include <chrono>
#include <cmath>
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
  if (order == Order::HeadMajor && shape.size() == 4) {
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

void BenchTensor::fill(uint64_t seed, double magnitude) {
  verify::Random random(seed);
  auto *next = static_cast<char *>(memory->data());
  int64_t bytes = bytesOf(elements);
  // The low bytes come first on every machine that kernels run on.
  for (int64_t i = 0, e = countElements(extents); i < e; ++i, next += bytes) {
    uint32_t bits = verify::encode(elements, magnitude * random.uniform());
    std::memcpy(next, &bits, bytes);
  }
}

void BenchTensor::fillWithTrue() {
  std::memset(memory->data(), 1, countElements(extents));
}

void BenchTensor::fillWithIntegers(int64_t first, int64_t step) {
  auto *integers = reinterpret_cast<int32_t *>(memory->data());
  for (int64_t i = 0, e = countElements(extents); i < e; ++i)
    integers[i] = int32_t(first + i * step);
}

//===----------------------------------------------------------------------===//
// BoundCase
//===----------------------------------------------------------------------===//

/// The extents of `wanted` in `call`; none if a symbol is unknown.
static std::optional<std::vector<int64_t>> shapeOf(const LibraryTensor &wanted,
                                                   const CallShape &call) {
  const std::pair<StringRef, int64_t> symbols[] = {
      {"batch", call.batch},
      {"query_length", call.queryLength},
      {"kv_capacity", call.kvLength},
      {"keys", call.kvLength}};
  std::vector<int64_t> shape;
  for (StringRef written : wanted.shape) {
    int64_t extent = 0;
    const auto *symbol =
        llvm::find_if(symbols, [&](auto &s) { return s.first == written; });
    if (symbol != std::end(symbols))
      extent = symbol->second;
    else if (written.getAsInteger(10, extent))
      return std::nullopt;
    shape.push_back(extent);
  }
  return shape;
}

/// A matrix that rows are multiplied with: [rows of the result, columns].
static bool isWeight(const LibraryTensor &tensor) {
  return tensor.shape.size() == 2 &&
         StringRef(tensor.name).ends_with(".weight");
}

/// A cache of keys or values, or what the core reads in its place.
static bool isKeyOrValue(const LibraryTensor &tensor) {
  return tensor.shape.size() == 4 && tensor.shape[1] == "kv_capacity";
}

/// The part of a token's row in the caches of latents, which hold [latent,
/// rope_key]; none for other tensors.
static std::optional<std::pair<int64_t, int64_t>>
latentColumns(const LibraryTensor &tensor, ArrayRef<int64_t> shape,
              int64_t rowElements) {
  StringRef name = tensor.name;
  name.consume_back("_cache");
  if (name == "latent")
    return std::pair(int64_t(0), shape.back());
  if (name == "rope_key")
    return std::pair(rowElements - shape.back(), shape.back());
  return std::nullopt;
}

const DLTensor *BoundCase::makeIntegers(const LibraryTensor &wanted,
                                        ArrayRef<int64_t> shape) {
  // Without lengths, and with prefixes and documents of zeros, rows see what
  // the mask lets through.
  BenchTensor &made =
      owned.emplace_back(shape, verify::Elements::I32, Order::TokenMajor);
  const CallShape &s = benchCase.shape;
  assert(s.batch == 1 && "positions go on from row to row");
  if (wanted.name == "position_ids")
    made.fillWithIntegers(s.kvLength - s.queryLength, 1);
  else
    made.fillWithIntegers(0, 0);
  return made.get();
}

const DLTensor *BoundCase::makeLatentPart(verify::Elements elements,
                                          int64_t first, int64_t count) {
  const CallShape &s = benchCase.shape;
  if (!latents) {
    owned.emplace_back(
        ArrayRef<int64_t>{s.batch, s.kvLength, benchCase.latentElements},
        elements, Order::TokenMajor);
    owned.back().fill(owned.size());
    latents = &owned.back();
  }
  return owned.emplace_back(*latents, first, count).get();
}

/// Null if the tensor may be absent and changes nothing here.
Expected<const DLTensor *> BoundCase::makeTensor(const LibraryTensor &wanted) {
  verify::Elements elements = verify::elementsOf(wanted.type);
  bool isInteger = elements == verify::Elements::I32;
  if (wanted.optional && (wanted.output || isInteger))
    return nullptr;
  auto shape = shapeOf(wanted, benchCase.shape);
  if (!shape)
    return createStringError(fmt::format(
        "kernel '{}': tensor '{}' is [{}], which bench does not "
        "know",
        kernel->symbol, wanted.name, fmt::join(wanted.shape, ", ")));
  if (isInteger)
    return makeIntegers(wanted, *shape);
  if (auto columns = latentColumns(wanted, *shape, benchCase.latentElements))
    return makeLatentPart(elements, columns->first, columns->second);
  Order order = isKeyOrValue(wanted) ? benchCase.cache : Order::TokenMajor;
  double magnitude = 1;
  if (isWeight(wanted)) {
    benchCase.weights += countElements(*shape);
    // Sums have the size of what is summed.
    magnitude = std::sqrt(3.0 / double(shape->back()));
  }
  BenchTensor &made = owned.emplace_back(*shape, elements, order);
  if (elements == verify::Elements::Bool)
    made.fillWithTrue();
  else
    made.fill(owned.size(), magnitude);
  return owned.back().get();
}

Expected<std::unique_ptr<BoundCase>>
BoundCase::bind(const KernelLibrary &library, const BenchCase &subject) {
  std::unique_ptr<BoundCase> bound(new BoundCase(subject));
  for (const LibraryLayer &layer : library.layers()) {
    if (layer.layer != subject.layer)
      continue;
    bound->layerIndex = layer.index;
    bool isAbsorbed = subject.scope == Scope::Core && subject.absorbed;
    bound->kernel = library.find(layer, spell(subject.scope), isAbsorbed);
  }
  if (!bound->kernel)
    return createStringError(
        fmt::format("'{}' has no kernel of scope {} for layer {}",
                    library.name(), spell(subject.scope), subject.layer));
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
  uint64_t needed =
      workspaceBytes(*kernel, sizesOf(*kernel, tensors), crew.size());
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
