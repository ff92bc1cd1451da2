//===- KernelCases.cpp - What kernels are tried on ------------------------===//
//
// Lengths are odd and pass the sizes at which kernels change: query and key
// blocks of 16 to 256, and splits of 1024 keys.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/KernelCases.h"

#include "compiler/verify/Random.h"
#include "compiler/verify/Slice.h"
#include "compiler/verify/Subject.h"
#include <cmath>

using namespace attn;
using namespace attn::verify;
using attn::reference::Tensor;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

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

/// The factor that makes scaled scores of uniform numbers about `logits`: a
/// product of `size` pairs has a deviation of sqrt(size) / 3, and the scale of
/// the scores is near 1 / sqrt(size).
double verify::largestQuery(const KernelCase &spec) { return 3 * spec.logits; }

static bool isMask(Role role) {
  return role == Role::Showing || role == Role::Added;
}

/// Booleans, or numbers to add: a fourth of the keys is hidden, and all of
/// every fifth row's. Behind the lengths a key is shown, or NaN is added.
static void fillMask(Role role, const Tensor &lengths, Tensor &mask,
                     Random &random) {
  int64_t keys = mask.dim(3), rows = mask.dim(1) * mask.dim(2);
  for (auto [index, value] : llvm::enumerate(mask.data())) {
    int64_t at = static_cast<int64_t>(index), row = at / keys;
    bool isHidden = random.next() % 4 == 0 || row % 5 == 1;
    bool isBehind = static_cast<double>(at % keys) >= lengths(row / rows);
    if (role == Role::Showing)
      value = isBehind || !isHidden;
    else
      value = isBehind ? kNan : isHidden ? -kInfinity : random.uniform();
  }
}

static Tensor makeTensor(const Argument &argument, const KernelCase &spec,
                         Random &random) {
  Tensor tensor(argument.shape);
  double factor = argument.role == Role::Query ? largestQuery(spec) : 1;
  // The largest sinks outweigh a row, the least ones do nothing.
  if (argument.role == Role::Sinks)
    factor = 8 * std::min(spec.logits, 1e3);
  // Outputs of huge logits need only lie among the values: zeros must not.
  double offset = isValue(argument.role) && spec.logits > 1e4 ? 3 : 0;
  for (double &element : tensor.data())
    element = static_cast<float>(factor * random.uniform() + offset);
  return tensor;
}

static void poisonBehind(Tensor &tensor, const Tensor &lengths) {
  int64_t row = tensor.dim(2) * tensor.dim(3);
  for (int64_t batch = 0; batch < tensor.dim(0); ++batch)
    for (auto key = static_cast<int64_t>(lengths(batch)); key < tensor.dim(1);
         ++key)
      std::fill_n(tensor.row(batch, key, 0), row, kNan);
}

/// Fills the row of `head` at `position` of the first sequence.
static void fillRow(Tensor &tensor, int64_t position, int64_t head,
                    double value) {
  if (tensor.dim(0) > 0 && tensor.dim(1) > position)
    std::fill_n(tensor.row(0, position, head), tensor.dim(3), value);
}

/// The same for the first element of the row alone.
static void setFirst(Tensor &tensor, int64_t position, int64_t head,
                     double value) {
  if (tensor.dim(0) > 0 && tensor.dim(1) > position)
    tensor(0, position, head, 0) = value;
}

/// NaN in a key of the first heads, a value of the last ones and one query.
static void placeNans(Role role, Tensor &tensor) {
  int64_t last = tensor.dim(2) - 1;
  if (isKey(role))
    setFirst(tensor, 2, 0, kNan);
  if (isValue(role))
    fillRow(tensor, 4, last, kNan);
  if (role == Role::Query)
    setFirst(tensor, 1, last, kNan);
}

/// With positive queries, one infinite element of a key decides whether its
/// scores are infinite, in whichever part of the key it stands.
static void makePositive(Tensor &query) {
  for (double &element : query.data())
    element = std::fabs(element) + 0.125;
}

/// Scores of -inf for key 2 and of +inf for key 5. A latent stays finite, since
/// it is also a value.
static void placeInfiniteScores(Role role, Tensor &tensor) {
  if (role == Role::Query)
    makePositive(tensor);
  if (role != Role::Key)
    return;
  for (int64_t head = 0; head < tensor.dim(2); ++head)
    setFirst(tensor, 2, head, -kInfinity);
  setFirst(tensor, 5, 0, kInfinity);
}

/// Scores of -inf where a value is infinite: for keys that are the first, in
/// the midst and the last.
static void placeWeightlessInfinities(Role role, Tensor &tensor) {
  if (role == Role::Query)
    return makePositive(tensor);
  if (tensor.dim(1) == 0)
    return;
  for (int64_t head = 0; head < tensor.dim(2); ++head)
    for (int64_t key : {int64_t(0), tensor.dim(1) / 3, tensor.dim(1) - 1})
      if (role == Role::Key)
        setFirst(tensor, key, head, -kInfinity);
      else if (role == Role::Value)
        fillRow(tensor, key, head, key % 2 ? kInfinity : -kInfinity);
}

static void placeSpecials(Specials specials, Role role, Tensor &tensor) {
  if (role == Role::Sinks || role == Role::Table)
    return;
  switch (specials) {
  case Specials::None:
    return;
  case Specials::Nans:
    return placeNans(role, tensor);
  case Specials::InfiniteScores:
    return placeInfiniteScores(role, tensor);
  case Specials::InfiniteValues:
    if (isValue(role))
      fillRow(tensor, 3, 0, -kInfinity);
    return;
  case Specials::WeightlessInfinities:
    return placeWeightlessInfinities(role, tensor);
  }
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

/// The valid keys of each sequence.
static Tensor lengthsOf(const KernelCase &spec,
                        llvm::ArrayRef<Argument> arguments) {
  Tensor lengths({spec.batch}, static_cast<double>(spec.keys));
  bool areTold =
      spec.hasLengths && llvm::any_of(arguments, [](const Argument &argument) {
        return argument.role == Role::Lengths;
      });
  for (int64_t batch = 0; areTold && batch < spec.batch; ++batch)
    lengths(batch) =
        static_cast<double>(spec.lengths[batch % spec.lengths.size()]);
  return lengths;
}

static Tensor prefixesOf(const KernelCase &spec) {
  Tensor prefixes({spec.batch});
  for (int64_t batch = 0; batch < spec.batch; ++batch)
    prefixes(batch) =
        static_cast<double>(spec.prefixes[batch % spec.prefixes.size()]);
  return prefixes;
}

llvm::SmallVector<Tensor>
verify::makeInputs(const KernelCase &spec, llvm::ArrayRef<Argument> arguments) {
  Random random(spec.queries * 100003 + spec.keys);
  Tensor lengths = lengthsOf(spec, arguments);
  llvm::SmallVector<Tensor> tensors;
  for (const Argument &argument : closeFor(spec, arguments)) {
    if (argument.role == Role::Lengths) {
      tensors.push_back(lengths);
      continue;
    }
    if (argument.role == Role::Prefix) {
      tensors.push_back(prefixesOf(spec));
      continue;
    }
    if (argument.role == Role::Documents) {
      tensors.push_back(makeDocuments(argument.shape, spec.documents));
      continue;
    }
    Tensor tensor = makeTensor(argument, spec, random);
    if (isMask(argument.role)) {
      fillMask(argument.role, lengths, tensor, random);
      tensors.push_back(std::move(tensor));
      continue;
    }
    Tensor heads = withHeads(tensor);
    placeSpecials(spec.specials, argument.role, heads);
    if (isKey(argument.role) || isValue(argument.role))
      poisonBehind(heads, lengths);
    tensors.push_back(Tensor(tensor.shape(), heads.data().vec()));
  }
  return tensors;
}

llvm::SmallVector<Tensor> verify::makeInputs(const KernelCase &spec,
                                             const Subject &subject) {
  llvm::SmallVector<Tensor> inputs = makeInputs(spec, subject.arguments);
  for (auto [elements, tensor] :
       llvm::zip_equal(elementsOf(subject, /*ofResults=*/false), inputs))
    store(elements, tensor);
  return inputs;
}
