// What counts as a change from one stage to the next.

#include "compiler/report/StageDiff.h"

#include "llvm/ADT/STLExtras.h"
#include <gtest/gtest.h>

using namespace attn;
using namespace attn::report;

using Lines = std::vector<std::string>;
using Marks = std::vector<bool>;

static StageText textOf(const std::string &symbol, const Lines &lines) {
  StageText text;
  for (const std::string &line : lines)
    text.lines.push_back({.text = line, .op = "x.y", .symbol = symbol});
  return text;
}

static void append(StageText &text, const StageText &more) {
  text.lines.insert(text.lines.end(), more.lines.begin(), more.lines.end());
}

TEST(StageDiffTest, MarksBothSides) {
  StageDiff diff = compareStages(textOf("f", {"a", "b", "c", "d"}),
                                 textOf("f", {"a", "x", "c", "d", "e"}));
  EXPECT_EQ(diff.isGone, Marks({false, true, false, false}));
  EXPECT_EQ(diff.isNew, Marks({false, true, false, false, true}));
}

TEST(StageDiffTest, KeepsTheLongestCommonOrder) {
  StageDiff diff =
      compareStages(textOf("f", {"a", "b", "c"}), textOf("f", {"b", "c", "a"}));
  EXPECT_EQ(diff.isGone, Marks({true, false, false}));
  EXPECT_EQ(diff.isNew, Marks({false, false, true}));
}

TEST(StageDiffTest, NumbersOfValuesDoNotCount) {
  EXPECT_EQ(normalizeLine("  %0 = arith.addi %sum_12, %key_block\n      %3"),
            "  % = arith.addi %sum, %key_block %");
  StageDiff diff = compareStages(textOf("f", {"%1 = x.y %max_0"}),
                                 textOf("f", {"%7 = x.y %max_4"}));
  EXPECT_EQ(diff.isNew, Marks({false}));
  // What no printer chose does.
  diff =
      compareStages(textOf("f", {"%a = x.y 1"}), textOf("f", {"%a = x.y 2"}));
  EXPECT_EQ(diff.isNew, Marks({true}));
}

TEST(StageDiffTest, FunctionsMayMove) {
  StageText before = textOf("f", {"a", "b"}), after = textOf("g", {"c", "d"});
  append(before, textOf("g", {"c", "d"}));
  append(after, textOf("f", {"a", "b"}));
  StageDiff diff = compareStages(before, after);
  EXPECT_EQ(diff.isGone, Marks(4, false));
  EXPECT_EQ(diff.isNew, Marks(4, false));
}

TEST(StageDiffTest, FunctionsMayChangeTheirNames) {
  StageDiff diff = compareStages(textOf("f", {"head f", "a", "b", "c"}),
                                 textOf("g", {"head g", "a", "b", "c"}));
  EXPECT_EQ(diff.isGone, Marks({true, false, false, false}));
  EXPECT_EQ(diff.isNew, Marks({true, false, false, false}));
}

TEST(StageDiffTest, UnlikeFunctionsAreNotCompared) {
  StageDiff diff = compareStages(textOf("f", {"head f", "a", "b", "c"}),
                                 textOf("g", {"head g", "a", "x", "y"}));
  EXPECT_EQ(diff.isGone, Marks(4, true));
  EXPECT_EQ(diff.isNew, Marks(4, true));
}

TEST(StageDiffTest, FunctionsBecomeNoPrograms) {
  StageText program = textOf("g", {"head", "a", "b", "c"});
  program.lines[0].op = "x.program";
  StageDiff diff = compareStages(textOf("f", {"head", "a", "b", "c"}), program);
  EXPECT_EQ(diff.isNew, Marks(4, true));
}

TEST(StageDiffTest, LongFunctionsTakeNoQuadraticTime) {
  Lines before, after;
  for (int line = 0; line < 20000; ++line) {
    before.push_back("old " + std::to_string(line));
    after.push_back((line == 77 ? "new " : "old ") + std::to_string(line));
  }
  StageDiff diff = compareStages(textOf("f", before), textOf("f", after));
  EXPECT_EQ(llvm::count(diff.isGone, true), 1);
  EXPECT_TRUE(diff.isNew[77]);
}
