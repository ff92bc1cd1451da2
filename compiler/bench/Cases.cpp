//===- Cases.cpp - What is measured ---------------------------------------===//
//
// Visible pairs follow SEMANTICS items 2 and 3: positions from the lengths, an
// interval of keys for each. Prefixes are empty, and documents are one. Latent
// layers expand as many keys as there are rows, so a weight counts once a row.
//
//===----------------------------------------------------------------------===//

#include "compiler/bench/Cases.h"

#include "compiler/StoredTypes.h"

#include <algorithm>
#include <fmt/format.h>

using namespace attn;

static constexpr int64_t kPrefillLength = 2048;
/// Of the scopes that do more than attention: a common chunk of a prompt.
static constexpr int64_t kChunkLength = 512;
static constexpr int64_t kDecodeContext = 16384;
static constexpr int64_t kLatentContext = 4096;

namespace {
/// Keys [begin, end) that one row sees.
struct KeyRange {
  int64_t begin, end;
  int64_t size() const { return std::max<int64_t>(end - begin, 0); }
};
} // namespace

static KeyRange visibleKeys(const CallShape &shape, const KeyInterval &interval,
                            int64_t row) {
  bool topLeft = interval.alignment == Alignment::TopLeft;
  int64_t position = row + (topLeft ? 0 : shape.kvLength - shape.queryLength);
  return {interval.begin(position), interval.end(position, shape.kvLength)};
}

bool BenchCase::isCausal() const { return mask.getInterval().isCausal(); }

double BenchCase::countFlops() const {
  KeyInterval interval = mask.getInterval();
  int64_t pairs = 0;
  for (int64_t row = 0; row < shape.queryLength; ++row)
    pairs += visibleKeys(shape, interval, row).size();
  double perPair = 2.0 * shape.queryHeads * (shape.headDim + shape.valueDim);
  return shape.batch * (perPair * pairs + 2.0 * weights * shape.queryLength);
}

int64_t BenchCase::keyBytes() const {
  if (latentElements)
    return latentElements * bytesOf(kDtype);
  return shape.kvHeads *
         (shape.headDim * bytesOf(kDtype) + shape.valueDim * bytesOf(vDtype));
}

double BenchCase::countKvBytes() const {
  // The intervals of successive rows meet, so what any row sees is one range.
  KeyInterval interval = mask.getInterval();
  KeyRange first = visibleKeys(shape, interval, 0);
  KeyRange last = visibleKeys(shape, interval, shape.queryLength - 1);
  KeyRange any = {first.begin, last.end};
  return double(any.size()) * shape.batch * double(keyBytes());
}

double BenchCase::countBytes() const {
  return countKvBytes() + double(weights) * bytesOf(dtype);
}

/// `prefill_2048`; `layer_prefill_512` beyond the core.
static std::string nameOf(Scope scope, std::string_view phase, int64_t length) {
  std::string name = fmt::format("{}_{}", phase, length);
  return scope == Scope::Core ? name : fmt::format("{}_{}", spell(scope), name);
}

static int64_t prefillLength(Scope scope) {
  return scope == Scope::Core ? kPrefillLength : kChunkLength;
}

/// `benchCase` in the types of `layer`.
static BenchCase withTypes(BenchCase benchCase, mlir::Operation *layer) {
  StorageAttr storage = storageOf(layer);
  benchCase.dtype = toDtype(storage.getActivation());
  benchCase.kDtype = toDtype(storage.getKey());
  benchCase.vDtype = toDtype(storage.getValue());
  return benchCase;
}

static BenchCase caseOf(GroupedOp layer, Scope scope, std::string_view phase,
                        int64_t queryLength, int64_t kvLength) {
  return withTypes({.name = nameOf(scope, phase, kvLength),
                    .shape = {.queryLength = queryLength,
                              .kvLength = kvLength,
                              .queryHeads = int64_t(layer.getHeads()),
                              .kvHeads = int64_t(layer.getKvHeads()),
                              .headDim = int64_t(layer.getHeadDim()),
                              .valueDim = layer.getValueSize()},
                    .mask = layer.getMask(),
                    .sinks = layer.getSinks(),
                    .scope = scope,
                    .layer = layer.getLayers().front()},
                   layer);
}

BenchCase attn::prefillCase(GroupedOp layer, Scope scope) {
  int64_t length = prefillLength(scope);
  return caseOf(layer, scope, "prefill", length, length);
}

BenchCase attn::decodeCase(GroupedOp layer, Scope scope, Order cache) {
  BenchCase decode = caseOf(layer, scope, "decode", 1, kDecodeContext);
  decode.cache = cache;
  if (cache == Order::TokenMajor)
    decode.name += "_token_major";
  return decode;
}

/// `benchCase` of `layer`: as a core kernel is called, each with its form, or
/// on the latents that the other scopes store.
static BenchCase latentCase(BenchCase benchCase, LatentOp layer) {
  benchCase.layer = layer.getLayers().front();
  bool isCore = benchCase.scope == Scope::Core;
  if (isCore)
    benchCase.name += benchCase.absorbed ? "_absorbed" : "_expanded";
  if (!isCore || benchCase.absorbed)
    benchCase.latentElements = layer.getAbsorbedSize();
  return withTypes(benchCase, layer);
}

BenchCase attn::prefillCase(LatentOp layer, Scope scope) {
  auto heads = int64_t(layer.getHeads());
  int64_t length = prefillLength(scope);
  return latentCase({.name = nameOf(scope, "prefill", length),
                     .shape = {.queryLength = length,
                               .kvLength = length,
                               .queryHeads = heads,
                               .kvHeads = heads,
                               .headDim = layer.getExpandedSize(),
                               .valueDim = int64_t(layer.getValueDim())},
                     .mask = layer.getMask(),
                     .scope = scope},
                    layer);
}

BenchCase attn::decodeCase(LatentOp layer, Scope scope) {
  return latentCase({.name = nameOf(scope, "decode", kLatentContext),
                     .shape = {.queryLength = 1,
                               .kvLength = kLatentContext,
                               .queryHeads = int64_t(layer.getHeads()),
                               .kvHeads = 1,
                               .headDim = layer.getAbsorbedSize(),
                               .valueDim = int64_t(layer.getKvRank())},
                     .mask = layer.getMask(),
                     .scope = scope,
                     .absorbed = true},
                    layer);
}

llvm::ArrayRef<ReferenceCase> attn::referenceCases() {
  static constexpr ReferenceCase kCases[] = {
      {"prefill_2048_noncausal_d128", "bidirectional", 128, false},
      {"prefill_2048_noncausal_d64", "bidirectional", 64, false},
      {"prefill_2048_causal_d128", "causal", 128, false},
      {"decode_16384_d128", "causal", 128, true},
  };
  return kCases;
}

std::string attn::declareReference(const ReferenceCase &reference,
                                   Dtype dtype) {
  return fmt::format("module @reference_{0}_d{1} {{\n"
                     "  attn.grouped @reference_{0}_d{1} {{\n"
                     "    hidden = {2}, heads = 32, kv_heads = 8,\n"
                     "    head_dim = {1}, layers = array<i64: 0>,\n"
                     "    storage = #attn.storage<activation = {3}, key = {3}, "
                     "value = {3}>,\n"
                     "    mask = #attn.{0}}}\n"
                     "}}\n",
                     reference.mask, reference.headDim, 32 * reference.headDim,
                     spell(dtype));
}
