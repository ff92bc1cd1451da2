//===- KernelInputs.cpp - The tensors of a case ---------------------------===//
//
// Random numbers, with NaN behind lengths, and what is special in places that
// some rows see.
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

/// The factor that makes scaled scores of uniform numbers about `logits`: a
/// product of `size` pairs has a deviation of sqrt(size) / 3, and the scale of
/// the scores is near 1 / sqrt(size).
double verify::largestQuery(const KernelCase &spec) { return 3 * spec.logits; }

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
