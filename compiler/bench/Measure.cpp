//===- Measure.cpp - Samples of limits and cases --------------------------===//
//
// Rounds over all cases. Each call of a kernel follows a sample of both limits
// with the same threads; the one of memory also leaves the caches cold.
//
//===----------------------------------------------------------------------===//

#include "compiler/Diagnostics.h"
#include "compiler/bench/Bench.h"

#include <algorithm>
#include <chrono>

using namespace attn;
using namespace mlir;

/// A median of fewer rounds is not worth its name; more than the most do not
/// move it.
static constexpr int kFewestRounds = 3, kMostRounds = 9;
/// Enough for most configs to get the most rounds.
static constexpr std::chrono::seconds kPatience(12);
/// Short calls are repeated within a round.
static constexpr double kMillisecondsPerRound = 30;
static constexpr int kMostRepeats = 5;

namespace {
/// One pass over the cases with a fixed number of threads.
class Rounds {
public:
  Rounds(const LimitProbe &probe, Crew &crew, LimitSamples &limits)
      : probe(probe), crew(crew), limits(limits) {}

  /// Adds samples of the limits, then of the case.
  LogicalResult sample(BoundCase &bound, CaseSamples &samples) {
    limits.fmaGflops.add(probe.sampleFma(crew));
    limits.readGbps.add(probe.sampleRead(crew));
    llvm::Expected<double> milliseconds = bound.run(crew);
    if (!milliseconds)
      return reportError(milliseconds.takeError()), failure();
    samples.milliseconds.add(*milliseconds);
    return success();
  }

  LogicalResult runAll(MutableArrayRef<std::unique_ptr<BoundCase>> cases,
                       MutableArrayRef<CaseSamples> samples,
                       ArrayRef<int> repeats) {
    for (size_t i = 0; i < cases.size(); ++i)
      for (int repeat = 0; repeat < repeats[i]; ++repeat)
        if (failed(sample(*cases[i], samples[i])))
          return failure();
    return success();
  }

private:
  const LimitProbe &probe;
  Crew &crew;
  LimitSamples &limits;
};
} // namespace

/// Calls each case once, which also warms code and pages up, and decides how
/// often a round repeats it.
static FailureOr<std::vector<int>>
planRepeats(ArrayRef<std::unique_ptr<BoundCase>> cases, Crew &crew) {
  std::vector<int> repeats;
  for (const std::unique_ptr<BoundCase> &bound : cases) {
    llvm::Expected<double> milliseconds = bound->run(crew);
    if (!milliseconds)
      return reportError(milliseconds.takeError()), failure();
    repeats.push_back(std::clamp(int(kMillisecondsPerRound / *milliseconds), 1,
                                 kMostRepeats));
  }
  return repeats;
}

FailureOr<BenchReport> Bench::measure(ArrayRef<unsigned> threadCounts) {
  LimitProbe probe;
  if (!probe.isUsable()) {
    reportError("bench needs AVX2 with FMA or NEON, and 512 MiB of memory");
    return failure();
  }
  BenchReport report;
  report.cpu = probe.describeCpu();
  for (unsigned threads : threadCounts) {
    Crew crew(threads);
    LimitSamples limits = {.threads = threads};
    auto repeats = planRepeats(cases, crew);
    if (failed(repeats))
      return failure();
    std::vector<CaseSamples> samples;
    for (const std::unique_ptr<BoundCase> &bound : cases)
      samples.push_back({.subject = bound->subject(),
                         .kernel = bound->symbol(),
                         .target = bound->target(),
                         .threads = threads});

    Rounds rounds(probe, crew, limits);
    auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (int round = 0; round < kMostRounds; ++round) {
      if (round >= kFewestRounds && std::chrono::steady_clock::now() > deadline)
        break;
      if (failed(rounds.runAll(cases, samples, *repeats)))
        return failure();
    }
    report.limits.push_back(std::move(limits));
    llvm::append_range(report.cases, samples);
  }
  return report;
}
