//===- Trace.h - Steps of a serving engine ----------------------*- C++ -*-===//
//
// Which sequences get how many new tokens, step by step: read from a file, or
// made up as an engine with continuous batching would.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REPLAY_TRACE_H
#define COMPILER_REPLAY_TRACE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace attn::replay {

/// New tokens of a sequence.
struct NewTokens {
  int64_t sequence = 0, tokens = 0;
};

/// One call: sequences with new tokens, and those that end with it.
struct TraceStep {
  std::vector<NewTokens> entries;
  std::vector<int64_t> ended;
};

struct Trace {
  std::vector<TraceStep> steps;

  /// Sequences that hold a cache at the same time, at most.
  int64_t countLive() const;
  /// Tokens of the longest sequence.
  int64_t longest() const;
  int64_t countSequences() const;
  int64_t countTokens() const;
};

/// Reads one step a line: `3:512 1:1 -1` gives 512 new tokens to sequence 3,
/// one to 1, and ends 1. `#` begins a comment. Fails with the line that is not
/// like that, that names a sequence twice, or ends one that there is not.
llvm::Expected<Trace> parseTrace(llvm::StringRef text);

/// The text that parseTrace reads.
std::string spell(const Trace &trace);

/// How made-up steps are.
struct TraceShape {
  int64_t steps = 48;
  /// Sequences at the same time, and tokens in one step, at most.
  int64_t sequences = 16, tokens = 512;
  uint64_t seed = 1;
};

/// Requests arrive at random; prompts and answers have long-tailed lengths.
/// Each step gives a token to every sequence that answers, then fills up with
/// chunks of prompts.
Trace makeTrace(const TraceShape &shape);

} // namespace attn::replay

#endif // COMPILER_REPLAY_TRACE_H
