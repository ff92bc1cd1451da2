//===- Replay.h - A trace against a compiled kernel -------------*- C++ -*-===//
//
// Runs the steps of a trace through the public ABI, one call a step, with
// caches in each layout; times them, and checks every bit and some rows.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REPLAY_REPLAY_H
#define COMPILER_REPLAY_REPLAY_H

#include "compiler/replay/ServingCache.h"
#include "compiler/replay/Trace.h"
#include "compiler/verify/Subject.h"
#include "llvm/Support/JSON.h"

namespace attn::replay {

struct ReplayOptions {
  unsigned threads = 1;
  /// Rows that are compared with the float64 reference, spread over the trace.
  int64_t checkedRows = 32;
};

/// What one layout took.
struct LayoutReport {
  CacheLayout layout;
  /// Milliseconds of each step in one call, and of its sequences one by one.
  std::vector<double> steps, parts;
};

struct ReplayReport {
  std::string kernel, target;
  /// Which of the model's layers; negative: a function.
  int64_t layer = -1;
  unsigned threads = 1;
  int64_t sequences = 0, live = 0, tokens = 0, longest = 0;
  std::vector<LayoutReport> layouts;
  /// Results that differ in a bit from another layout's, or from those of a
  /// sequence alone: the first, and how many.
  std::string firstDifference;
  int64_t differences = 0;
  /// Rows against the reference; those that are wrong have a detail.
  verify::Report checked;

  bool ok() const { return differences == 0 && checked.failed() == 0; }
  std::string toText() const;
  llvm::json::Value toJson() const;
};

/// Replays `trace` on the core kernel of `subject` with caches in `layouts`.
/// Fails if the kernel wants a tensor that a serving engine has not, refuses a
/// call, or memory is short.
llvm::Expected<ReplayReport> replayTrace(const verify::Subject &subject,
                                         const Trace &trace,
                                         llvm::ArrayRef<CacheLayout> layouts,
                                         const ReplayOptions &options);

} // namespace attn::replay

#endif // COMPILER_REPLAY_REPLAY_H
