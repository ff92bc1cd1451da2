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

TEST(CpuScheduleTest, AllSchedulesOrderARowAlike) {
  mlir::MLIRContext context;
  context.loadDialect<tile::AttnTileDialect>();
  for (const char *name : {"x86-64-v3", "x86-64-v4", "aarch64"})
    for (int64_t group : {1, 4, 71}) {
      auto schedules =
          cpuSchedules(&context, *getTarget(name), group, 128, 128);
      for (tile::ScheduleAttr schedule : schedules) {
        EXPECT_EQ(schedule.getKeyBlock(), schedules[0].getKeyBlock());
        EXPECT_EQ(schedule.getSplitKeys(), schedules[0].getSplitKeys());
        EXPECT_EQ(schedule.getMaxSplits(), schedules[0].getMaxSplits());
        EXPECT_EQ(schedule.getKeyBlock() % getTarget(name)->panel(), 0);
      }
    }
}

TEST(CpuScheduleTest, SchedulesAscendInMaxQueries) {
  mlir::MLIRContext context;
  context.loadDialect<tile::AttnTileDialect>();
  auto schedules = cpuSchedules(&context, *getTarget("x86-64-v4"), 4, 128, 128);
  for (size_t i = 1; i < schedules.size(); ++i)
    EXPECT_LT(schedules[i - 1].getMaxQueries(), schedules[i].getMaxQueries());
}

TEST(CpuTargetTest, AccumulatorsFitIntoTheRegisters) {
  for (const char *name : {"x86-64-v3", "x86-64-v4", "aarch64"}) {
    std::optional<CpuTarget> target = getTarget(name);
    ASSERT_TRUE(target);
    EXPECT_LT(target->rowBlock() * target->panelVectors + target->panelVectors,
              target->registers);
    EXPECT_EQ(target->rows.back(), 1);
  }
}

TEST(CpuTargetTest, UnknownNamesHaveNoTarget) {
  EXPECT_FALSE(getTarget("z80"));
  EXPECT_FALSE(getTarget(""));
}
