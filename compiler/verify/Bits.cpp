//===- Bits.cpp - Calls that must leave equal bits ------------------------===//
//
// See Bits.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/Bits.h"

#include "compiler/verify/Slice.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/ADT/bit.h"
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace mlir;
using namespace attn;
using namespace attn::verify;
using attn::reference::Tensor;

namespace {
/// A call whose results are `expected`, cut to `batch` and `rows` where given.
struct Part {
  int64_t batch = -1;
  int64_t firstRow = -1, rows = 0;
};

/// Compares other calls with one plain call.
class BitChecker {
public:
  BitChecker(const Subject &subject, StringRef name, ArrayRef<Tensor> inputs)
      : subject(subject), name(name), inputs(inputs),
        plain(callSubject(subject, inputs)) {
    for (const Buffer &output : plain.outputs)
      results.push_back(output.read());
  }

  /// The results of a call must be bit for bit those of the plain call, or of
  /// the given part of it.
  void expectEqual(StringRef variant, ArrayRef<Tensor> variantInputs,
                   const Use &use, const Part &part = {});

  std::vector<CaseReport> takeReports() { return std::move(reports); }

private:
  Tensor cut(const Tensor &result, const Part &part) const;
  void compare(CaseReport &report, StringRef result, const Tensor &expected,
               const Tensor &got) const;

  const Subject &subject;
  StringRef name;
  ArrayRef<Tensor> inputs;
  Outcome plain;
  SmallVector<Tensor> results;
  std::vector<CaseReport> reports;
};
} // namespace

Tensor BitChecker::cut(const Tensor &result, const Part &part) const {
  Tensor tensor = result;
  if (part.batch >= 0)
    tensor = slice(tensor, 0, part.batch, 1);
  if (part.firstRow >= 0)
    tensor = slice(tensor, 1, part.firstRow, part.rows);
  return tensor;
}

static bool haveEqualBits(double left, double right) {
  return llvm::bit_cast<uint32_t>(static_cast<float>(left)) ==
         llvm::bit_cast<uint32_t>(static_cast<float>(right));
}

void BitChecker::compare(CaseReport &report, StringRef result,
                         const Tensor &expected, const Tensor &got) const {
  for (int64_t i = 0; i < expected.size(); ++i) {
    double left = expected.data()[i], right = got.data()[i];
    if (haveEqualBits(left, right))
      continue;
    double error = std::fabs(left - right);
    if (!report.ok && error <= report.maxAbsError)
      continue;
    report.ok = false;
    report.maxAbsError = error;
    report.detail =
        fmt::format("{} at [{}] is {:.9g} here and {:.9g} in the plain call",
                    std::string_view(result),
                    fmt::join(expected.coordinates(i), ", "), right, left);
  }
}

void BitChecker::expectEqual(StringRef variant, ArrayRef<Tensor> variantInputs,
                             const Use &use, const Part &part) {
  CaseReport report = makeReport(
      subject,
      fmt::format("{}_{}", std::string_view(name), std::string_view(variant)),
      variantInputs);
  Outcome outcome = callSubject(subject, variantInputs, use);
  report.detail = plain.error.empty() ? outcome.error : plain.error;
  report.ok = report.detail.empty();
  if (report.ok)
    // Without lse, the results are fewer.
    for (auto [i, output] : llvm::enumerate(outcome.outputs)) {
      const LibraryTensor *tensor =
          llvm::find_if(ArrayRef(subject.kernel->tensors),
                        [&, at = i](const LibraryTensor &t) mutable {
                          return t.output && at-- == 0;
                        });
      compare(report, tensor->name, cut(results[i], part), output.read());
    }
  reports.push_back(std::move(report));
}

/// `inputs` with the tensors of keys and values at a capacity of `keys`, NaN
/// behind the old one; a document goes on there.
static SmallVector<Tensor> withCapacity(const Subject &subject,
                                        ArrayRef<Tensor> inputs, int64_t keys) {
  SmallVector<Tensor> result(inputs);
  for (auto [argument, tensor] : llvm::zip(subject.arguments, result))
    if (isKey(argument.role) || isValue(argument.role))
      tensor =
          slice(tensor, 1, 0, keys, std::numeric_limits<double>::quiet_NaN());
    else if (argument.role == Role::Documents)
      tensor = slice(tensor, 1, 0, keys, tensor.data().back());
  return result;
}

/// The inputs of one sequence.
static SmallVector<Tensor> sequence(const Subject &subject,
                                    ArrayRef<Tensor> inputs, int64_t batch) {
  SmallVector<Tensor> result(inputs);
  for (auto [argument, tensor] : llvm::zip(subject.arguments, result))
    if (argument.role != Role::Sinks && argument.role != Role::Table)
      tensor = slice(tensor, 0, batch, 1);
  return result;
}

static void checkOrders(BitChecker &checker, ArrayRef<Tensor> inputs) {
  constexpr std::pair<StringLiteral, Execution> executions[] = {
      {"repeated", Execution::Serial},
      {"reversed", Execution::Reversed},
      {"two_threads", Execution::TwoThreads},
      {"ggml_style", Execution::GgmlStyle}};
  for (auto [variant, execution] : executions)
    checker.expectEqual(variant, inputs, {.call = {.execution = execution}});
}

std::vector<CaseReport> verify::checkEqualBits(const Subject &subject,
                                               const KernelCase &spec) {
  SmallVector<Tensor> inputs = makeInputs(spec, subject);
  BitChecker checker(subject, spec.name, inputs);
  checkOrders(checker, inputs);
  checker.expectEqual("strided", inputs,
                      {.call = {}, .layout = Layout::Strided});
  checker.expectEqual("without_lse", inputs, {.call = {}, .withoutLse = true});
  if (subject.prefill)
    checker.expectEqual("prefill_entry", inputs,
                        {.call = {}, .entry = subject.prefill});
  if (subject.decode && spec.queries == 1)
    checker.expectEqual("decode_entry", inputs,
                        {.call = {}, .entry = subject.decode});
  KernelCase alone = spec;
  alone.batch = 1;
  bool isDivided = spec.batch > 1 && fits(alone, subject.arguments);
  for (int64_t batch = 0; isDivided && batch < spec.batch; ++batch)
    checker.expectEqual(fmt::format("sequence_{}_alone", batch),
                        sequence(subject, inputs, batch), {}, {.batch = batch});
  // Forty times more than this would take gigabytes at full geometry.
  constexpr int64_t mostKeys = 70;
  if (subject.find(Role::Lengths) < 0 || spec.keys > mostKeys)
    return checker.takeReports();
  for (int64_t times : {2, 40}) {
    KernelCase larger = spec;
    larger.keys *= times;
    if (fits(larger, subject.arguments))
      checker.expectEqual(fmt::format("capacity_{}x", times),
                          withCapacity(subject, inputs, larger.keys), {});
  }
  return checker.takeReports();
}

/// Whether a row is biased otherwise in a call of its own, whose keys end with
/// it where rows are `causal`.
static bool dependsOnRowNumbers(BiasAttrInterface bias, bool causal) {
  auto alibi = dyn_cast_or_null<AlibiAttr>(bias);
  if (!bias || (alibi && alibi.getDistance() == Distance::Key))
    return false;
  Alignment alignment =
      alibi ? alibi.getAlignment() : cast<BucketsAttr>(bias).getAlignment();
  return !causal || alignment == Alignment::TopLeft;
}

/// The same of a region that takes score, row, column, head and perhaps the
/// row's position.
static bool dependsOnRowNumbers(Region &scoreMod, bool causal) {
  constexpr unsigned position = 4;
  if (scoreMod.empty())
    return false;
  return !scoreMod.getArgument(1).use_empty() ||
         (!causal && scoreMod.getNumArguments() > position);
}

/// A row's number in its call reaches its scores: other calls are other rows.
static bool dependsOnRowNumbers(Operation *op, bool causal) {
  auto visit = [&](Operation *inner) {
    bool depends =
        llvm::TypeSwitch<Operation *, bool>(inner)
            .Case([&](GroupedOp layer) {
              return dependsOnRowNumbers(
                  layer.getPositionBias().value_or(nullptr), causal);
            })
            .Case([&](PositionBiasOp bias) {
              return dependsOnRowNumbers(bias.getBias(), causal);
            })
            .Case([&](FlashOp flash) {
              return dependsOnRowNumbers(flash.getScoreMod(), causal);
            })
            .Default([](Operation *) { return false; });
    return depends ? WalkResult::interrupt() : WalkResult::advance();
  };
  return op->walk(visit).wasInterrupted();
}

/// Takes the last `count` keys away: from the lengths, or, where the kernel
/// takes none, from the keys and values themselves.
static void dropKeys(const Subject &subject, MutableArrayRef<Tensor> inputs,
                     int64_t count) {
  if (int64_t lengths = subject.find(Role::Lengths); lengths >= 0) {
    for (double &length : inputs[lengths].data())
      length -= static_cast<double>(count);
    return;
  }
  for (auto [argument, tensor] : llvm::zip(subject.arguments, inputs))
    if (isKey(argument.role) || isValue(argument.role) ||
        argument.role == Role::Documents)
      tensor = slice(tensor, 1, 0, tensor.dim(1) - count);
}

/// Rows [first, first + rows) of a call of `queries` rows, as a call of their
/// own: a causal row sees the same keys if they end at its last row.
static SmallVector<Tensor> rowsOf(const Subject &subject,
                                  ArrayRef<Tensor> inputs, int64_t first,
                                  int64_t rows, bool causal) {
  SmallVector<Tensor> result(inputs);
  Tensor &query = result[subject.find(Role::Query)];
  int64_t behind = query.dim(1) - first - rows;
  query = slice(query, 1, first, rows);
  for (auto [argument, tensor] : llvm::zip(subject.arguments, result))
    if (argument.role == Role::Showing || argument.role == Role::Added)
      tensor = slice(tensor, 2, first, rows);
  if (causal)
    dropKeys(subject, result, behind);
  return result;
}

static std::vector<CaseReport>
checkChunksOf(const Subject &subject, const KernelCase &spec, bool causal) {
  SmallVector<Tensor> inputs = makeInputs(spec, subject);
  BitChecker checker(subject, spec.name, inputs);
  // One row is decode, a few are a short query, the rest is prefill.
  const int64_t ends[] = {1, 2, 7, 20, spec.queries};
  int64_t first = 0;
  for (int64_t end : ends) {
    int64_t rows = end - first;
    checker.expectEqual(fmt::format("rows_{}_to_{}", first, end),
                        rowsOf(subject, inputs, first, rows, causal), {},
                        {.firstRow = first, .rows = rows});
    first = end;
  }
  return checker.takeReports();
}

std::vector<CaseReport> verify::checkChunks(const Subject &subject) {
  std::optional<KeyInterval> interval = intervalOf(subject.op);
  if (!interval)
    return {};
  bool causal =
      interval->isCausal() && interval->alignment == Alignment::BottomRight;
  if ((!causal && !interval->isUnbounded()) ||
      dependsOnRowNumbers(subject.op, causal))
    return {};
  std::vector<CaseReport> reports;
  constexpr std::tuple<StringLiteral, int64_t, Specials> cases[] = {
      {"chunks", 83, Specials::None},
      {"chunks", 1061, Specials::None},
      {"weightless_chunks", 1061, Specials::WeightlessInfinities}};
  for (auto [name, keys, specials] : cases) {
    KernelCase spec = {.name = name,
                       .batch = 1,
                       .queries = 83,
                       .keys = keys,
                       .lengths = {keys},
                       .hasLengths = true,
                       .specials = specials};
    // The parts have fewer rows and keys.
    KernelCase part = spec;
    part.queries = 1;
    --part.keys;
    part.lengths = {part.keys};
    if (spec.queries > subject.kernel->maxQueries ||
        !fits(spec, subject.arguments) || !fits(part, subject.arguments))
      continue;
    llvm::append_range(reports, checkChunksOf(subject, spec, causal));
  }
  return reports;
}
