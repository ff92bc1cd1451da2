// Each line of the written semantics on tensors small enough to compute by
// hand: one head of size 1 unless the line is about heads.

#include "compiler/reference/Rules.h"

#include "gtest/gtest.h"
#include <cmath>

using namespace attn;
using namespace attn::reference;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static const double kNan = std::nan("");

/// [1, 1, 1, n] scores.
static Tensor oneRow(std::vector<double> scores) {
  int64_t keys = static_cast<int64_t>(scores.size());
  return Tensor({1, 1, 1, keys}, std::move(scores));
}

/// [1, n, 1, 1] values.
static Tensor column(std::vector<double> values) {
  int64_t keys = static_cast<int64_t>(values.size());
  return Tensor({1, keys, 1, 1}, std::move(values));
}

static Softmax softmaxOf(std::vector<double> scores, const Tensor *sinks = {}) {
  return softmax<double>(oneRow(std::move(scores)), sinks);
}

static std::pair<int64_t, int64_t>
visible(KeyInterval interval, int64_t queries, int64_t keys, int64_t row) {
  Visibility visibility = {
      .interval = interval, .queries = queries, .keys = keys};
  return visibility.range(0, row);
}

using Range = std::pair<int64_t, int64_t>;

TEST(RulesTest, QueryHeadsShareKeysInConsecutiveGroups) {
  Tensor query({1, 1, 4, 1}, 1.0);
  Tensor key({1, 1, 2, 1}, std::vector<double>{3, 5});
  Tensor scores = score<double>(query, key);
  EXPECT_EQ(std::vector<double>(scores.data()),
            (std::vector<double>{3, 3, 5, 5}));
  EXPECT_EQ(std::vector<double>(repeatKv(key, 2).data()),
            (std::vector<double>{3, 3, 5, 5}));
}

TEST(RulesTest, ScoreSumsOverTheHead) {
  Tensor query({1, 1, 1, 3}, std::vector<double>{1, 2, 3});
  Tensor key({1, 2, 1, 3}, std::vector<double>{4, 5, 6, -1, 0, 1});
  Tensor scores = score<double>(query, key);
  EXPECT_EQ(std::vector<double>(scores.data()), (std::vector<double>{32, 2}));
}

TEST(RulesTest, SoftcapBoundsInfinities) {
  Tensor capped = softcap<double>(oneRow({kInfinity, -kInfinity, 5, 0}), 10);
  EXPECT_EQ(capped(0, 0, 0, 0), 10);
  EXPECT_EQ(capped(0, 0, 0, 1), -10);
  EXPECT_DOUBLE_EQ(capped(0, 0, 0, 2), 10 * std::tanh(0.5));
  EXPECT_EQ(capped(0, 0, 0, 3), 0);
}

TEST(RulesTest, CausalIsBottomRightAligned) {
  KeyInterval causal = {.right = 1};
  // 2 queries, 5 keys: positions 3 and 4.
  EXPECT_EQ(visible(causal, 2, 5, 0), Range(0, 4));
  EXPECT_EQ(visible(causal, 2, 5, 1), Range(0, 5));
  // 5 queries, 2 keys: the first three rows stand before all keys.
  EXPECT_EQ(visible(causal, 5, 2, 2), Range(0, 0));
  EXPECT_EQ(visible(causal, 5, 2, 3), Range(0, 1));
}

TEST(RulesTest, TopLeftTakesTheIndexAsPosition) {
  KeyInterval causal = {.right = 1, .alignment = Alignment::TopLeft};
  EXPECT_EQ(visible(causal, 2, 5, 0), Range(0, 1));
  EXPECT_EQ(visible(causal, 5, 2, 4), Range(0, 2));
}

TEST(RulesTest, WindowCountsTheOwnPositionOnEachSide) {
  KeyInterval window = {.left = 3, .right = 1};
  EXPECT_EQ(visible(window, 6, 6, 5), Range(3, 6));
  EXPECT_EQ(visible(window, 6, 6, 1), Range(0, 2));
  KeyInterval both = {.left = 2, .right = 2};
  EXPECT_EQ(visible(both, 6, 6, 3), Range(2, 5));
  KeyInterval own = {.left = 1, .right = 1};
  EXPECT_EQ(visible(own, 6, 6, 4), Range(4, 5));
}

TEST(RulesTest, AlignmentComesFromTheLengthNotTheBuffer) {
  Tensor lengths({1}, 4.0);
  Visibility visibility = {
      .interval = {.right = 1}, .lengths = &lengths, .queries = 2, .keys = 100};
  EXPECT_EQ(visibility.range(0, 0), Range(0, 3));
  EXPECT_EQ(visibility.range(0, 1), Range(0, 4));
}

TEST(RulesTest, BidirectionalSeesTheLengthOnly) {
  Tensor lengths({2}, std::vector<double>{0, 3});
  Visibility visibility = {
      .interval = {}, .lengths = &lengths, .queries = 7, .keys = 5};
  EXPECT_EQ(visibility.range(0, 6), Range(0, 0));
  EXPECT_EQ(visibility.range(1, 0), Range(0, 3));
}

TEST(RulesTest, ChunkBeginsAtAMultipleOfItsSize) {
  KeyInterval chunk = {.right = 1, .chunk = 4};
  EXPECT_EQ(visible(chunk, 10, 10, 3), Range(0, 4));
  EXPECT_EQ(visible(chunk, 10, 10, 4), Range(4, 5));
  EXPECT_EQ(visible(chunk, 10, 10, 9), Range(8, 10));
  // The position counts, not the index: query 0 of 2 stands at 8.
  EXPECT_EQ(visible(chunk, 2, 10, 0), Range(8, 9));
  EXPECT_EQ(visible(chunk, 5, 2, 0), Range(0, 0));
}

TEST(RulesTest, PrefixIsSeenByAllRowsOfItsSequence) {
  Tensor lengths({2}, std::vector<double>{6, 3});
  Tensor prefix({2}, std::vector<double>{4, 9});
  Visibility visibility = {.interval = {.prefix = true},
                           .lengths = &lengths,
                           .prefix = &prefix,
                           .queries = 6,
                           .keys = 8};
  EXPECT_EQ(visibility.range(0, 0), Range(0, 4));
  EXPECT_EQ(visibility.range(0, 5), Range(0, 6));
  EXPECT_EQ(visibility.range(1, 0), Range(0, 3)); // stands before all keys
  visibility.interval.left = 2;
  EXPECT_EQ(visibility.range(0, 2), Range(1, 4));
  EXPECT_EQ(visibility.range(0, 5), Range(4, 6));
}

TEST(RulesTest, DocumentsAreSeenFromWithin) {
  Tensor documents({1, 6}, std::vector<double>{-1, -1, 4, 4, 4, 7});
  Visibility visibility = {.interval = {.document = true},
                           .documents = &documents,
                           .queries = 6,
                           .keys = 6};
  EXPECT_EQ(visibility.findDocumentAgain(), std::nullopt);
  EXPECT_EQ(visibility.range(0, 1), Range(0, 2));
  EXPECT_EQ(visibility.range(0, 3), Range(2, 5));
  EXPECT_EQ(visibility.range(0, 5), Range(5, 6));
  visibility.interval.right = 1;
  EXPECT_EQ(visibility.range(0, 3), Range(2, 4));
  visibility.queries = 7; // the first query stands before all keys
  EXPECT_EQ(visibility.range(0, 0), Range(0, 0));
  documents(0, 5) = -7; // numbers may descend, but not come back
  EXPECT_EQ(visibility.findDocumentAgain(), std::nullopt);
  documents(0, 5) = -1;
  EXPECT_EQ(visibility.findDocumentAgain(), Range(0, 5));
}

TEST(RulesTest, SoftmaxAndItsNaturalLogarithm) {
  Softmax result = softmaxOf({std::log(1.0), std::log(3.0)});
  EXPECT_DOUBLE_EQ(result.probability(0, 0, 0, 0), 0.25);
  EXPECT_DOUBLE_EQ(result.probability(0, 0, 0, 1), 0.75);
  EXPECT_DOUBLE_EQ(result.lse(0, 0, 0), std::log(4.0));
}

TEST(RulesTest, SinkJoinsTheDenominatorOnly) {
  Tensor sinks({1}, std::log(4.0));
  Softmax result = softmaxOf({std::log(1.0), std::log(3.0)}, &sinks);
  EXPECT_DOUBLE_EQ(result.probability(0, 0, 0, 0), 0.125);
  EXPECT_DOUBLE_EQ(result.probability(0, 0, 0, 1), 0.375);
  EXPECT_DOUBLE_EQ(result.lse(0, 0, 0), std::log(8.0));
}

TEST(RulesTest, RowWithoutVisibleKeyIsZeroAndMinusInfinity) {
  for (const std::vector<double> &scores :
       {std::vector<double>{}, std::vector<double>{-kInfinity, -kInfinity}}) {
    Softmax result = softmaxOf(scores);
    for (double weight : result.probability.data())
      EXPECT_EQ(weight, 0);
    EXPECT_EQ(result.lse(0, 0, 0), -kInfinity);
  }
}

TEST(RulesTest, RowWithoutVisibleKeyHasTheSinkAsLse) {
  Tensor sinks({1}, 2.5);
  Softmax empty = softmaxOf({}, &sinks);
  EXPECT_EQ(empty.lse(0, 0, 0), 2.5);
  Softmax masked = softmaxOf({-kInfinity}, &sinks);
  EXPECT_EQ(masked.lse(0, 0, 0), 2.5);
  EXPECT_EQ(masked.probability(0, 0, 0, 0), 0);
}

TEST(RulesTest, InfiniteScores) {
  Softmax least = softmaxOf({-kInfinity, 1});
  EXPECT_EQ(least.probability(0, 0, 0, 0), 0);
  EXPECT_EQ(least.probability(0, 0, 0, 1), 1);
  Softmax most = softmaxOf({kInfinity, 1});
  EXPECT_TRUE(std::isnan(most.probability(0, 0, 0, 0)));
  EXPECT_TRUE(std::isnan(most.lse(0, 0, 0)));
}

TEST(RulesTest, NanScoreMakesItsRowNan) {
  for (const std::vector<double> &scores :
       {std::vector<double>{kNan, 1}, std::vector<double>{1, kNan},
        std::vector<double>{-kInfinity, kNan}}) {
    Softmax result = softmaxOf(scores);
    EXPECT_TRUE(std::isnan(result.probability(0, 0, 0, 0)));
    EXPECT_TRUE(std::isnan(result.probability(0, 0, 0, 1)));
    EXPECT_TRUE(std::isnan(result.lse(0, 0, 0)));
  }
}

TEST(RulesTest, HugeScoresDoNotOverflow) {
  Softmax result = softmaxOf({1e30, -1e30, 1e30});
  EXPECT_DOUBLE_EQ(result.probability(0, 0, 0, 0), 0.5);
  EXPECT_EQ(result.probability(0, 0, 0, 1), 0);
  EXPECT_DOUBLE_EQ(result.lse(0, 0, 0), 1e30);
}

TEST(RulesTest, MaskedValuesDoNotInfluenceTheSum) {
  Tensor output = weightedSum<double>(oneRow({0.5, 0.5, 0, 0}),
                                      column({2, 4, kNan, kInfinity}));
  EXPECT_EQ(output(0, 0, 0, 0), 3);
}

TEST(RulesTest, VisibleNanCountsWhateverItsWeight) {
  Visibility all = {.interval = {}, .queries = 1, .keys = 3};
  Tensor weights = oneRow({1, 0, 0});
  EXPECT_TRUE(std::isnan(
      weightedSum<double>(weights, column({2, kNan, 1}), &all)(0, 0, 0, 0)));
  EXPECT_EQ(
      weightedSum<double>(weights, column({2, kInfinity, 1}), &all)(0, 0, 0, 0),
      2);
}

TEST(RulesTest, InfiniteValueReachesTheRowsThatWeighIt) {
  EXPECT_EQ(weightedSum<double>(oneRow({0.5, 0.5}),
                                column({1, -kInfinity}))(0, 0, 0, 0),
            -kInfinity);
}

TEST(RulesTest, FloatPrecisionRoundsEveryStep) {
  Tensor query({1, 1, 1, 2}, 1.0);
  Tensor key({1, 1, 1, 2}, std::vector<double>{1, 0x1p-30});
  EXPECT_EQ(score<float>(query, key)(0, 0, 0, 0), 1);
  EXPECT_EQ(score<double>(query, key)(0, 0, 0, 0), 1 + 0x1p-30);
}
