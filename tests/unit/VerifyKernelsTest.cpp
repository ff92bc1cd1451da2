// The kernel checks themselves, on a small kernel written here: a right one
// passes every case, and each way of being wrong fails the cases made for it.

#include "compiler/verify/VerifyKernels.h"
#include "compiler/verify/Accuracy.h"
#include "compiler/verify/Bits.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <atomic>
#include <cmath>

using namespace mlir;
using namespace attn;
using namespace attn::verify;

namespace {
enum class Fault {
  None,
  ReadsBehindLengths,
  AlignsToTheBuffer,
  MultipliesMaskedValues,
  MultipliesWeightlessValues,
  LeavesRowsUnwritten,
  NanWithoutKeys,
  IgnoresStrides,
  WritesOutside,
  OverflowsOnHugeScores,
  DropsTheSink,
  IgnoresTheSinkFlag,
  CountsTasks,
  RoundsScores,
  AsksForTooMuch,
};
} // namespace

static Fault fault = Fault::None;
// Cases are checked in two threads.
static std::atomic<int> calls = 0;

namespace {
/// The head of every args structure, then the kernel's tensors.
struct Args {
  uint32_t size, abi, layer, flags;
  const DLTensor *query, *key, *value, *lengths, *sinks, *output, *lse;
};
} // namespace

static int64_t strideOf(const DLTensor &tensor, int dimension) {
  if (tensor.strides && fault != Fault::IgnoresStrides)
    return tensor.strides[dimension];
  int64_t stride = 1;
  for (int i = tensor.ndim - 1; i > dimension; --i)
    stride *= tensor.shape[i];
  return stride;
}

template <typename... Index>
static float *at(const DLTensor &tensor, Index... index) {
  char *base = static_cast<char *>(tensor.data) + tensor.byte_offset;
  int64_t offset = 0;
  int dimension = 0;
  ((offset += strideOf(tensor, dimension++) * index), ...);
  return reinterpret_cast<float *>(base) + offset;
}

static float scoreOf(const Args &args, int64_t batch, int64_t row, int64_t head,
                     int64_t key) {
  int64_t size = args.query->shape[3];
  int64_t group = args.query->shape[2] / args.key->shape[2];
  float sum = 0;
  for (int64_t d = 0; d < size; ++d)
    sum += *at(*args.query, batch, row, head, d) *
           *at(*args.key, batch, key, head / group, d);
  sum *= static_cast<float>(1 / std::sqrt(static_cast<double>(size)));
  if (fault == Fault::RoundsScores)
    sum = std::round(sum * 64) / 64;
  return sum;
}

static int64_t lengthOf(const Args &args, int64_t batch) {
  if (!args.lengths || fault == Fault::ReadsBehindLengths)
    return args.key->shape[1];
  return *reinterpret_cast<int32_t *>(at(*args.lengths, batch));
}

static float sinkOf(const Args &args, int64_t head) {
  bool left = (args.flags & ATTN_FLAG_NO_SINK) != 0;
  if ((left && fault != Fault::IgnoresTheSinkFlag) ||
      fault == Fault::DropsTheSink)
    return -INFINITY;
  return *at(*args.sinks, head);
}

/// Weights of a causal row; returns the number of keys that it sees.
static int64_t weigh(const Args &args, int64_t batch, int64_t row, int64_t head,
                     std::vector<float> &weights, float &lse) {
  int64_t length = lengthOf(args, batch);
  int64_t aligned =
      fault == Fault::AlignsToTheBuffer ? args.key->shape[1] : length;
  int64_t visible =
      std::clamp(row + aligned - args.query->shape[1] + 1, int64_t(0), length);
  float sink = sinkOf(args, head), most = sink;
  for (int64_t key = 0; key < visible; ++key) {
    weights[key] = scoreOf(args, batch, row, head, key);
    most =
        weights[key] > most || std::isnan(weights[key]) ? weights[key] : most;
  }
  if (fault == Fault::OverflowsOnHugeScores)
    most = 0;
  bool empty = most == -INFINITY && fault != Fault::NanWithoutKeys;
  float shift = empty ? 0 : most;
  float sum = std::exp(sink - shift);
  for (int64_t key = 0; key < visible; ++key)
    sum += weights[key] = std::exp(weights[key] - shift);
  for (int64_t key = 0; key < visible; ++key)
    weights[key] = empty ? 0 : weights[key] / sum;
  lse = empty ? -INFINITY : most + std::log(sum);
  return visible;
}

static void computeRow(const Args &args, int64_t batch, int64_t row) {
  std::vector<float> weights(args.key->shape[1]);
  int64_t group = args.query->shape[2] / args.key->shape[2];
  for (int64_t head = 0; head < args.query->shape[2]; ++head) {
    llvm::fill(weights, 0.0F);
    float lse = 0;
    int64_t keys = weigh(args, batch, row, head, weights, lse);
    if (fault == Fault::MultipliesMaskedValues)
      keys = args.key->shape[1];
    for (int64_t d = 0; d < args.value->shape[3]; ++d) {
      float sum = 0;
      for (int64_t key = 0; key < keys; ++key)
        if (weights[key] != 0 || fault == Fault::MultipliesMaskedValues ||
            fault == Fault::MultipliesWeightlessValues)
          sum += weights[key] * *at(*args.value, batch, key, head / group, d);
      *at(*args.output, batch, row, head, d) = sum;
    }
    if (fault == Fault::CountsTasks)
      *at(*args.output, batch, row, head, 0) += 1e-9F * ++calls;
    if (args.lse)
      *at(*args.lse, batch, row, head) = lse;
  }
}

static attn_status fakeTask(const void *data, const attn_context *, int64_t,
                            int64_t task) {
  const Args &args = *static_cast<const Args *>(data);
  int64_t queries = args.query->shape[1];
  if (fault == Fault::LeavesRowsUnwritten && task % queries == queries - 1)
    return ATTN_OK;
  computeRow(args, task / queries, task % queries);
  if (fault == Fault::WritesOutside && task == 0)
    at(*args.output, 0, 0, 0, 0)[-1] = 0;
  return ATTN_OK;
}

static attn_status fakePlan(const void *data, const attn_context *,
                            attn_plan *plan) {
  const Args &args = *static_cast<const Args *>(data);
  plan->phases = 1;
  plan->tasks[0] = args.query->shape[0] * args.query->shape[1];
  return ATTN_OK;
}

static attn_status fakeRun(const void *data, const attn_context *context) {
  attn_plan plan;
  fakePlan(data, context, &plan);
  for (int64_t task = 0; task < plan.tasks[0]; ++task)
    fakeTask(data, context, 0, task);
  return ATTN_OK;
}

static attn_status fakeCanRun(const void *, const attn_context *) {
  return ATTN_OK;
}

static uint64_t fakeWorkspace(const attn_maxima *) {
  return fault == Fault::AsksForTooMuch ? UINT64_MAX : 0;
}

namespace {
class VerifyKernelsTest : public testing::Test {
protected:
  void SetUp() override {
    fault = Fault::None;
    context.loadDialect<AttnDialect>();
    module = parseSourceString<ModuleOp>(
        R"(attn.grouped @fake {hidden = 16, heads = 4, kv_heads = 2,
             head_dim = 4, value_dim = 6, layers = array<i64: 0>, sinks,
             mask = #attn.causal})",
        &context);
    kernel.symbol = "fake_core";
    kernel.scope = "core";
    kernel.queryHeads = 4;
    kernel.maxQueries = INT64_MAX;
    for (StringRef input : {"query", "key", "value", "kv_lengths", "sinks"})
      kernel.tensors.push_back({.name = input.str(),
                                .type = input == "kv_lengths" ? "i32" : "f32",
                                .shape = {}});
    kernel.tensors[3].optional = true;
    kernel.tensors.push_back({"output", "f32", {"b", "s", "4", "6"}, true});
    kernel.tensors.push_back({"lse", "f32", {"b", "s", "4"}, true, true});
    kernel.run = fakeRun;
    kernel.canRun = fakeCanRun;
    kernel.plan = fakePlan;
    kernel.task = fakeTask;
    kernel.workspace = fakeWorkspace;
  }

  /// Names of the cases that fail with that fault.
  std::vector<std::string> failuresOf(Fault wrong) {
    fault = wrong;
    Subject subject(kernel, &module->getBody()->front());
    std::vector<std::string> names;
    std::vector<CaseReport> reports = verifySubject(subject);
    EXPECT_GT(reports.size(), 100u);
    for (const CaseReport &report : reports)
      if (!report.ok)
        names.push_back(report.name + ": " + report.detail);
    return names;
  }

  /// Whether a case whose name begins with `name` fails with that fault.
  bool isCaught(Fault wrong, StringRef name) {
    return llvm::any_of(failuresOf(wrong), [&](StringRef failed) {
      return failed.starts_with(name);
    });
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  LibraryKernel kernel;
};
} // namespace

TEST_F(VerifyKernelsTest, RightKernelPasses) {
  EXPECT_EQ(failuresOf(Fault::None), std::vector<std::string>());
}

TEST_F(VerifyKernelsTest, ReportsComeInTheOrderOfTheCases) {
  fault = Fault::None;
  Subject subject(kernel, &module->getBody()->front());
  std::vector<CaseReport> reports = verifySubject(subject);
  size_t next = 0;
  for (StringRef name : {"prefill", "decode", "decode_without_sink",
                         "weightless_infinities_decode", "decode_repeated",
                         "tail_decode_capacity_40x", "chunks_rows_0_to_1"}) {
    while (next < reports.size() && reports[next].name != name)
      ++next;
    EXPECT_LT(next, reports.size()) << name.str();
  }
}

TEST_F(VerifyKernelsTest, LengthsAreChecked) {
  EXPECT_TRUE(isCaught(Fault::ReadsBehindLengths, "prefill_batch:"));
  EXPECT_TRUE(isCaught(Fault::AlignsToTheBuffer, "tail_short_capacity_40x:"));
}

TEST_F(VerifyKernelsTest, SpecialNumbersAreChecked) {
  EXPECT_TRUE(isCaught(Fault::MultipliesMaskedValues, "nans:"));
  EXPECT_TRUE(isCaught(Fault::MultipliesWeightlessValues,
                       "weightless_infinities_short:"));
  EXPECT_TRUE(isCaught(Fault::OverflowsOnHugeScores, "logits_1e3:"));
}

TEST_F(VerifyKernelsTest, EmptyRowsAreChecked) {
  EXPECT_TRUE(isCaught(Fault::NanWithoutKeys, "prefill_batch_without_sink:"));
  EXPECT_TRUE(isCaught(Fault::LeavesRowsUnwritten, "one_key:"));
}

TEST_F(VerifyKernelsTest, MemoryIsChecked) {
  EXPECT_TRUE(isCaught(Fault::IgnoresStrides, "strided_prefill:"));
  EXPECT_TRUE(isCaught(Fault::WritesOutside, "strided_decode:"));
}

TEST_F(VerifyKernelsTest, SinksAreChecked) {
  EXPECT_TRUE(isCaught(Fault::DropsTheSink, "decode:"));
  EXPECT_TRUE(isCaught(Fault::IgnoresTheSinkFlag, "decode_without_sink:"));
}

TEST_F(VerifyKernelsTest, RepetitionIsCheckedBitForBit) {
  EXPECT_TRUE(isCaught(Fault::CountsTasks, "decode_repeated:"));
}

TEST_F(VerifyKernelsTest, AccuracyIsThatOfTheNaiveEvaluation) {
  EXPECT_TRUE(isCaught(Fault::RoundsScores, "chunk:"));
}

TEST_F(VerifyKernelsTest, ReportNamesTheElement) {
  fault = Fault::DropsTheSink;
  Subject subject(kernel, &module->getBody()->front());
  CaseReport report = checkAccuracy(subject, kernelCases().front());
  EXPECT_FALSE(report.ok);
  EXPECT_GT(report.maxAbsError, report.tolerance);
  EXPECT_TRUE(StringRef(report.detail).starts_with("output at ["))
      << report.detail;
}

TEST_F(VerifyKernelsTest, TooLargeAWorkspaceIsReported) {
  fault = Fault::AsksForTooMuch;
  Subject subject(kernel, &module->getBody()->front());
  CaseReport report = checkAccuracy(subject, kernelCases().front());
  EXPECT_FALSE(report.ok);
  EXPECT_EQ(report.detail,
            "no memory for a workspace of 18446744073709551615 bytes");
}

TEST(KernelCasesTest, WithoutLengthsAllKeysAreValid) {
  constexpr int64_t open = ShapedType::kDynamic;
  const Argument arguments[] = {{Role::Query, {open, open, 2, 4}},
                                {Role::Key, {open, open, 1, 4}},
                                {Role::Value, {open, open, 1, 4}}};
  for (const KernelCase &spec : kernelCases()) {
    if (spec.specials != Specials::None)
      continue;
    for (const reference::Tensor &tensor : makeInputs(spec, arguments))
      for (double element : tensor.data())
        ASSERT_FALSE(std::isnan(element)) << spec.name.str();
  }
}

TEST(VerifyReportTest, JsonHasNoInfinities) {
  Report report;
  report.cases.push_back({.kernel = "k_core",
                          .name = "decode",
                          .shape = {},
                          .maxAbsError = INFINITY,
                          .tolerance = 1e-5,
                          .ok = false,
                          .detail = "output at [0]"});
  std::string text;
  llvm::raw_string_ostream stream(text);
  printJson(report, stream);
  EXPECT_NE(text.find("\"max_abs_error\": null"), std::string::npos);
  EXPECT_NE(text.find("\"failed\": 1"), std::string::npos);
  EXPECT_NE(text.find("\"passed\": 0"), std::string::npos);
}
