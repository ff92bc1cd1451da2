//===- LayerCall.cpp - What a call of a layer leaves to run ---------------===//
//
// See LayerCall.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/run/LayerCall.h"

#include "compiler/run/Binding.h"
#include "llvm/ADT/STLExtras.h"

#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attn;
using llvm::Error;
using llvm::StringRef;

static StringRef contentsOf(StringRef cache) {
  cache.consume_back("_cache");
  return cache;
}

std::string attn::pastName(StringRef cache) {
  return ("past_" + contentsOf(cache)).str();
}

std::string attn::presentName(StringRef cache) {
  return ("present_" + contentsOf(cache)).str();
}

namespace {
/// Sizes of the call, and what is valid of each sequence after it.
struct LayerCallSizes {
  /// False if the first tensor is missing or of another shape.
  bool areKnown = false;
  int64_t batch = 0, queries = 0, past = 0, capacity = 0;
  std::vector<int64_t> lengths;
};
} // namespace

/// The elements of an integer tensor; nothing for one of another type.
static std::optional<std::vector<int64_t>>
readIntegers(const StoredTensor &tensor) {
  size_t size = tensor.dtype == "I64" ? 8 : tensor.dtype == "I32" ? 4 : 0;
  if (!size)
    return std::nullopt;
  std::vector<int64_t> values;
  for (size_t at = 0; at < tensor.bytes.size(); at += size) {
    int64_t wide = 0;
    int32_t narrow = 0;
    std::memcpy(size == 8 ? static_cast<void *>(&wide) : &narrow,
                tensor.bytes.data() + at, size);
    values.push_back(size == 8 ? wide : narrow);
  }
  return values;
}

static Error addIntegers(CallTensors &tensors, StringRef name,
                         std::vector<int64_t> shape,
                         llvm::ArrayRef<int64_t> values) {
  AlignedBytes bytes = allocateAligned(values.size() * 4);
  if (!bytes)
    return llvm::createStringError(fmt::format("tensor '{}': no memory for {}",
                                               std::string_view(name), shape));
  for (auto [index, value] : llvm::enumerate(values)) {
    auto narrow = int32_t(value);
    std::memcpy(bytes.get() + index * 4, &narrow, 4);
  }
  tensors.add(name.str(), "I32", std::move(shape), std::move(bytes),
              values.size() * 4);
  return Error::success();
}

/// Whether `shape` has the sizes that `declared` tells.
static bool hasKnownSizes(const LibraryTensor &declared,
                          llvm::ArrayRef<int64_t> shape) {
  if (shape.size() != declared.shape.size())
    return false;
  for (auto [extent, size] : llvm::zip_equal(declared.shape, shape))
    if (int64_t known; !StringRef(extent).getAsInteger(10, known))
      if (known != size)
        return false;
  return true;
}

/// Tokens that the caches hold already: as many in each.
static llvm::Expected<int64_t> readPast(const LibraryKernel &kernel,
                                        const CallTensors &tensors,
                                        int64_t batch) {
  const StoredTensor *first = nullptr;
  std::string missing;
  for (const LibraryTensor &cache : kernel.tensors) {
    if (!cache.updated || tensors.findExact(cache.name))
      continue;
    const StoredTensor *past = tensors.findExact(pastName(cache.name));
    if (!past) {
      missing = pastName(cache.name);
      continue;
    }
    StringRef stored = storedTypeOf(cache.type).name;
    if (past->dtype != stored || !hasKnownSizes(cache, past->shape) ||
        past->shape[0] != batch)
      return llvm::createStringError(fmt::format(
          "tensor '{}': is {}, expected {} [{}, tokens, {}]", past->name,
          past->describe(), std::string_view(stored), batch,
          fmt::join(llvm::ArrayRef(cache.shape).drop_front(2), ", ")));
    if (first && first->shape[1] != past->shape[1])
      return llvm::createStringError(fmt::format(
          "tensor '{}' holds {} tokens, '{}' holds {}: expected "
          "as many",
          first->name, first->shape[1], past->name, past->shape[1]));
    if (!first)
      first = past;
  }
  if (first && !missing.empty())
    return llvm::createStringError(
        fmt::format("no tensor '{}', but '{}' holds {} tokens", missing,
                    first->name, first->shape[1]));
  return first ? first->shape[1] : 0;
}

/// Files have the caches themselves, with all that they hold: lengths count it.
static bool hasOwnCaches(const LibraryKernel &kernel,
                         const CallTensors &tensors) {
  return llvm::all_of(kernel.tensors, [&](const LibraryTensor &tensor) {
    return !tensor.updated || tensors.findExact(tensor.name);
  });
}

static llvm::Expected<LayerCallSizes> readSizes(const LibraryKernel &kernel,
                                                const CallTensors &tensors) {
  LayerCallSizes sizes;
  const StoredTensor *rows = tensors.findExact(kernel.tensors.front().name);
  // What is missing or of another size is reported where tensors are bound.
  if (!rows || !hasKnownSizes(kernel.tensors.front(), rows->shape))
    return sizes;
  constexpr int64_t mostTokens = int64_t(1) << 30;
  if (rows->shape[0] > mostTokens || rows->shape[1] > mostTokens)
    return llvm::createStringError(
        fmt::format("tensor '{}': is {}, expected at most {} sequences of as "
                    "many tokens",
                    rows->name, rows->describe(), mostTokens));
  // Nobody reads of what has no tokens.
  if (rows->shape[1] == 0 && rows->shape[0] > (int64_t(1) << 20))
    return llvm::createStringError(
        fmt::format("tensor '{}': is {}, which has no tokens", rows->name,
                    rows->describe()));
  sizes.areKnown = true;
  sizes.batch = rows->shape[0];
  sizes.queries = rows->shape[1];
  auto past = readPast(kernel, tensors, sizes.batch);
  if (!past)
    return past.takeError();
  sizes.past = *past;
  sizes.lengths.assign(sizes.batch, sizes.past + sizes.queries);
  if (const StoredTensor *given = tensors.findExact("kv_lengths"))
    if (auto lengths = readIntegers(*given);
        lengths && int64_t(lengths->size()) == sizes.batch)
      sizes.lengths = *lengths;
  sizes.capacity = sizes.past;
  for (int64_t length : sizes.lengths)
    sizes.capacity = std::max(sizes.capacity, length);
  if (hasOwnCaches(kernel, tensors))
    return sizes;
  if (sizes.capacity > sizes.past + sizes.queries)
    return llvm::createStringError(fmt::format(
        "tensor 'kv_lengths': a length is {}, but {} tokens and {} new ones "
        "make {}",
        sizes.capacity, sizes.past, sizes.queries, sizes.past + sizes.queries));
  return sizes;
}

/// The past in front, nothing behind it. Tensors lie row-major, so that each
/// sequence's past is one piece.
static Error addCache(const LibraryTensor &cache, const LayerCallSizes &sizes,
                      CallTensors &tensors) {
  std::vector<int64_t> shape = {sizes.batch, sizes.capacity};
  StoredType stored = storedTypeOf(cache.type);
  uint64_t token = stored.bytes;
  for (const std::string &extent : llvm::ArrayRef(cache.shape).drop_front(2)) {
    int64_t size = 0;
    if (StringRef(extent).getAsInteger(10, size))
      return llvm::createStringError(fmt::format(
          "tensor '{}': no input tells what '{}' is", cache.name, extent));
    shape.push_back(size);
    token *= uint64_t(size);
  }
  std::string name = pastName(cache.name);
  const StoredTensor *past = tensors.findExact(name);
  uint64_t pastBytes = uint64_t(sizes.past) * token;
  assert((!past || past->bytes.size() == uint64_t(sizes.batch) * pastBytes) &&
         "readPast has checked it");
  uint64_t row = uint64_t(sizes.capacity) * token;
  uint64_t size = uint64_t(sizes.batch) * row;
  AlignedBytes bytes = allocateAligned(size);
  if (!bytes)
    return llvm::createStringError(
        fmt::format("tensor '{}': no memory for {}", cache.name, shape));
  std::memset(bytes.get(), 0, size);
  for (int64_t batch = 0; past && batch < sizes.batch; ++batch)
    std::memcpy(bytes.get() + uint64_t(batch) * row,
                past->bytes.data() + uint64_t(batch) * pastBytes, pastBytes);
  tensors.add(cache.name, stored.name.str(), std::move(shape), std::move(bytes),
              size);
  return Error::success();
}

/// Row i of n stands where the sequence's length puts it.
static std::vector<int64_t> positionsOf(const LayerCallSizes &sizes) {
  std::vector<int64_t> positions;
  for (int64_t length : sizes.lengths) {
    int64_t begin = std::max<int64_t>(length, 0) - sizes.queries;
    for (int64_t row = 0; row < sizes.queries; ++row)
      positions.push_back(std::max<int64_t>(begin + row, 0));
  }
  return positions;
}

/// Frameworks give the positions of one sequence for all, as [1, query_length].
static Error repeatPositions(CallTensors &tensors,
                             const LayerCallSizes &sizes) {
  constexpr StringRef name = "position_ids";
  const StoredTensor *given = tensors.findExact(name);
  if (!given || sizes.batch < 2 ||
      given->shape != std::vector<int64_t>{1, sizes.queries})
    return Error::success();
  std::optional<std::vector<int64_t>> row = readIntegers(*given);
  if (!row)
    return Error::success();
  std::vector<int64_t> all;
  for (int64_t sequence = 0; sequence < sizes.batch; ++sequence)
    llvm::append_range(all, *row);
  for (auto [index, value] : llvm::enumerate(*row))
    if (int32_t(value) != value)
      return llvm::createStringError(
          fmt::format("tensor '{}': element {} is {}, which int32 cannot hold",
                      std::string_view(name), index, value));
  return addIntegers(tensors, name, {sizes.batch, sizes.queries}, all);
}

Error attn::completeLayerCall(const LibraryKernel &kernel,
                              CallTensors &tensors) {
  if (hasOwnCaches(kernel, tensors) && !tensors.findExact("kv_lengths"))
    return llvm::createStringError(
        "no tensor 'kv_lengths', which says how much the given caches hold");
  auto sizes = readSizes(kernel, tensors);
  if (!sizes)
    return sizes.takeError();
  if (!sizes->areKnown)
    return Error::success();
  if (Error error = repeatPositions(tensors, *sizes))
    return error;
  for (const LibraryTensor &tensor : kernel.tensors) {
    if (tensor.output || tensors.findExact(tensor.name))
      continue;
    Error error = Error::success();
    if (tensor.updated)
      error = addCache(tensor, *sizes, tensors);
    else if (tensor.name == "kv_lengths")
      error = addIntegers(tensors, tensor.name, {sizes->batch}, sizes->lengths);
    else if (tensor.name == "position_ids")
      error = addIntegers(tensors, tensor.name, {sizes->batch, sizes->queries},
                          positionsOf(*sizes));
    if (error)
      return error;
  }
  return Error::success();
}
