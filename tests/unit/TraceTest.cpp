//===- TraceTest.cpp - Traces of a replay ---------------------------------===//
//
// What is read is what is written; made-up engines keep to their limits.
//
//===----------------------------------------------------------------------===//

#include "compiler/replay/Trace.h"

#include "llvm/Support/Error.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>

using namespace attn::replay;

TEST(TraceTest, CountsWhatIsLiveAtOnce) {
  Trace trace = llvm::cantFail(parseTrace("1:5 2:3\n1:1 -1\n3:40 -2\n"));
  EXPECT_EQ(trace.steps.size(), 3u);
  EXPECT_EQ(trace.countSequences(), 3);
  EXPECT_EQ(trace.countLive(), 2);
  EXPECT_EQ(trace.countTokens(), 49);
  EXPECT_EQ(trace.longest(), 40);
}

TEST(TraceTest, ReadsWhatItSpells) {
  std::string text = spell(makeTrace({.steps = 30}));
  EXPECT_EQ(spell(llvm::cantFail(parseTrace(text))), text);
}

TEST(TraceTest, MadeUpEnginesKeepToTheirLimits) {
  for (uint64_t seed : {1, 2, 3, 4}) {
    TraceShape shape = {
        .steps = 60, .sequences = 9, .tokens = 64, .seed = seed};
    Trace trace = makeTrace(shape);
    EXPECT_EQ(trace.steps.size(), 60u);
    EXPECT_LE(trace.countLive(), 9);
    EXPECT_GT(trace.countSequences(), 9);
    bool isMixed = false;
    for (const TraceStep &step : trace.steps) {
      int64_t tokens = 0, answers = 0;
      for (const NewTokens &entry : step.entries) {
        EXPECT_GT(entry.tokens, 0);
        tokens += entry.tokens;
        answers += entry.tokens == 1;
      }
      EXPECT_LE(tokens, 64);
      isMixed |= answers > 0 && tokens > answers;
    }
    EXPECT_TRUE(isMixed) << "a prompt never meets an answer";
  }
}

TEST(TraceTest, MoreAnswersThanTokensTakeTurns) {
  for (const TraceStep &step :
       makeTrace({.steps = 60, .sequences = 9, .tokens = 3}).steps) {
    int64_t tokens = 0;
    for (const NewTokens &entry : step.entries)
      tokens += entry.tokens;
    EXPECT_LE(tokens, 3);
    EXPECT_GT(tokens, 0);
  }
}

TEST(TraceTest, LimitsWhatSequencesAndStepsAddUpTo) {
  auto problemOf = [](llvm::StringRef text) {
    auto trace = parseTrace(text);
    return trace ? std::string() : llvm::toString(trace.takeError());
  };
  EXPECT_EQ(problemOf("1:16777216\n1:1\n"),
            "line 2: '1:1': more than 16777216 tokens of a sequence or a step");
  EXPECT_EQ(problemOf("1:16777215 2:2\n"),
            "line 1: '2:2': more than 16777216 tokens of a sequence or a step");
}
