// Counts of both forms of latent attention, against figures worked by hand.

#include "passes/LatentCosts.h"

#include "gtest/gtest.h"
#include <cmath>

using namespace attn;

static constexpr LatentGeometry deepseekV3 = {128, 512, 128, 64, 128};

TEST(LatentCostsTest, CountsDeepseekV3) {
  LatentCall pair = {.queryLength = 0, .kvLength = 0, .pairs = 1};
  EXPECT_EQ(countExpanded(deepseekV3, pair).flops, 81920);
  EXPECT_EQ(countAbsorbed(deepseekV3, pair).flops, 278528);
  LatentCall token = {.queryLength = 1, .kvLength = 1, .pairs = 0};
  EXPECT_EQ(countExpanded(deepseekV3, token).flops, 33554432);
  EXPECT_EQ(countAbsorbed(deepseekV3, token).flops, 33554432);
  EXPECT_EQ(deepseekV3.countWeights(), 16777216);
}

TEST(LatentCostsTest, CountsElements) {
  LatentCall decode = LatentCall::full(1, 4096);
  double cache = 4096 * 576, weights = 16777216;
  EXPECT_EQ(countAbsorbed(deepseekV3, decode).elements, cache + weights);
  EXPECT_EQ(countExpanded(deepseekV3, decode).elements,
            cache + weights + 2 * 4096.0 * 128 * (192 + 128));
}

TEST(LatentCostsTest, CrossesWhereFlopsAreEqual) {
  EXPECT_NEAR(crossoverQueryLength(deepseekV3), 170.7, 0.05);
  EXPECT_NEAR(crossoverQueryLength(deepseekV3, 4096), 163.84, 1e-9);
  double queries = crossoverQueryLength(deepseekV3, 4096);
  LatentCall call = LatentCall::full(queries, 4096);
  EXPECT_NEAR(countExpanded(deepseekV3, call).flops /
                  countAbsorbed(deepseekV3, call).flops,
              1, 1e-12);
  // The number of heads does not matter (DeepSeek-V2-Lite), sizes do
  // (GLM-MoE-DSA).
  EXPECT_NEAR(crossoverQueryLength({16, 512, 128, 64, 128}), 170.7, 0.05);
  EXPECT_NEAR(crossoverQueryLength({64, 512, 192, 64, 256}), 398.2, 0.05);
}

TEST(LatentCostsTest, SmallLatentsAreAlwaysAbsorbed) {
  EXPECT_TRUE(std::isinf(crossoverQueryLength({4, 16, 24, 4, 24})));
}
