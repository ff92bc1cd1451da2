//===- NamesTest.cpp - the name that prefixes every symbol ----------------===//
//
// NAME is a C identifier that collides with nothing.
//
//===----------------------------------------------------------------------===//

#include "compiler/Names.h"

#include "gtest/gtest.h"

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

TEST(NamesTest, AvoidsKeywordsDigitsAndLibraries) {
  EXPECT_EQ(kernelName("4bit.json", ""), "k_4bit");
  EXPECT_EQ(kernelName("while.json", ""), "k_while");
  EXPECT_EQ(kernelName("a.json", "pthread"), "k_pthread");
  EXPECT_EQ(kernelName("a.json", "8b"), "k_8b");
  EXPECT_EQ(kernelName("a.json", "m"), "k_m");
}
