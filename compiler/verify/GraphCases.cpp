//===- GraphCases.cpp - Graphs against the reference ----------------------===//
//
// The manifest says which sizes are equal; what the others are for, roles of
// the arguments say.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/GraphCases.h"

#include "compiler/verify/Compare.h"
#include "compiler/verify/Random.h"
#include "dialects/attn/AttnOps.h"

#include <cmath>
#include <fmt/format.h>
#include <limits>

using namespace mlir;
using namespace attn;
using namespace attn::verify;
using attn::reference::Tensor;

namespace {
/// Values of the sizes that only the call knows.
struct GraphCase {
  StringRef name;
  int64_t batch, queries, keys;
};

/// One call: its inputs, and the shapes of its results.
struct GraphCall {
  const Subject &subject;
  const GraphCase &spec;
  SmallVector<Tensor> inputs;

  Outcome run(const CallOptions &options, Layout layout) const;
};
} // namespace

static constexpr GraphCase kCases[] = {
    {.name = "one", .batch = 1, .queries = 1, .keys = 1},
    {.name = "small", .batch = 3, .queries = 5, .keys = 9},
    {.name = "rows", .batch = 2, .queries = 67, .keys = 139},
    {.name = "keys", .batch = 1, .queries = 19, .keys = 1061},
};

/// A size of the manifest in a case.
static int64_t extentOf(StringRef extent, const GraphCase &spec) {
  int64_t number;
  if (!extent.getAsInteger(10, number))
    return number;
  return extent == "batch"          ? spec.batch
         : extent == "query_length" ? spec.queries
                                    : spec.keys;
}

static SmallVector<int64_t> shapeOf(const LibraryTensor &tensor,
                                    const GraphCase &spec) {
  return llvm::map_to_vector(tensor.shape, [&](const std::string &extent) {
    return extentOf(extent, spec);
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

static Elements elementsOf(const LibraryTensor &tensor) {
  return tensor.type == "bool"  ? Elements::Bool
         : tensor.type == "i32" ? Elements::I32
                                : Elements::F32;
}

/// Rows that a sequence may have: those of caches that grow, else of the
/// longest argument.
static int64_t longest(const Subject &subject, const GraphCase &spec) {
  ArrayRef<LibraryTensor> tensors = subject.kernel->tensors;
  int64_t most = 0, room = std::numeric_limits<int64_t>::max();
  for (const LibraryTensor &tensor : tensors)
    if (tensor.shape.size() >= 3 && !tensor.output)
      most = std::max(most, extentOf(tensor.shape[1], spec));
  subject.op->walk([&](CacheAppendOp append) {
    if (auto cache = dyn_cast<BlockArgument>(append.getCache()))
      room = std::min(room,
                      extentOf(tensors[cache.getArgNumber()].shape[1], spec));
  });
  return std::min(most, room);
}

static double elementOf(Elements elements, Role role, int64_t most,
                        int64_t index, int64_t width, Random &random) {
  if (elements == Elements::F32)
    return random.uniform();
  // The first key of a mask is seen, as padding stands at the end.
  if (elements == Elements::Bool)
    return index % width == 0 ? role != Role::Hiding
                              : static_cast<double>(random.next() & 1);
  // Sequences of unequal lengths; positions anywhere.
  if (role == Role::Lengths)
    return static_cast<double>(std::max<int64_t>(most - index, 0));
  return static_cast<double>(random.next() % 5000);
}

static GraphCall makeCall(const Subject &subject, const GraphCase &spec) {
  GraphCall call{subject, spec, {}};
  Random random(spec.queries * 100003 + spec.keys);
  for (auto [tensor, argument] :
       llvm::zip(subject.kernel->tensors, subject.arguments)) {
    Tensor values(shapeOf(tensor, spec));
    for (auto [index, value] : llvm::enumerate(values.data()))
      value =
          elementOf(elementsOf(tensor), argument.role, longest(subject, spec),
                    static_cast<int64_t>(index), values.shape().back(), random);
    // What float32 holds.
    for (double &value : values.data())
      value = static_cast<float>(value);
    call.inputs.push_back(std::move(values));
  }
  return call;
}

Outcome GraphCall::run(const CallOptions &options, Layout layout) const {
  const LibraryKernel &kernel = *subject.kernel;
  std::vector<Buffer> buffers;
  Outcome outcome;
  SmallVector<const DLTensor *> tensors;
  // Buffers stay where they are: room for all of them is made first.
  buffers.reserve(kernel.tensors.size());
  outcome.outputs.reserve(kernel.tensors.size());
  for (auto [index, tensor] : llvm::enumerate(kernel.tensors)) {
    Buffer &buffer =
        tensor.output
            ? outcome.outputs.emplace_back(shapeOf(tensor, spec),
                                           elementsOf(tensor), layout)
            : buffers.emplace_back(inputs[index], elementsOf(tensor), layout);
    tensors.push_back(buffer.dlTensor());
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

/// Twice the error of the naive evaluation in float32, and a rounding of the
/// largest element (semantics, item 13).
static CaseReport checkValues(const GraphCall &call, const Outcome &outcome) {
  CaseReport report = reportOf(call, "");
  auto exact = call.subject.interpret(call.inputs, reference::Precision::F64);
  auto naive = call.subject.interpret(call.inputs, reference::Precision::F32);
  if (failed(exact) || failed(naive))
    report.detail = "the reference does not interpret this function";
  else
    report.detail = outcome.error;
  report.ok = report.detail.empty();
  if (!report.ok)
    return report;
  for (auto [expected, rounded, output] :
       llvm::zip(*exact, *naive, outcome.outputs)) {
    double tolerance = 2 * worstDifference(expected, rounded).error + 1e-5 +
                       0x1p-23 * largest(expected);
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
  for (auto [left, right] : llvm::zip(plain.outputs, other.outputs))
    if (report.ok && left.bits() != right.bits()) {
      report.ok = false;
      report.detail = "differs in bits from the plain call";
    }
  return report;
}

std::vector<CaseReport> verify::verifyGraph(const Subject &subject) {
  constexpr std::pair<StringLiteral, Execution> executions[] = {
      {"_repeated", Execution::Serial},
      {"_reversed", Execution::Reversed},
      {"_two_threads", Execution::TwoThreads},
      {"_ggml_style", Execution::GgmlStyle}};
  std::vector<CaseReport> reports;
  ArrayRef<GraphCase> cases = kCases;
  if (isStatic(*subject.kernel))
    cases = cases.take_front();
  for (const GraphCase &spec : cases) {
    GraphCall call = makeCall(subject, spec);
    Outcome plain = call.run({}, Layout::Contiguous);
    reports.push_back(checkValues(call, plain));
    for (auto [variant, execution] : executions)
      reports.push_back(
          checkBits(call, variant, plain,
                    call.run({.execution = execution}, Layout::Contiguous)));
    reports.push_back(
        checkBits(call, "_strided", plain, call.run({}, Layout::Strided)));
  }
  return reports;
}

bool verify::runsGraphHere(const Subject &subject) {
  GraphCall call = makeCall(subject, kCases[0]);
  std::vector<Buffer> buffers;
  SmallVector<const DLTensor *> tensors;
  buffers.reserve(subject.kernel->tensors.size());
  for (const LibraryTensor &tensor : subject.kernel->tensors)
    tensors.push_back(buffers
                          .emplace_back(shapeOf(tensor, call.spec),
                                        elementsOf(tensor), Layout::Contiguous)
                          .dlTensor());
  return runsHere(*subject.kernel, subject.index, tensors);
}
