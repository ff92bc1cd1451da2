//===- Report.h - What a bench found ----------------------------*- C++ -*-===//
//
// Samples in, medians out: one JSON document for scripts, a table for people.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_BENCH_REPORT_H
#define COMPILER_BENCH_REPORT_H

#include "compiler/bench/Cases.h"

#include "llvm/Support/JSON.h"

#include <string>
#include <vector>

namespace attn {

/// Samples of one quantity, taken throughout a run.
class Samples {
public:
  void add(double value) { values.push_back(value); }
  size_t count() const { return values.size(); }
  /// The middle one; 0 without any.
  double median() const;

private:
  std::vector<double> values;
};

/// The limits of the machine with a number of threads.
struct LimitSamples {
  unsigned threads = 1;
  Samples fmaGflops{}, readGbps{};
};

/// One case with a number of threads.
struct CaseSamples {
  BenchCase subject;
  /// The C symbol that was called.
  std::string kernel;
  /// The target that the machine ran of it.
  std::string target = {};
  unsigned threads = 1;
  Samples milliseconds{};
};

struct BenchReport {
  std::string cpu;
  std::vector<LimitSamples> limits;
  std::vector<CaseSamples> cases;

  llvm::json::Value toJson() const;
  std::string toText() const;
};

} // namespace attn

#endif // COMPILER_BENCH_REPORT_H
