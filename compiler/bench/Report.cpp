//===- Report.cpp - What a bench found ------------------------------------===//
//
// A case is held against the limit that allows less. That is the FMA peak for
// a prefill, and memory for a decode step, unless many heads share a KV head.
//
//===----------------------------------------------------------------------===//

#include "compiler/bench/Report.h"

#include <algorithm>
#include <fmt/format.h>

using namespace attn;
using namespace llvm;

double Samples::median() const {
  if (values.empty())
    return 0;
  std::vector<double> sorted = values;
  auto middle = sorted.begin() + sorted.size() / 2;
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

namespace {
/// How fast a case ran, in the unit of the limit that binds it.
struct Speed {
  bool boundByMemory;
  double value;
  double fraction;
};
} // namespace

static const LimitSamples &limitsFor(const BenchReport &report,
                                     unsigned threads) {
  auto found = llvm::find_if(report.limits, [&](const LimitSamples &limits) {
    return limits.threads == threads;
  });
  assert(found != report.limits.end() && "limits are sampled with every case");
  return *found;
}

static Speed speedOf(const CaseSamples &samples, const LimitSamples &limits) {
  double flops = samples.subject.countFlops();
  double bytes = samples.subject.countBytes();
  double fma = limits.fmaGflops.median(), read = limits.readGbps.median();
  bool boundByMemory = bytes / read >= flops / fma;
  double work = boundByMemory ? bytes : flops;
  double value = work / (samples.milliseconds.median() * 1e6);
  return {boundByMemory, value, value / (boundByMemory ? read : fma)};
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static json::Object shapeToJson(const CallShape &shape) {
  return json::Object{
      {"batch", shape.batch},        {"query_length", shape.queryLength},
      {"kv_length", shape.kvLength}, {"query_heads", shape.queryHeads},
      {"kv_heads", shape.kvHeads},   {"head_dim", shape.headDim},
      {"value_dim", shape.valueDim}};
}

static json::Object caseToJson(const CaseSamples &samples,
                               const LimitSamples &limits) {
  Speed speed = speedOf(samples, limits);
  const BenchCase &subject = samples.subject;
  json::Object object{{"case", subject.name},
                      {"kernel", samples.kernel},
                      {"target", samples.target},
                      {"scope", std::string(spell(subject.scope))},
                      {"phase", std::string(subject.phase())},
                      {"dtype", std::string(spell(subject.dtype))},
                      {"k_dtype", std::string(spell(subject.kDtype))},
                      {"v_dtype", std::string(spell(subject.vDtype))},
                      {"shape", shapeToJson(subject.shape)},
                      {"causal", subject.isCausal()},
                      {"threads", samples.threads},
                      {"runs", int64_t(samples.milliseconds.count())},
                      {"median_ms", samples.milliseconds.median()},
                      {speed.boundByMemory ? "gbps" : "gflops", speed.value},
                      {"limit", speed.boundByMemory ? "memory" : "fma"},
                      {"fraction", speed.fraction}};
  // Of a decode step people ask for both.
  if (subject.isDecode())
    object["gbps"] =
        subject.countBytes() / (samples.milliseconds.median() * 1e6);
  return object;
}

json::Value BenchReport::toJson() const {
  json::Object fma, read;
  for (const LimitSamples &limit : limits) {
    fma[std::to_string(limit.threads)] = limit.fmaGflops.median();
    read[std::to_string(limit.threads)] = limit.readGbps.median();
  }
  json::Array list;
  for (const CaseSamples &samples : cases)
    list.push_back(caseToJson(samples, limitsFor(*this, samples.threads)));
  return json::Object{{"machine", json::Object{{"cpu", cpu},
                                               {"fma_gflops", std::move(fma)},
                                               {"read_gbps", std::move(read)}}},
                      {"cases", std::move(list)}};
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// Why speeds cannot grow with the threads, where that is so: two hardware
/// threads of one core have one core's multiply-adds.
static std::string describeSharing(ArrayRef<LimitSamples> limits) {
  constexpr double nearly = 0.75;
  const LimitSamples *one = llvm::find_if(
      limits, [](const LimitSamples &limit) { return limit.threads == 1; });
  std::string text;
  for (const LimitSamples &limit : limits) {
    double times = one == limits.end()
                       ? limit.threads
                       : limit.fmaGflops.median() / one->fmaGflops.median();
    if (times < nearly * limit.threads)
      text += fmt::format("  {} threads here do {:.1f} times the multiply-adds "
                          "of one: they share cores, and kernels scale no "
                          "further\n",
                          limit.threads, times);
  }
  return text;
}

/// "f32", or "f32/f16/bf16" where queries, keys and values differ.
static std::string spellTypes(const BenchCase &subject) {
  bool isOne =
      subject.dtype == subject.kDtype && subject.dtype == subject.vDtype;
  return isOne ? std::string(spell(subject.dtype))
               : fmt::format("{}/{}/{}", spell(subject.dtype),
                             spell(subject.kDtype), spell(subject.vDtype));
}

std::string BenchReport::toText() const {
  std::string text = fmt::format("{}, limits measured in this run\n", cpu);
  for (const LimitSamples &limit : limits)
    text += fmt::format("  {} thread{}: {:7.1f} GFLOP/s of FMA, {:6.1f} GB/s "
                        "read from memory\n",
                        limit.threads, limit.threads == 1 ? " " : "s",
                        limit.fmaGflops.median(), limit.readGbps.median());
  text += describeSharing(limits);
  text += "  of limit: of the one that allows less, FMA for products, memory "
          "for weights, keys and values\n";

  size_t caseWidth = 4, typeWidth = 4, kernelWidth = 6, targetWidth = 6;
  for (const CaseSamples &samples : cases) {
    caseWidth = std::max(caseWidth, samples.subject.name.size());
    typeWidth = std::max(typeWidth, spellTypes(samples.subject).size());
    kernelWidth = std::max(kernelWidth, samples.kernel.size());
    targetWidth = std::max(targetWidth, samples.target.size());
  }
  text += fmt::format("\n{:<{}}  {:<{}}  {:<{}}  {:<{}}  threads  {:>10}  "
                      "{:>16}  of limit\n",
                      "case", caseWidth, "type", typeWidth, "kernel",
                      kernelWidth, "target", targetWidth, "median", "speed");
  for (const CaseSamples &samples : cases) {
    Speed speed = speedOf(samples, limitsFor(*this, samples.threads));
    text += fmt::format(
        "{:<{}}  {:<{}}  {:<{}}  {:<{}}  {:>7}  {:>7.3f} ms  {:>8.1f} {:<7}  "
        "{:>4.0f}% {}\n",
        samples.subject.name, caseWidth, spellTypes(samples.subject), typeWidth,
        samples.kernel, kernelWidth, samples.target, targetWidth,
        samples.threads, samples.milliseconds.median(), speed.value,
        speed.boundByMemory ? "GB/s" : "GFLOP/s", 100 * speed.fraction,
        speed.boundByMemory ? "memory" : "FMA");
  }
  return text;
}
