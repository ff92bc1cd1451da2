//===- CpuScheduleTest.cpp - block sizes and targets of the CPU -----------===//
//
// What the schedules must agree in, for every target of the table.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Schedule.h"

#include "mlir/IR/MLIRContext.h"
#include <gtest/gtest.h>

using namespace attn;
using namespace attn::cpu;

static constexpr const char *kTargets[] = {"x86-64-v3", "x86-64-v4", "aarch64"};

namespace {
class CpuScheduleTest : public testing::Test {
protected:
  CpuScheduleTest() { context.loadDialect<tile::AttnTileDialect>(); }

  llvm::SmallVector<ScheduleChoice> choose(const char *target,
                                           const HeadShape &shape) {
    return chooseSchedules(&context, *getTarget(target), shape);
  }

  mlir::MLIRContext context;
};
} // namespace

TEST_F(CpuScheduleTest, AllSchedulesOrderARowAlike) {
  for (const char *name : kTargets)
    for (int64_t group : {1, 4, 71}) {
      auto choices = choose(name, {group, 128, 128});
      tile::ScheduleAttr first = choices[0].schedule;
      for (const ScheduleChoice &choice : choices) {
        EXPECT_EQ(choice.schedule.getKeyBlock(), first.getKeyBlock());
        EXPECT_EQ(choice.schedule.getSplitKeys(), first.getSplitKeys());
        EXPECT_EQ(choice.schedule.getMaxSplits(), first.getMaxSplits());
        EXPECT_EQ(first.getKeyBlock() % getTarget(name)->panel(), 0);
      }
    }
}

TEST_F(CpuScheduleTest, SchedulesAscendInMaxQueries) {
  auto choices = choose("x86-64-v4", {4, 128, 128});
  for (size_t i = 1; i < choices.size(); ++i)
    EXPECT_LT(choices[i - 1].schedule.getMaxQueries(),
              choices[i].schedule.getMaxQueries());
}

TEST_F(CpuScheduleTest, ChoosesTheBestCandidateThatFits) {
  for (const char *name : kTargets)
    for (int64_t group : {1, 4, 7, 71})
      for (int64_t dim : {64, 80, 128, 256, 576})
        for (const ScheduleChoice &choice : choose(name, {group, dim, dim})) {
          const ScheduleCandidate &chosen = choice.candidates[choice.chosen];
          EXPECT_EQ(choice.schedule.getQueryBlock(), chosen.queryBlock);
          for (const ScheduleCandidate &other : choice.candidates)
            EXPECT_TRUE(!other.fits || other.score >= chosen.score);
        }
}

TEST_F(CpuScheduleTest, FillsTheCacheOrTakesTheFewestRows) {
  auto rowsOf = [&](const char *name, int64_t dim) {
    ScheduleChoice prefill = choose(name, {1, dim, dim}).back();
    return prefill.candidates[prefill.chosen].rows;
  };
  EXPECT_EQ(rowsOf("x86-64-v4", 128), 384);
  EXPECT_EQ(rowsOf("x86-64-v3", 128), 256);
  EXPECT_EQ(rowsOf("x86-64-v3", 576), 96);
}

TEST_F(CpuScheduleTest, ManyRowsShareKeysThatTheirTaskMakes) {
  for (const char *name : kTargets) {
    CpuTarget target = *getTarget(name);
    HeadShape stored = {1, 192, 128}, projected = {1, 192, 128, 512};
    tile::ScheduleAttr products =
        chooseGraphSchedule(&context, target, projected);
    EXPECT_EQ(products.getQueryBlock(), target.sizes.projectedRows);
    // What stands around attention stays as it is.
    tile::ScheduleAttr rows = chooseGraphSchedule(&context, target, stored);
    EXPECT_EQ(products.getRowBlock(), rows.getRowBlock());
  }
}

TEST_F(CpuScheduleTest, ProductsTakeTheRowsThatTheCacheHoldsBesideWeights) {
  auto rowsOf = [&](const char *name) {
    CpuTarget target = *getTarget(name);
    HeadShape one = {1, 128, 128}, many = {8, 128, 128};
    tile::ScheduleAttr graph = chooseGraphSchedule(&context, target, one);
    // Whatever the attentions around them are.
    EXPECT_EQ(graph.getProductRows(),
              chooseGraphSchedule(&context, target, many).getProductRows());
    EXPECT_EQ(graph.getProductRows(),
              chooseGraphSchedule(&context, target, {}).getProductRows());
    return graph.getProductRows();
  };
  EXPECT_EQ(rowsOf("x86-64-v4"), 264);
  EXPECT_EQ(rowsOf("aarch64"), 258);
  EXPECT_EQ(rowsOf("x86-64-v3"), 90);
}

TEST_F(CpuScheduleTest, LayersHaveTheirProductsOfManyRows) {
  for (const char *name : kTargets) {
    CpuTarget target = *getTarget(name);
    HeadShape shape = {4, 128, 128};
    auto layer = chooseLayerSchedules(&context, target, shape);
    EXPECT_EQ(layer.back().getProductRows(),
              chooseGraphSchedule(&context, target, shape).getProductRows());
  }
}

TEST_F(CpuScheduleTest, ReadsKeysInPlaceForAFewRowsOfOneQuery) {
  auto isStreamed = [&](int64_t group, unsigned schedule) {
    auto choices = choose("x86-64-v4", {group, 128, 128});
    return choices[schedule].candidates[0].isStreamed;
  };
  EXPECT_TRUE(isStreamed(8, 0));
  EXPECT_FALSE(isStreamed(9, 0));
  EXPECT_FALSE(isStreamed(1, 1));
}

TEST(CpuTargetTest, AccumulatorsFitIntoTheRegisters) {
  for (const char *name : kTargets) {
    std::optional<CpuTarget> target = getTarget(name);
    ASSERT_TRUE(target);
    EXPECT_LT(target->rowBlock() * target->panelVectors + target->panelVectors,
              target->registers);
    EXPECT_EQ(target->rows.back(), 1);
  }
}

TEST(CpuTargetTest, StreamedRowsAreOneRowBlock) {
  // Statistics of more rows would stand in two slots.
  for (const char *name : {"x86-64-v3", "x86-64-v4", "aarch64"})
    EXPECT_LE(getTarget(name)->streamRows, getTarget(name)->rowBlock());
}

TEST(CpuTargetTest, UnknownNamesHaveNoTarget) {
  EXPECT_FALSE(getTarget("z80"));
  EXPECT_FALSE(getTarget(""));
}
