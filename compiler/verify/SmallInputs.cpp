//===- SmallInputs.cpp - Tensors that tell functions apart ----------------===//
//
// An argument's role gives its open sizes a meaning, so that all arguments of
// a case agree on batch, queries and keys.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/SmallInputs.h"

#include "compiler/verify/Arguments.h"
#include "compiler/verify/Random.h"
#include "compiler/verify/Slice.h"

using namespace mlir;
using namespace attn;
using namespace attn::verify;
using attn::reference::Tensor;

namespace {
/// What a case puts into the open sizes and the elements.
struct CaseSpec {
  StringRef name;
  int64_t queries, keys;
  /// Key lengths of the three batch rows, as shares of the keys in sevenths.
  std::array<int64_t, 3> sevenths = {7, 7, 7};
  bool nanBehindLengths = false;
  double queryFactor = 1;
  bool infinities = false;
  bool nans = false;
};
} // namespace

static constexpr int64_t kBatch = 3;

// What a mask shows has to be cut on both sides by some row, and rows have to
// be before all keys (more queries than keys) and behind a length.
static constexpr CaseSpec kCases[] = {
    {.name = "full", .queries = 5, .keys = 7},
    {.name = "lengths",
     .queries = 5,
     .keys = 13,
     .sevenths = {7, 0, 3},
     .nanBehindLengths = true},
    {.name = "decode",
     .queries = 1,
     .keys = 21,
     .sevenths = {7, 1, 4},
     .nanBehindLengths = true},
    {.name = "more queries than keys", .queries = 7, .keys = 3},
    {.name = "no keys", .queries = 3, .keys = 0},
    {.name = "no queries", .queries = 0, .keys = 3},
    {.name = "large logits", .queries = 5, .keys = 7, .queryFactor = 1e3},
    {.name = "infinities", .queries = 5, .keys = 7, .infinities = true},
    {.name = "NaNs", .queries = 5, .keys = 7, .nans = true},
};

/// Booleans at random, but that every row sees key 0: what a row without a key
/// computes is for masks by length to show.
static void fillMask(Tensor &mask, bool hides, Random &random) {
  int64_t keys = mask.rank() ? mask.shape().back() : 1;
  for (int64_t i = 0; i < mask.size(); ++i) {
    bool sees = i % keys == 0 || random.uniform() < 0;
    mask.data()[i] = sees != hides;
  }
}

/// Ascending from another start in every row.
static void fillPositions(Tensor &positions) {
  int64_t tokens = positions.rank() ? positions.shape().back() : 1;
  for (int64_t i = 0; i < positions.size(); ++i)
    positions.data()[i] = static_cast<double>(i % tokens + 3 * (i / tokens));
}

static Tensor makeTensor(const Argument &argument, const CaseSpec &spec,
                         Random &random) {
  Tensor tensor(argument.shape);
  if (argument.role == Role::Showing || argument.role == Role::Hiding) {
    fillMask(tensor, argument.role == Role::Hiding, random);
    return tensor;
  }
  if (argument.role == Role::Positions) {
    fillPositions(tensor);
    return tensor;
  }
  double factor = argument.role == Role::Query ? spec.queryFactor : 1;
  for (double &element : tensor.data())
    element = factor * random.uniform();
  return tensor;
}

/// Keys of the case: the extent that the key tensors really have.
static int64_t keysOf(ArrayRef<Argument> arguments) {
  for (const Argument &argument : arguments) {
    if (isKey(argument.role) || isValue(argument.role))
      return argument.shape[1];
    if (argument.role == Role::Score)
      return argument.shape[3];
  }
  return 0;
}

static void fillLengths(Tensor &lengths, const CaseSpec &spec, int64_t keys) {
  for (int64_t batch = 0; batch < lengths.size(); ++batch)
    lengths(batch) = static_cast<double>(
        spec.sevenths[batch % spec.sevenths.size()] * keys / 7);
}

/// No prefix, a part of the keys, and more than there are.
static void fillPrefix(Tensor &prefix, int64_t keys) {
  const int64_t lengths[] = {keys / 2, 0, keys + 3};
  for (int64_t batch = 0; batch < prefix.size(); ++batch)
    prefix(batch) = static_cast<double>(lengths[batch % 3]);
}

/// Documents of unequal lengths, other ones in each sequence.
static void fillDocuments(Tensor &documents) {
  for (int64_t batch = 0; batch < documents.dim(0); ++batch)
    for (int64_t key = 0; key < documents.dim(1); ++key)
      documents(batch, key) = static_cast<double>((key + batch) / 4 * 2 - 1);
}

static void poisonBehind(Tensor &tensor, const Tensor &lengths) {
  for (int64_t batch = 0; batch < tensor.dim(0); ++batch)
    for (auto key = static_cast<int64_t>(lengths(batch)); key < tensor.dim(1);
         ++key)
      std::fill_n(tensor.row(batch, key, 0), tensor.dim(2) * tensor.dim(3),
                  std::numeric_limits<double>::quiet_NaN());
}

/// Position `at` of the first sequence gets `special` in every head.
static void place(Tensor &tensor, int64_t at, double special) {
  if (tensor.dim(1) <= at || tensor.dim(3) == 0)
    return;
  for (int64_t head = 0; head < tensor.dim(2); ++head)
    tensor(0, at, head, 0) = special;
}

/// Scores of both infinities, or a NaN among the values: not in one case, which
/// could not tell a NaN that the inputs hold from one of infinities. Nor of one
/// key: a weighted sum cannot tell a masked key from one of weight 0.
static void placeSpecials(Role role, const CaseSpec &spec, Tensor &tensor) {
  if (role == Role::Key && spec.infinities)
    place(tensor, 2, -std::numeric_limits<double>::infinity());
  if (role != Role::Key && spec.nans)
    place(tensor, 1, std::numeric_limits<double>::quiet_NaN());
}

static void corrupt(ArrayRef<Argument> arguments, const CaseSpec &spec,
                    MutableArrayRef<Tensor> tensors) {
  const Tensor *lengths = nullptr;
  for (auto [argument, tensor] : llvm::zip(arguments, tensors)) {
    if (argument.role == Role::Lengths) {
      fillLengths(tensor, spec, keysOf(arguments));
      lengths = &tensor;
    }
    if (argument.role == Role::Prefix)
      fillPrefix(tensor, keysOf(arguments));
    if (argument.role == Role::Documents)
      fillDocuments(tensor);
  }
  for (auto [argument, tensor] : llvm::zip(arguments, tensors)) {
    if (!isKey(argument.role) && !isValue(argument.role))
      continue;
    Tensor heads = withHeads(tensor);
    if (lengths && spec.nanBehindLengths)
      poisonBehind(heads, *lengths);
    placeSpecials(argument.role, spec, heads);
    tensor = Tensor(tensor.shape(), heads.data().vec());
  }
}

static SmallInputs makeCase(ArrayRef<Argument> open, const CaseSpec &spec) {
  Random random(spec.queries * 1000 + spec.keys);
  SmallInputs inputs{.name = spec.name.str(), .tensors = {}};
  SmallVector<Argument> arguments(open);
  close(arguments,
        {.batch = kBatch, .queries = spec.queries, .keys = spec.keys});
  for (const Argument &argument : arguments)
    inputs.tensors.push_back(makeTensor(argument, spec, random));
  corrupt(arguments, spec, inputs.tensors);
  return inputs;
}

/// Whether a value of the function is used more than once.
static bool hasSharedValue(Operation *subject, ArrayRef<Argument> arguments) {
  auto function = dyn_cast<func::FuncOp>(subject);
  if (!function)
    return false;
  auto isShared = [](auto pair) {
    auto [tensor, argument] = pair;
    return isValue(argument.role) && !tensor.hasOneUse();
  };
  return llvm::any_of(llvm::zip(function.getArguments(), arguments), isShared);
}

SmallVector<SmallInputs> verify::makeSmallInputs(Operation *subject,
                                                 LatentForm form) {
  SmallVector<SmallInputs> cases;
  SmallVector<Argument> arguments = argumentsOf(subject, form);
  for (const CaseSpec &spec : kCases) {
    cases.push_back(makeCase(arguments, spec));
    cases.back().areScoresNan = spec.nans && hasSharedValue(subject, arguments);
  }
  return cases;
}
