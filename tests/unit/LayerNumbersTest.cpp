//===- LayerNumbersTest.cpp - The layers of a model, by number ------------===//
//
// A layer is a number or a checkpoint's prefix with one; a wrong one is told
// which layers there are.
//
//===----------------------------------------------------------------------===//

#include "compiler/LayerNumbers.h"

#include "gtest/gtest.h"

using namespace attn;

TEST(LayerNumbersTest, TakesNumberOrPrefix) {
  EXPECT_EQ(layerNumber("7"), 7);
  EXPECT_EQ(layerNumber("model.layers.31.self_attn"), 31);
  EXPECT_EQ(layerNumber("transformer.h.0.attn."), 0);
  EXPECT_EQ(layerNumber("attn"), std::nullopt);
  EXPECT_EQ(layerNumber("decoder.1.layer.2"), std::nullopt);
  EXPECT_EQ(layerNumber("-1"), std::nullopt);
}

TEST(LayerNumbersTest, SpellsRunsAndLeavesOutTheMiddle) {
  EXPECT_EQ(spellLayers({}), "");
  EXPECT_EQ(spellLayers({4}), "4");
  EXPECT_EQ(spellLayers({0, 1, 2, 3, 6, 8, 9}), "0 to 3, 6, 8 to 9");
  EXPECT_EQ(spellLayers({0, 2, 4, 6, 8, 10, 12}), "0, 2, 4, 6, ..., 12");
}

TEST(LayerNumbersTest, SaysWhichLayersThereAre) {
  auto errorOf = [](llvm::StringRef chosen, llvm::ArrayRef<int64_t> layers) {
    llvm::Expected<int64_t> layer = readLayer(chosen, "m", layers);
    return layer ? std::to_string(*layer) : llvm::toString(layer.takeError());
  };
  EXPECT_EQ(errorOf("h.1.attn", {0, 1}), "1");
  EXPECT_EQ(errorOf("32", {0, 1, 2}),
            "layer 32 does not exist: 'm' has layers 0 to 2");
  EXPECT_EQ(errorOf("1", {0, 2}),
            "layer 1 does not exist: 'm' has layers 0, 2");
  EXPECT_EQ(errorOf("0", {7}), "layer 0 does not exist: 'm' has layer 7");
  EXPECT_EQ(errorOf("0", {}),
            "layer 0 does not exist: 'm' has no numbered layers");
  EXPECT_EQ(errorOf("-1", {0}),
            "layer '-1' is neither a number nor a prefix with one");
}
