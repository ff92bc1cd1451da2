// Intensities worked by hand, and which limit binds.

#include "compiler/explain/Roofline.h"

#include "dialects/attn/AttnDialect.h"
#include "mlir/IR/MLIRContext.h"
#include <gtest/gtest.h>

#include <cmath>

using namespace attn;

namespace {
class RooflineTest : public testing::Test {
protected:
  RooflineTest() { context.loadDialect<AttnDialect>(); }

  BenchCase callOf(int64_t queries, int64_t keys) {
    return {.name = "x",
            .shape = {.queryLength = queries,
                      .kvLength = keys,
                      .queryHeads = 32,
                      .kvHeads = 8,
                      .headDim = 128,
                      .valueDim = 64},
            .mask = CausalAttr::get(&context, Alignment::BottomRight)};
  }

  mlir::MLIRContext context;
};
} // namespace

TEST_F(RooflineTest, CountsWhatMoves) {
  CostQuestion question = {
      .dtype = Dtype::F32, .kDtype = Dtype::BF16, .vDtype = Dtype::F32};
  RooflinePoint point = pointOf(callOf(1, 1000), question);
  EXPECT_EQ(point.phase, "decode");
  EXPECT_EQ(point.flops, 2.0 * 32 * 1000 * (128 + 64));
  EXPECT_EQ(point.bytes, 1000.0 * 8 * (128 * 2 + 64 * 4) + 32 * (128 + 64) * 4);
}

TEST_F(RooflineTest, AbsorbedValuesAreReadWithTheKeys) {
  BenchCase call = callOf(1, 1000);
  call.latentElements = 8 * 128;
  RooflinePoint point = pointOf(call, {});
  EXPECT_EQ(point.bytes, 1000.0 * 8 * 128 * 4 + 32 * (128 + 64) * 4);
}

TEST_F(RooflineTest, TheLimitThatBindsFollowsFromTheRidge) {
  RooflinePoint point = {.phase = "decode",
                         .queryLength = 1,
                         .kvLength = 1,
                         .flops = 4e9,
                         .bytes = 1e9};
  Machine slow = {.peakGflops = 30, .bandwidthGbs = 10};
  Machine fast = {.peakGflops = 50, .bandwidthGbs = 10};
  EXPECT_FALSE(point.isBoundByMemory(slow));
  EXPECT_TRUE(point.isBoundByMemory(fast));
  EXPECT_NEAR(point.leastTime(slow), 4000.0 / 30, 1e-9);
  EXPECT_NEAR(point.leastTime(fast), 100, 1e-9);
  EXPECT_EQ(spellBound(point, fast), "memory, at least 100 ms");
  EXPECT_EQ(spellBound(point, Machine{50, 0.1}), "memory, at least 10000 ms");
  EXPECT_EQ(spellBound(point, std::nullopt), "");
  EXPECT_EQ(spellIntensity(point), "4.00");
}

TEST_F(RooflineTest, NothingMovesWithoutTokens) {
  RooflinePoint point = pointOf(callOf(0, 0), {});
  EXPECT_FALSE(std::isfinite(point.intensity()));
  EXPECT_EQ(spellIntensity(point), "-");
  EXPECT_EQ(spellBound(point, Machine{1, 1}), "");
}
