//===- KernelCases.cpp - What kernels are tried on ------------------------===//
//
// Lengths are odd and pass the sizes at which kernels change: query and key
// blocks of 16 to 256, and splits of 1024 keys.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/KernelCases.h"

#include "compiler/verify/Subject.h"

using namespace attn;
using namespace attn::verify;

static constexpr KernelCase kCases[] = {
    {.name = "prefill", .batch = 1, .queries = 131, .keys = 131},
    {.name = "prefill_batch",
     .batch = 3,
     .queries = 37,
     .keys = 139,
     .lengths = {139, 0, 71},
     .hasLengths = true,
     .checksBits = true},
    {.name = "chunk", .batch = 1, .queries = 67, .keys = 203},
    {.name = "chunk_of_splits",
     .batch = 1,
     .queries = 19,
     .keys = 2085,
     .lengths = {2053},
     .hasLengths = true,
     .checksBits = true},
    {.name = "short",
     .batch = 2,
     .queries = 5,
     .keys = 309,
     .lengths = {309, 77},
     .hasLengths = true,
     .checksBits = true},
    {.name = "short_of_splits", .batch = 1, .queries = 3, .keys = 1031},
    {.name = "decode",
     .batch = 3,
     .queries = 1,
     .keys = 1109,
     .lengths = {1109, 1, 515},
     .hasLengths = true,
     .checksBits = true},
    {.name = "decode_of_splits",
     .batch = 1,
     .queries = 1,
     .keys = 4099,
     .checksBits = true},
    {.name = "tail_prefill",
     .batch = 2,
     .queries = 35,
     .keys = 43,
     .lengths = {43, 17},
     .hasLengths = true,
     .checksBits = true},
    {.name = "tail_short",
     .batch = 2,
     .queries = 3,
     .keys = 43,
     .lengths = {43, 17},
     .hasLengths = true,
     .checksBits = true},
    {.name = "tail_decode",
     .batch = 2,
     .queries = 1,
     .keys = 43,
     .lengths = {43, 17},
     .hasLengths = true,
     .checksBits = true},
    {.name = "one_key", .batch = 1, .queries = 1, .keys = 1},
    {.name = "more_queries_than_keys", .batch = 1, .queries = 41, .keys = 9},
    {.name = "empty_sequences",
     .batch = 2,
     .queries = 3,
     .keys = 17,
     .hasLengths = true},
    {.name = "no_keys", .batch = 2, .queries = 3, .keys = 0},
    {.name = "no_queries", .batch = 2, .queries = 0, .keys = 5},
    {.name = "no_batch", .batch = 0, .queries = 3, .keys = 5},
    {.name = "strided_prefill",
     .batch = 2,
     .queries = 33,
     .keys = 65,
     .lengths = {65, 31},
     .hasLengths = true,
     .layout = Layout::Strided},
    {.name = "strided_decode",
     .batch = 2,
     .queries = 1,
     .keys = 129,
     .lengths = {129, 64},
     .hasLengths = true,
     .layout = Layout::Strided},
    {.name = "logits_1e3",
     .batch = 1,
     .queries = 35,
     .keys = 67,
     .logits = 1e3},
    {.name = "logits_1e30",
     .batch = 1,
     .queries = 35,
     .keys = 67,
     .logits = 3e29},
    {.name = "logits_1e30_decode",
     .batch = 1,
     .queries = 1,
     .keys = 67,
     .logits = 3e29},
    {.name = "nans",
     .batch = 2,
     .queries = 37,
     .keys = 37,
     .specials = Specials::Nans},
    {.name = "nans_short",
     .batch = 2,
     .queries = 3,
     .keys = 9,
     .specials = Specials::Nans},
    {.name = "infinite_scores",
     .batch = 2,
     .queries = 37,
     .keys = 37,
     .specials = Specials::InfiniteScores},
    {.name = "infinite_scores_short",
     .batch = 2,
     .queries = 3,
     .keys = 9,
     .specials = Specials::InfiniteScores},
    {.name = "infinite_values",
     .batch = 2,
     .queries = 37,
     .keys = 37,
     .specials = Specials::InfiniteValues},
    {.name = "infinite_values_short",
     .batch = 2,
     .queries = 3,
     .keys = 9,
     .specials = Specials::InfiniteValues},
    {.name = "weightless_infinities",
     .batch = 2,
     .queries = 37,
     .keys = 171,
     .specials = Specials::WeightlessInfinities},
    {.name = "weightless_infinities_from_the_start",
     .batch = 2,
     .queries = 37,
     .keys = 37,
     .specials = Specials::WeightlessInfinities},
    {.name = "weightless_infinities_short",
     .batch = 2,
     .queries = 3,
     .keys = 9,
     .specials = Specials::WeightlessInfinities},
    {.name = "weightless_infinities_decode",
     .batch = 2,
     .queries = 1,
     .keys = 1093,
     .specials = Specials::WeightlessInfinities},
};

llvm::ArrayRef<KernelCase> verify::kernelCases() { return kCases; }

bool verify::needsLengths(const KernelCase &spec) {
  auto isEmpty = [](int64_t length) { return length == 0; };
  return spec.hasLengths && llvm::all_of(spec.lengths, isEmpty);
}

/// Rows on both sides of key `edge`, in prefill, short query and decode.
static void addEdge(llvm::SmallVector<KernelCase> &cases, int64_t edge) {
  // Many rows of long sequences take long to interpret.
  if (edge <= 2048)
    cases.push_back(
        {.name = "edge_prefill", .batch = 1, .queries = 67, .keys = edge + 31});
  cases.push_back({.name = "edge_short",
                   .batch = 3,
                   .queries = 5,
                   .keys = edge + 4,
                   .lengths = {edge + 4, edge + 1, edge},
                   .hasLengths = true});
  cases.push_back({.name = "edge_decode",
                   .batch = 3,
                   .queries = 1,
                   .keys = edge + 2,
                   .lengths = {edge + 2, edge + 1, edge},
                   .hasLengths = true});
}

/// Prefixes that end before, among and behind the rows, and behind the keys.
static void addPrefixes(llvm::SmallVector<KernelCase> &cases) {
  cases.push_back({.name = "prefix_prefill",
                   .batch = 3,
                   .queries = 67,
                   .keys = 203,
                   .lengths = {203, 150, 61},
                   .hasLengths = true,
                   .prefixes = {171, 149, 500},
                   .checksBits = true});
  cases.push_back({.name = "prefix_short",
                   .batch = 3,
                   .queries = 4,
                   .keys = 131,
                   .lengths = {131, 129, 3},
                   .hasLengths = true,
                   .prefixes = {129, 128, 2},
                   .checksBits = true});
  cases.push_back({.name = "prefix_none",
                   .batch = 2,
                   .queries = 33,
                   .keys = 65,
                   .prefixes = {0, -7}});
}

/// Documents that end before, among and behind blocks and splits of keys, and
/// such as none but the row itself sees.
static void addDocuments(llvm::SmallVector<KernelCase> &cases) {
  constexpr std::tuple<llvm::StringLiteral, llvm::StringLiteral, Documents>
      kinds[] = {
          {"documents_prefill", "documents_decode", Documents::Growing},
          {"descending_prefill", "descending_decode", Documents::Descending},
          {"one_key_each_prefill", "one_key_each_decode", Documents::OfOneKey},
          {"one_document_prefill", "one_document_decode", Documents::One}};
  for (auto [prefill, decode, kind] : kinds) {
    cases.push_back({.name = prefill,
                     .batch = 3,
                     .queries = 139,
                     .keys = 203,
                     .lengths = {203, 150, 61},
                     .hasLengths = true,
                     .documents = kind,
                     .checksBits = kind == Documents::Growing});
    cases.push_back({.name = decode,
                     .batch = 3,
                     .queries = 1,
                     .keys = 2311,
                     .lengths = {2311, 1025, 1},
                     .hasLengths = true,
                     .documents = kind,
                     .checksBits = kind == Documents::Growing});
  }
  cases.push_back({.name = "one_key_each_nans",
                   .batch = 2,
                   .queries = 37,
                   .keys = 37,
                   .specials = Specials::Nans,
                   .documents = Documents::OfOneKey});
}

llvm::SmallVector<KernelCase> verify::edgeCases(const KeyInterval &interval) {
  // Longer sequences take long to interpret, and say nothing new.
  constexpr int64_t mostKeys = int64_t(1) << 14;
  llvm::SmallVector<KernelCase> cases;
  for (int64_t limit : {interval.left, interval.chunk})
    if (limit <= mostKeys)
      addEdge(cases, limit);
  if (interval.chunk <= mostKeys)
    addEdge(cases, 2 * interval.chunk);
  if (interval.prefix)
    addPrefixes(cases);
  if (interval.document)
    addDocuments(cases);
  return cases;
}

/// The sizes of a call that `arguments` fix; the others are kDynamic.
static OpenSizes fixedSizes(llvm::ArrayRef<Argument> arguments) {
  constexpr int64_t open = mlir::ShapedType::kDynamic;
  OpenSizes fixed = {.batch = open, .queries = open, .keys = open};
  auto fix = [](int64_t &size, int64_t extent) {
    if (!mlir::ShapedType::isDynamic(extent))
      size = extent;
  };
  for (const Argument &argument : arguments) {
    Role role = argument.role;
    if (role == Role::Sinks || role == Role::Table || isMask(role))
      continue;
    fix(fixed.batch, argument.shape[0]);
    if (role == Role::Query)
      fix(fixed.queries, argument.shape[1]);
    else if (isKey(role) || isValue(role))
      fix(fixed.keys, argument.shape[1]);
  }
  return fixed;
}

std::optional<KernelCase> verify::fitTo(KernelCase spec,
                                        llvm::ArrayRef<Argument> arguments) {
  OpenSizes fixed = fixedSizes(arguments);
  for (auto [size, extent] : {std::pair(&spec.batch, fixed.batch),
                              std::pair(&spec.queries, fixed.queries),
                              std::pair(&spec.keys, fixed.keys)}) {
    if (mlir::ShapedType::isDynamic(extent))
      continue;
    if (*size == 0 && extent != 0)
      return std::nullopt;
    *size = extent;
  }
  for (int64_t &length : spec.lengths)
    length = std::min(length, spec.keys);
  return spec;
}

bool verify::fits(const KernelCase &spec, llvm::ArrayRef<Argument> arguments) {
  return fitTo(spec, arguments) == spec;
}

llvm::SmallVector<Argument>
verify::closeFor(const KernelCase &spec, llvm::ArrayRef<Argument> arguments) {
  llvm::SmallVector<Argument> closed(arguments);
  close(closed,
        {.batch = spec.batch, .queries = spec.queries, .keys = spec.keys});
  return closed;
}
