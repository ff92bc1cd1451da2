// What a failed comparison reports first.

#include "compiler/verify/Compare.h"

#include "gtest/gtest.h"
#include <cmath>

using namespace attn::verify;
using attn::reference::Tensor;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

static Tensor row(std::vector<double> values) {
  int64_t size = static_cast<int64_t>(values.size());
  return Tensor({1, size}, std::move(values));
}

TEST(CompareTest, ReportsTheLargestErrorWithItsCoordinates) {
  Tensor expected = row({1, 2, 3});
  Difference worst = worstDifference(expected, row({1.5, 1, 3}));
  EXPECT_EQ(worst.position, 1);
  EXPECT_EQ(worst.error, 1);
  EXPECT_FALSE(worst.inPattern);
  EXPECT_EQ(describe(worst, expected), "[0, 1] is 1, expected 2");
}

TEST(CompareTest, PatternComesBeforeErrors) {
  for (double special : {std::nan(""), kInfinity}) {
    Difference worst = worstDifference(row({1, 2}), row({100, special}));
    EXPECT_TRUE(worst.inPattern);
    EXPECT_EQ(worst.position, 1);
    EXPECT_TRUE(worstDifference(row({special}), row({2})).inPattern);
  }
  EXPECT_TRUE(worstDifference(row({kInfinity}), row({-kInfinity})).inPattern);
}

TEST(CompareTest, EqualPatternsHaveNoError) {
  Tensor tensor = row({std::nan(""), kInfinity, -kInfinity, 1});
  Difference worst = worstDifference(tensor, tensor);
  EXPECT_FALSE(worst.inPattern);
  EXPECT_EQ(worst.error, 0);
  EXPECT_EQ(worstDifference(row({}), row({})).error, 0);
}
