//===- GraphCases.cpp - Graphs against the reference ----------------------===//
//
// The manifest says which sizes are equal; what the others are for, roles of
// the arguments say.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/GraphCases.h"

#include "compiler/verify/Compare.h"
#include "compiler/verify/Documents.h"
#include "compiler/verify/Input.h"
#include "compiler/verify/Random.h"
#include "compiler/verify/Steps.h"
#include "dialects/attn/AttnDialect.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cmath>
#include <fmt/format.h>
#include <future>
#include <limits>

using namespace mlir;
using namespace attn;
using namespace attn::verify;
using attn::reference::Tensor;

namespace {
/// What is not a plain random number.
enum class Specials {
  None,
  /// What is no weight is so much larger that functions saturate.
  Large,
  /// Added masks hide keys, and all keys of some rows.
  HidingMasks,
};

/// Values of the sizes that only the call knows.
struct GraphCase {
  StringRef name;
  int64_t batch, queries, keys;
  Specials specials = Specials::None;
};

/// One call: its inputs, and the shapes of its results.
struct GraphCall {
  const Subject &subject;
  const GraphCase &spec;
  Inputs inputs;

  Outcome run(const CallOptions &options, Layout layout,
              bool withoutLengths = false) const;
};
} // namespace

static constexpr GraphCase kCases[] = {
    {.name = "one", .batch = 1, .queries = 1, .keys = 1},
    {.name = "decode", .batch = 3, .queries = 1, .keys = 139},
    {.name = "decode_of_splits", .batch = 1, .queries = 1, .keys = 2100},
    {.name = "small", .batch = 3, .queries = 5, .keys = 9},
    {.name = "rows", .batch = 2, .queries = 67, .keys = 139},
    {.name = "keys", .batch = 1, .queries = 19, .keys = 1061},
    {.name = "prompt", .batch = 1, .queries = 211, .keys = 223},
    {.name = "more_queries_than_keys", .batch = 2, .queries = 41, .keys = 9},
    {.name = "no_batch", .batch = 0, .queries = 5, .keys = 9},
    {.name = "no_queries", .batch = 3, .queries = 0, .keys = 9},
    {.name = "no_keys", .batch = 3, .queries = 5, .keys = 0},
    {.name = "large",
     .batch = 2,
     .queries = 35,
     .keys = 43,
     .specials = Specials::Large},
    {.name = "hiding_masks",
     .batch = 2,
     .queries = 35,
     .keys = 171,
     .specials = Specials::HidingMasks},
};

static SmallVector<int64_t> shapeIn(const LibraryTensor &tensor,
                                    const GraphCase &spec) {
  return verify::shapeOf(
      tensor,
      {.batch = spec.batch, .queries = spec.queries, .keys = spec.keys});
}

/// Whether a tensor of the call has no elements.
static bool isEmpty(const LibraryKernel &kernel, const GraphCase &spec) {
  return llvm::any_of(kernel.tensors, [&](const LibraryTensor &tensor) {
    return llvm::is_contained(shapeIn(tensor, spec), 0);
  });
}

static bool isStatic(const LibraryKernel &kernel) {
  int64_t number;
  return llvm::all_of(kernel.tensors, [&](const LibraryTensor &tensor) {
    return llvm::all_of(tensor.shape, [&](StringRef extent) {
      return !extent.getAsInteger(10, number);
    });
  });
}

/// Rows that a sequence may have: those of caches that grow, else of the
/// longest argument.
static int64_t longest(const Subject &subject, const GraphCase &spec) {
  ArrayRef<LibraryTensor> tensors = subject.kernel->tensors;
  int64_t most = 0, room = std::numeric_limits<int64_t>::max();
  for (const LibraryTensor &tensor : tensors)
    if (tensor.shape.size() >= 3 && !tensor.output)
      most = std::max(most, shapeIn(tensor, spec)[1]);
  subject.op->walk([&](CacheAppendOp append) {
    if (auto cache = dyn_cast<BlockArgument>(append.getCache()))
      room = std::min(room, shapeIn(tensors[cache.getArgNumber()], spec)[1]);
  });
  return std::min(most, room);
}

static double elementOf(Elements elements, Role role, int64_t most,
                        int64_t index, int64_t width, Random &random) {
  if (isFloat(elements))
    return random.uniform();
  // The first key of a mask is seen, as padding stands at the end.
  if (elements == Elements::Bool)
    return index % width == 0 ? role != Role::Hiding
                              : static_cast<double>(random.next() & 1);
  // Sequences of unequal lengths; positions anywhere.
  if (role == Role::Lengths)
    return static_cast<double>(std::max<int64_t>(most - index, 0));
  uint64_t most32 = std::numeric_limits<int32_t>::max();
  return static_cast<double>(random.next() % (index % 7 == 3 ? most32 : 5000));
}

/// What is of the highest rank is no weight.
static void enlarge(MutableArrayRef<Tensor> inputs, const Subject &subject) {
  // Scores of squares stay decidable, and exponentials finite.
  constexpr double factor = 32;
  int64_t highest = 0;
  for (const Tensor &input : inputs)
    highest = std::max(highest, input.rank());
  for (auto [tensor, argument, input] :
       llvm::zip(subject.kernel->tensors, subject.arguments, inputs))
    if (isFloat(elementsOf(tensor.type)) && argument.role != Role::Added &&
        input.rank() == highest)
      for (double &value : input.data())
        value *= factor;
}

/// -inf and the lowest float among the numbers of a mask, in all rows but for
/// the first key; every fifth row is -inf alone, and every fifth the lowest.
static void hideKeys(Tensor &mask, double lowest, Random &random) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  int64_t width = mask.shape().back();
  for (auto [index, value] : llvm::enumerate(mask.data())) {
    int64_t at = static_cast<int64_t>(index);
    int64_t row = at / width, key = at % width;
    uint64_t chosen = random.next() % 4;
    if (row % 5 == 1 || (key > 0 && chosen == 0))
      value = -infinity;
    else if (row % 5 == 3 || (key > 0 && chosen == 1))
      value = lowest;
  }
}

static void placeSpecials(MutableArrayRef<Tensor> inputs,
                          const Subject &subject, Specials specials,
                          Random &random) {
  switch (specials) {
  case Specials::None:
    return;
  case Specials::Large:
    return enlarge(inputs, subject);
  case Specials::HidingMasks:
    for (auto [tensor, argument, input] :
         llvm::zip(subject.kernel->tensors, subject.arguments, inputs))
      if (argument.role == Role::Added)
        hideKeys(input, lowest(elementsOf(tensor.type)), random);
    return;
  }
}

/// Whether the case can be called, and says what no other says.
static bool isTaken(const Subject &subject, const GraphCase &spec) {
  // A folder of decode kernels takes few queries.
  if (spec.queries > subject.kernel->maxQueries)
    return false;
  if (spec.specials == Specials::HidingMasks)
    return subject.find(Role::Added) >= 0;
  if (spec.specials == Specials::Large || &spec == &kCases[0])
    return true;
  bool isOfNothing = !spec.batch || !spec.queries || !spec.keys;
  return !isStatic(*subject.kernel) &&
         (!isOfNothing || isEmpty(*subject.kernel, spec));
}

static bool isWeight(const LibraryTensor &tensor, Role role) {
  int64_t number;
  return role != Role::Added && isFloat(elementsOf(tensor.type)) &&
         tensor.shape.size() == 2 &&
         llvm::none_of(tensor.shape, [&](StringRef extent) {
           return extent.getAsInteger(10, number);
         });
}

/// Products with a random weight keep the size of what they multiply, so that
/// scores stay such as models have.
static void shrinkWeight(Tensor &values) {
  if (values.shape()[1] <= 3)
    return;
  double factor = std::sqrt(3.0 / static_cast<double>(values.shape()[1]));
  for (double &value : values.data())
    value *= factor;
}

/// Random elements of argument `index` such as its type holds.
static Tensor makeTensor(const Subject &subject, size_t index,
                         const GraphCase &spec, Random &random) {
  const LibraryTensor &tensor = subject.kernel->tensors[index];
  Role role = subject.arguments[index].role;
  Elements elements = elementsOf(tensor.type);
  int64_t most = longest(subject, spec);
  Tensor values(shapeIn(tensor, spec));
  if (role == Role::Documents)
    values = makeDocuments(values.shape(), Documents::Growing);
  else
    for (auto [i, value] : llvm::enumerate(values.data()))
      value = elementOf(elements, role, most, static_cast<int64_t>(i),
                        values.shape().back(), random);
  if (isWeight(tensor, role))
    shrinkWeight(values);
  // Integers are exact as float32.
  store(isFloat(elements) ? elements : Elements::F32, values);
  return values;
}

/// The weights of a graph, which all cases share; null for other arguments, and
/// where none has a higher rank, so that one may be something else.
static Inputs makeWeights(const Subject &subject) {
  ArrayRef<LibraryTensor> tensors = subject.kernel->tensors;
  bool isOfLayer = llvm::any_of(tensors, [](const LibraryTensor &tensor) {
    return !tensor.output && tensor.shape.size() > 2;
  });
  Inputs weights(subject.arguments.size());
  for (auto [index, weight] : llvm::enumerate(weights)) {
    if (!isOfLayer || !isWeight(tensors[index], subject.arguments[index].role))
      continue;
    Random random(index);
    weight =
        std::make_shared<Input>(makeTensor(subject, index, kCases[0], random),
                                elementsOf(tensors[index].type));
  }
  return weights;
}

static GraphCall makeCall(const Subject &subject, const GraphCase &spec,
                          const Inputs &weights) {
  Random random(spec.queries * 100003 + spec.keys);
  SmallVector<Tensor> values(weights.size());
  for (auto [index, weight] : llvm::enumerate(weights))
    if (!weight)
      values[index] = makeTensor(subject, index, spec, random);
  placeSpecials(values, subject, spec.specials, random);
  GraphCall call{subject, spec, weights};
  for (auto [tensor, value, input] :
       llvm::zip(subject.kernel->tensors, values, call.inputs))
    if (!input)
      input =
          std::make_shared<Input>(std::move(value), elementsOf(tensor.type));
  return call;
}

Outcome GraphCall::run(const CallOptions &options, Layout layout,
                       bool withoutLengths) const {
  const LibraryKernel &kernel = *subject.kernel;
  Outcome outcome;
  SmallVector<const DLTensor *> tensors;
  // Buffers stay where they are: room for all of them is made first.
  outcome.outputs.reserve(kernel.tensors.size());
  for (auto [index, tensor] : llvm::enumerate(kernel.tensors)) {
    Elements elements = elementsOf(tensor.type);
    auto addOutput = [&](const auto &contents) {
      return outcome.outputs.emplace_back(contents, elements, layout)
          .dlTensor();
    };
    if (tensor.output)
      tensors.push_back(addOutput(shapeIn(tensor, spec)));
    else if (tensor.updated) // is read as a result
      tensors.push_back(addOutput(inputs[index]->values()));
    else if (withoutLengths && tensor.optional)
      tensors.push_back(nullptr);
    else
      tensors.push_back(inputs[index]->dlTensor(layout));
  }
  outcome.error = callKernel(kernel, subject.index, tensors, options);
  for (const Buffer &buffer : outcome.outputs)
    if (outcome.error.empty() && !buffer.areGapsUntouched())
      outcome.error = "wrote outside the elements of an output";
  return outcome;
}

static CaseReport reportOf(const GraphCall &call, StringRef variant) {
  CaseReport report;
  report.kernel = call.subject.kernel->symbol;
  report.target = call.subject.kernel->target;
  report.layer = call.subject.layer;
  report.name = fmt::format("{}{}", std::string_view(call.spec.name),
                            std::string_view(variant));
  if (!isStatic(*call.subject.kernel))
    report.shape = {.batch = call.spec.batch,
                    .queryLength = call.spec.queries,
                    .kvLength = call.spec.keys};
  return report;
}

static double largest(const Tensor &tensor) {
  double most = 0;
  for (double value : tensor.data())
    if (std::isfinite(value))
      most = std::max(most, std::fabs(value));
  return most;
}

/// Twice the error of the naive evaluation, and a rounding of the
/// largest score, times the largest element (semantics, item 13). Its least
/// error is meant for numbers about 1: of large ones it is a part.
static double toleranceOf(const Tensor &expected, const Tensor &naive,
                          Specials specials, double maxScore) {
  double most = largest(expected);
  double unit = specials == Specials::Large ? std::max(most, 1.0) : 1;
  return 2 * worstDifference(expected, naive).error + 1e-5 * unit +
         0x1p-23 * most * std::max(maxScore, 1.0);
}

/// What the function returns for the tensors that a call writes, in the order
/// of its arguments.
static FailureOr<SmallVector<Tensor>>
interpret(const GraphCall &call, reference::Precision precision,
          reference::Trace *trace = nullptr) {
  auto function = cast<func::FuncOp>(call.subject.op);
  SmallVector<const Tensor *> inputs;
  for (const std::shared_ptr<Input> &input : call.inputs)
    inputs.push_back(&input->values());
  auto results = reference::interpret(function, inputs, precision, trace);
  if (failed(results))
    return failure();
  SmallVector<Tensor> ordered;
  size_t written = 0;
  for (const LibraryTensor &tensor : call.subject.kernel->tensors) {
    if (!tensor.output && !tensor.updated)
      continue;
    ++written;
    StringRef key =
        tensor.output ? StringRef(kNameAttr) : StringRef(kUpdatesAttr);
    for (auto [index, result] : llvm::enumerate(*results))
      if (auto name = function.getResultAttrOfType<StringAttr>(index, key);
          name && name == tensor.name)
        ordered.push_back(result);
  }
  if (ordered.size() != written)
    return failure();
  return ordered;
}

/// What is too large for what results are stored in is infinite there.
static void overflow(const GraphCall &call, MutableArrayRef<Tensor> results) {
  Tensor *result = results.data();
  for (const LibraryTensor &tensor : call.subject.kernel->tensors)
    if (tensor.output || tensor.updated)
      for (double &value : (result++)->data())
        if (double held = stored(elementsOf(tensor.type), value);
            std::isinf(held))
          value = held;
}

static CaseReport checkValues(const GraphCall &call, const Outcome &outcome) {
  CaseReport report = reportOf(call, "");
  reference::Trace trace;
  auto exact = interpret(call, reference::Precision::F64, &trace);
  auto naive = interpret(call, reference::Precision::F32);
  if (failed(exact) || failed(naive))
    report.detail = "the reference does not interpret this function";
  else
    report.detail = outcome.error;
  report.ok = report.detail.empty();
  if (!report.ok)
    return report;
  overflow(call, *exact);
  for (auto [expected, rounded, output] :
       llvm::zip_equal(*exact, *naive, outcome.outputs)) {
    double tolerance =
        toleranceOf(expected, rounded, call.spec.specials, trace.maxScore);
    Difference worst = worstDifference(expected, output.read());
    double error =
        worst.inPattern ? std::numeric_limits<double>::infinity() : worst.error;
    if (report.ok &&
        error * report.tolerance >= report.maxAbsError * tolerance) {
      report.maxAbsError = error;
      report.tolerance = tolerance;
    }
    if (error <= tolerance || !report.ok)
      continue;
    report.ok = false;
    report.maxAbsError = error;
    report.tolerance = tolerance;
    report.detail = describe(worst, expected);
  }
  return report;
}

/// The bits of another call are those of the plain one.
static CaseReport checkBits(const GraphCall &call, StringRef variant,
                            const Outcome &plain, const Outcome &other) {
  CaseReport report = reportOf(call, variant);
  report.detail = plain.error.empty() ? other.error : plain.error;
  report.ok = report.detail.empty();
  for (auto [left, right] : llvm::zip_equal(plain.outputs, other.outputs))
    if (report.ok && left.bytes() != right.bytes()) {
      report.ok = false;
      report.detail = "differs in bits from the plain call";
    }
  return report;
}

/// Lengths that are left out are the capacity; nothing if none may be.
static std::optional<CaseReport> checkWithoutLengths(GraphCall call) {
  for (auto [tensor, input] :
       llvm::zip(call.subject.kernel->tensors, call.inputs)) {
    if (!tensor.optional || tensor.output)
      continue;
    input = std::make_shared<Input>(
        Tensor(input->values().shape(), static_cast<double>(call.spec.keys)),
        elementsOf(tensor.type));
    return checkBits(call, "_without_lengths", call.run({}, Layout::Contiguous),
                     call.run({}, Layout::Contiguous, /*withoutLengths=*/true));
  }
  return std::nullopt;
}

/// The steps of a call have the bits of the call, where it takes them.
static std::optional<CaseReport> checkSteps(const GraphCall &call,
                                            const Outcome &plain) {
  const Subject &subject = call.subject;
  int64_t most = subject.decode ? subject.decode->maxQueries : 0;
  for (const LibraryKernel *step : subject.steps)
    most = std::min(most, step->maxQueries);
  if (subject.steps.empty() || call.spec.queries > most)
    return std::nullopt;
  return checkBits(call, "_step_by_step", plain,
                   callSteps(subject, call.inputs,
                             {.batch = call.spec.batch,
                              .queries = call.spec.queries,
                              .keys = call.spec.keys}));
}

std::vector<CaseReport> verify::verifyGraph(const Subject &subject) {
  constexpr std::pair<StringLiteral, Execution> executions[] = {
      {"_repeated", Execution::Serial},
      {"_reversed", Execution::Reversed},
      {"_two_threads", Execution::TwoThreads},
      {"_ggml_style", Execution::GgmlStyle}};
  std::vector<CaseReport> reports;
  Inputs weights = makeWeights(subject);
  for (const GraphCase &spec : kCases) {
    if (!isTaken(subject, spec))
      continue;
    GraphCall call = makeCall(subject, spec, weights);
    Outcome plain = call.run({}, Layout::Contiguous);
    // One thread interprets, the other only calls kernels.
    auto values = std::async(std::launch::async,
                             [&] { return checkValues(call, plain); });
    std::vector<CaseReport> bits;
    for (auto [variant, execution] : executions)
      bits.push_back(
          checkBits(call, variant, plain,
                    call.run({.execution = execution}, Layout::Contiguous)));
    bits.push_back(
        checkBits(call, "_strided", plain, call.run({}, Layout::Strided)));
    if (auto report = checkSteps(call, plain))
      bits.push_back(std::move(*report));
    if (auto report = checkWithoutLengths(call))
      bits.push_back(std::move(*report));
    reports.push_back(values.get());
    llvm::append_range(reports, bits);
  }
  return reports;
}

bool verify::runsGraphHere(const Subject &subject) {
  std::vector<Buffer> buffers;
  SmallVector<const DLTensor *> tensors;
  buffers.reserve(subject.kernel->tensors.size());
  for (const LibraryTensor &tensor : subject.kernel->tensors)
    tensors.push_back(buffers
                          .emplace_back(shapeIn(tensor, kCases[0]),
                                        elementsOf(tensor.type),
                                        Layout::Contiguous)
                          .dlTensor());
  return runsHere(*subject.kernel, subject.index, tensors);
}
