//===- OptionsTest.cpp - reading the command line -------------------------===//
//
// What a correct line stores; wrong lines are in tests/cli.
//
//===----------------------------------------------------------------------===//

#include "compiler/Options.h"

#include "gtest/gtest.h"

using namespace attn;

static Invocation parse(llvm::ArrayRef<llvm::StringRef> arguments) {
  CommandLine line = parseCommandLine(arguments);
  EXPECT_TRUE(line.invocation.has_value()) << line.text;
  return line.invocation.value_or(Invocation());
}

TEST(OptionsTest, TakesOptionsBeforeAndAfterTheOperand) {
  Invocation call = parse({"compile", "--name=n", "in.json", "-o", "out"});
  EXPECT_EQ(call.verb, Verb::Compile);
  EXPECT_EQ(call.input, "in.json");
  EXPECT_EQ(call.output, "out");
  EXPECT_EQ(call.compile.name, "n");
}

TEST(OptionsTest, CollectsRepeatedOptionsOnce) {
  Invocation call = parse({"verify", "x", "--target", "native", "--target",
                           "aarch64", "--target", "native"});
  EXPECT_EQ(call.compile.targets,
            (std::vector<std::string>{"native", "aarch64"}));
}

TEST(OptionsTest, StoresWhatChangesDeclaredLayers) {
  Invocation call = parse({"bench", "x", "--tp", "4", "--pairing=half"});
  EXPECT_EQ(call.compile.ranks, 4);
  EXPECT_EQ(call.compile.pairing, "half");
  call = parse({"replay", "x"});
  EXPECT_EQ(call.compile.ranks, 1);
  EXPECT_EQ(call.compile.pairing, "");
}

TEST(OptionsTest, EndsOptionsAtTwoDashes) {
  EXPECT_EQ(parse({"import", "--", "--odd.json"}).input, "--odd.json");
}

TEST(OptionsTest, GivesEveryOptionOneMeaningPerVerb) {
  for (const OptionSpec &option : optionTable())
    for (const OptionSpec &other : optionTable())
      if (&option != &other) {
        bool isApart =
            other.verbs.find_first_of(option.verbs) == std::string_view::npos;
        EXPECT_TRUE(option.name != other.name || isApart) << option.name;
        if (option.letter)
          EXPECT_NE(option.letter, other.letter);
      }
}

TEST(OptionsTest, RefusesWhatThisVersionDoesNotCompile) {
  CompileOptions options;
  EXPECT_FALSE(bool(checkLowered(options)));
  options.targets = {"sm_90a"};
  EXPECT_EQ(llvm::toString(checkLowered(options)),
            "target 'sm_90a' is not supported yet; this version compiles for "
            "native, x86-64-v3, x86-64-v4 and aarch64");
  options = {};
  options.vDtype = Dtype::F16;
  EXPECT_FALSE(bool(checkLowered(options)));
}
