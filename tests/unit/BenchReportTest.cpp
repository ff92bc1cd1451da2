// Medians, and the limit that each case is held against.

#include "compiler/bench/Report.h"

#include "mlir/IR/MLIRContext.h"
#include <gtest/gtest.h>

using namespace attn;

static BenchReport reportOf(const BenchCase &subject, double milliseconds) {
  BenchReport report;
  report.cpu = "test";
  report.limits.push_back({.threads = 2});
  report.limits[0].fmaGflops.add(100);
  report.limits[0].readGbps.add(10);
  report.cases.push_back(
      {.subject = subject, .kernel = "x_core", .threads = 2});
  report.cases[0].milliseconds.add(milliseconds);
  return report;
}

static BenchCase caseOf(mlir::MLIRContext &context, int64_t queries,
                        int64_t heads) {
  context.loadDialect<AttnDialect>();
  return {.name = "x",
          .shape = {.queryLength = queries,
                    .kvLength = 1000,
                    .queryHeads = heads,
                    .kvHeads = 1,
                    .headDim = 125,
                    .valueDim = 125},
          .mask = BidirectionalAttr::get(&context)};
}

/// The JSON of a case that took so long.
static llvm::json::Object entryOf(int64_t queries, int64_t heads,
                                  double milliseconds) {
  mlir::MLIRContext context;
  llvm::json::Value json =
      reportOf(caseOf(context, queries, heads), milliseconds).toJson();
  return *(*json.getAsObject()->getArray("cases"))[0].getAsObject();
}

TEST(BenchReportTest, TakesTheMiddleSample) {
  Samples samples;
  EXPECT_EQ(samples.median(), 0);
  for (double value : {9.0, 1.0, 2.0, 100.0, 3.0})
    samples.add(value);
  EXPECT_EQ(samples.median(), 3);
}

TEST(BenchReportTest, HoldsPrefillAgainstFma) {
  // 1000 x 1000 pairs, 500 FLOPs each: 0.5 GFLOP in 10 ms.
  llvm::json::Object entry = entryOf(1000, 1, 10);
  EXPECT_DOUBLE_EQ(*entry.getNumber("gflops"), 50);
  EXPECT_DOUBLE_EQ(*entry.getNumber("fraction"), 0.5);
  EXPECT_FALSE(entry.get("gbps"));
}

TEST(BenchReportTest, HoldsDecodeAgainstMemory) {
  // 1000 keys of 1000 bytes in 1 ms.
  llvm::json::Object entry = entryOf(1, 4, 1);
  EXPECT_DOUBLE_EQ(*entry.getNumber("gbps"), 1);
  EXPECT_DOUBLE_EQ(*entry.getNumber("fraction"), 0.1);
}

TEST(BenchReportTest, HoldsDecodeOfVeryManyHeadsAgainstFma) {
  llvm::json::Object entry = entryOf(1, 100, 1);
  EXPECT_DOUBLE_EQ(*entry.getNumber("gflops"), 50);
  EXPECT_EQ(entry.getString("limit"), "fma");
  // Told all the same.
  EXPECT_DOUBLE_EQ(*entry.getNumber("gbps"), 1);
}

TEST(BenchReportTest, HoldsPrefillOfFewKeysAgainstMemory) {
  // Two rows: 1000 keys of 1000 bytes in 1 ms, 1 MFLOP in 0.01 ms.
  llvm::json::Object entry = entryOf(2, 1, 1);
  EXPECT_EQ(entry.getString("limit"), "memory");
  EXPECT_DOUBLE_EQ(*entry.getNumber("gbps"), 1);
}

TEST(BenchReportTest, SaysThatThreadsShareCores) {
  mlir::MLIRContext context;
  BenchReport report = reportOf(caseOf(context, 1, 1), 1);
  report.cases[0].target = "x86-64-v3";
  EXPECT_EQ(report.toText().find("they share cores"), std::string::npos);
  report.limits.push_back({.threads = 1});
  report.limits[1].readGbps.add(10);
  report.limits[1].fmaGflops.add(60);
  EXPECT_EQ(report.toText().find("they share cores"), std::string::npos);
  for (double fma : {90.0, 90.0})
    report.limits[1].fmaGflops.add(fma);
  EXPECT_NE(
      report.toText().find("2 threads here do 1.1 times the multiply-adds "
                           "of one: they share cores"),
      std::string::npos);
  EXPECT_NE(report.toText().find("x_core  x86-64-v3"), std::string::npos);
}

TEST(BenchReportTest, MachineGivesEachLimitPerThreadCount) {
  mlir::MLIRContext context;
  llvm::json::Value json = reportOf(caseOf(context, 1, 1), 1).toJson();
  llvm::json::Object &machine = *json.getAsObject()->getObject("machine");
  EXPECT_EQ(machine.getObject("fma_gflops")->getNumber("2"), 100);
  EXPECT_EQ(machine.getObject("read_gbps")->getNumber("2"), 10);
}
