//===- NamesTest.cpp - the name that prefixes every symbol ----------------===//
//
// NAME is a C identifier that collides with nothing.
//
//===----------------------------------------------------------------------===//

#include "compiler/Names.h"

#include "gtest/gtest.h"

#include <string>

using attn::kernelName;

TEST(NamesTest, TakesTheStem) {
  EXPECT_EQ(kernelName("configs/llama-3-8b.json", ""), "llama_3_8b");
  EXPECT_EQ(kernelName("mistral-7b-v0.1.json", ""), "mistral_7b_v0_1");
}

TEST(NamesTest, TakesTheFolderOfAConfig) {
  EXPECT_EQ(kernelName("/models/gpt-oss-20b/config.json", ""), "gpt_oss_20b");
  EXPECT_EQ(kernelName("/config.json", ""), "config");
}

TEST(NamesTest, PrefersTheChosenName) {
  EXPECT_EQ(kernelName("a.json", "tuned"), "tuned");
}

TEST(NamesTest, ReplacesWhatNoIdentifierHas) {
  EXPECT_EQ(kernelName("a b+c (1).json", ""), "a_b_c__1_");
  EXPECT_EQ(kernelName("a.json", "x/y"), "x_y");
}

TEST(NamesTest, AvoidsKeywordsDigitsAndLibraries) {
  EXPECT_EQ(kernelName("4bit.json", ""), "k_4bit");
  EXPECT_EQ(kernelName("while.json", ""), "k_while");
  EXPECT_EQ(kernelName("a.json", "pthread"), "k_pthread");
  EXPECT_EQ(kernelName("a.json", "8b"), "k_8b");
  for (const char *name : {"c", "m", "dl", "pthread", "rt", "int", "_Bool",
                           "_Atomic", "restrict", "class", "and"})
    EXPECT_EQ(kernelName("a.json", name), std::string("k_") + name);
  for (const char *name : {"cc", "math", "rt1", "Int", "pthreads"})
    EXPECT_EQ(kernelName("a.json", name), name);
}
