//===- Accuracy.cpp - A kernel against the float64 reference --------------===//
//
// See Accuracy.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/Accuracy.h"

#include "compiler/verify/Compare.h"
#include "compiler/verify/Slice.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;
using namespace attn;
using namespace attn::verify;
using attn::reference::Tensor;

// Beyond this score the rounding of a score decides which key wins.
static constexpr double kDecidableScore = 1e4;
static constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {
struct Expectation {
  SmallVector<Tensor> results;
  /// The naive evaluation in float32.
  SmallVector<Tensor> naive;
  double maxScore = 0;
  /// Largest finite magnitudes of values and sinks.
  double maxValue = 0, maxSink = 0;
};

/// The finding on one result.
struct Finding {
  double error = 0, tolerance = 0;
  std::string detail;
};
} // namespace

static double largestFinite(const Tensor &tensor) {
  double largest = 0;
  for (double value : tensor.data())
    if (std::isfinite(value))
      largest = std::max(largest, std::fabs(value));
  return largest;
}

/// The naive evaluation is rounded to what results are stored in; of the others
/// what is too large for it becomes infinite.
static void storeResults(const Subject &subject, Expectation &expectation) {
  SmallVector<Elements> stores = elementsOf(subject, /*ofResults=*/true);
  for (auto [elements, result, naive] :
       llvm::zip_equal(stores, expectation.results, expectation.naive)) {
    store(elements, naive);
    for (double &element : result.data())
      if (double held = stored(elements, element); std::isinf(held))
        element = held;
  }
}

static FailureOr<Expectation> expect(const Subject &subject,
                                     ArrayRef<Tensor> inputs) {
  Expectation expectation;
  reference::Trace trace;
  auto results = subject.interpret(inputs, reference::Precision::F64, &trace);
  auto naive = subject.interpret(inputs, reference::Precision::F32);
  if (failed(results) || failed(naive))
    return failure();
  expectation.results = std::move(*results);
  expectation.naive = std::move(*naive);
  storeResults(subject, expectation);
  expectation.maxScore = trace.maxScore;
  if (int64_t value = subject.findValue(); value >= 0)
    expectation.maxValue = largestFinite(inputs[value]);
  if (int64_t sinks = subject.find(Role::Sinks); sinks >= 0)
    expectation.maxSink = largestFinite(inputs[sinks]);
  return expectation;
}

/// Largest error of the naive evaluation where both are finite.
static double naiveError(const Tensor &expected, const Tensor &naive) {
  double error = 0;
  for (auto [left, right] : llvm::zip(expected.data(), naive.data()))
    if (std::isfinite(left) && std::isfinite(right))
      error = std::max(error, std::fabs(left - right));
  return error;
}

/// Least and largest valid value for every [batch, head, dim].
static std::pair<Tensor, Tensor> valueRange(const Subject &subject,
                                            ArrayRef<Tensor> inputs) {
  Tensor value = withHeads(inputs[subject.findValue()]);
  SmallVector<int64_t> shape = {value.dim(0), value.dim(2), value.dim(3)};
  Tensor least(shape), largest(shape);
  std::fill(least.data().begin(), least.data().end(), kInfinity);
  std::fill(largest.data().begin(), largest.data().end(), -kInfinity);
  for (int64_t position = 0; position < value.size(); ++position) {
    double element = value.data()[position];
    SmallVector<int64_t> at = value.coordinates(position);
    if (std::isnan(element)) // behind a length
      continue;
    double &low = least(at[0], at[2], at[3]);
    double &high = largest(at[0], at[2], at[3]);
    low = std::min(low, element);
    high = std::max(high, element);
  }
  return {std::move(least), std::move(largest)};
}

/// How far the worst element is outside the values, and how far it may be.
static Finding compareRange(const Subject &subject, ArrayRef<Tensor> inputs,
                            const Tensor &expected, Elements elements,
                            const Tensor &got) {
  auto [least, largest] = valueRange(subject, inputs);
  store(elements, least);
  store(elements, largest);
  int64_t group = got.dim(2) / least.dim(1);
  Finding finding = {.tolerance = 1e-5, .detail = {}};
  for (int64_t position = 0; position < got.size(); ++position) {
    double element = got.data()[position];
    SmallVector<int64_t> at = got.coordinates(position);
    double low = least(at[0], at[2] / group, at[3]);
    double high = largest(at[0], at[2] / group, at[3]);
    // Rows without a key are 0, and a sink pulls towards it.
    if (expected.data()[position] == 0 || subject.find(Role::Sinks) >= 0) {
      low = std::min(low, 0.0);
      high = std::max(high, 0.0);
    }
    double outside = std::isfinite(element)
                         ? std::max({low - element, element - high, 0.0})
                         : kInfinity;
    if (outside <= finding.error)
      continue;
    finding.error = outside;
    finding.detail =
        fmt::format("[{}] is {:.9g}, outside the values {:.9g} to {:.9g}",
                    fmt::join(at, ", "), element, low, high);
  }
  if (finding.error <= finding.tolerance)
    finding.detail.clear();
  return finding;
}

static Finding compareClose(const Expectation &expectation, size_t result,
                            const Tensor &got) {
  const Tensor &expected = expectation.results[result];
  // An error of a score moves an output by the spread of the values, an lse
  // by itself; a sink is one more score of the lse.
  bool isOutput = expected.rank() == 4;
  double moved = isOutput ? expectation.maxScore * expectation.maxValue
                          : std::max(expectation.maxScore, expectation.maxSink);
  // Logits are of base 2: log2(e) in the scale and ln(2) at the end are rounded
  // too, which moves all scores of a row alike.
  double unit = isOutput ? 0x1p-23 : 0x1p-22;
  double error = naiveError(expected, expectation.naive[result]);
  Difference worst = worstDifference(expected, got);
  Finding finding = {.error = worst.inPattern ? kInfinity : worst.error,
                     .tolerance = 2 * error + 1e-5 + unit * moved,
                     .detail = {}};
  if (finding.error > finding.tolerance)
    finding.detail = describe(worst, expected);
  return finding;
}

static Finding compareResult(const Subject &subject, ArrayRef<Tensor> inputs,
                             const Expectation &expectation, size_t result,
                             const Tensor &got) {
  bool isOutput = expectation.results[result].rank() == 4;
  if (isOutput && expectation.maxScore > kDecidableScore)
    return compareRange(subject, inputs, expectation.results[result],
                        elementsOf(subject, /*ofResults=*/true)[result], got);
  return compareClose(expectation, result, got);
}

/// Puts the finding that is nearest to, or furthest beyond, its tolerance into
/// the report.
static void include(CaseReport &report, const Finding &finding,
                    StringRef result) {
  bool worse = finding.error * report.tolerance >=
               report.maxAbsError * finding.tolerance;
  if (report.tolerance == 0 || (worse && report.ok)) {
    report.maxAbsError = finding.error;
    report.tolerance = finding.tolerance;
  }
  if (finding.error <= finding.tolerance || !report.ok)
    return;
  report.ok = false;
  report.maxAbsError = finding.error;
  report.tolerance = finding.tolerance;
  report.detail =
      fmt::format("{} at {}", std::string_view(result), finding.detail);
}

static CaseReport compareAll(const Subject &subject, CaseReport report,
                             ArrayRef<Tensor> inputs,
                             const Expectation &expectation,
                             const Outcome &outcome) {
  if (!outcome.error.empty()) {
    report.ok = false;
    report.detail = outcome.error;
    return report;
  }
  SmallVector<StringRef> names;
  for (const LibraryTensor &tensor : subject.kernel->tensors)
    if (tensor.output)
      names.push_back(tensor.name);
  for (auto [i, buffer] : llvm::enumerate(outcome.outputs))
    include(report,
            compareResult(subject, inputs, expectation, i, buffer.read()),
            names[i]);
  return report;
}

CaseReport verify::compareWithReference(const Subject &subject, StringRef name,
                                        ArrayRef<Tensor> inputs,
                                        const Outcome &outcome) {
  CaseReport report = makeReport(subject, name, inputs);
  FailureOr<Expectation> expectation = expect(subject, inputs);
  if (succeeded(expectation))
    return compareAll(subject, std::move(report), inputs, *expectation,
                      outcome);
  report.ok = false;
  report.detail = "the reference does not interpret this function";
  return report;
}

CaseReport verify::checkAccuracy(const Subject &subject,
                                 const KernelCase &spec) {
  SmallVector<Tensor> inputs = makeInputs(spec, subject);
  Use use = {
      .call = {}, .layout = spec.layout, .withoutLengths = !spec.hasLengths};
  return compareWithReference(subject, spec.name, inputs,
                              callSubject(subject, inputs, use));
}

CaseReport verify::checkWithoutSink(const Subject &subject,
                                    const KernelCase &spec) {
  SmallVector<Tensor> inputs = makeInputs(spec, subject);
  SmallVector<Tensor> withoutSink = inputs;
  Tensor &sinks = withoutSink[subject.find(Role::Sinks)];
  llvm::fill(sinks.data(), -kInfinity);
  return compareWithReference(
      subject, spec.name.str() + "_without_sink", withoutSink,
      callSubject(subject, inputs, {.call = {.flags = ATTN_FLAG_NO_SINK}}));
}
