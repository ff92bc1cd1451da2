// Frequencies of each scaling, worked out by hand from its formula, and what a
// rotation does to a head.

#include "compiler/reference/TensorRules.h"
#include "dialects/attn/AttnDialect.h"

#include "mlir/AsmParser/AsmParser.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace mlir;
using namespace attn;
using attn::reference::Tensor;

namespace {
class RopeTest : public testing::Test {
protected:
  RopeTest() { context.loadDialect<AttnDialect>(); }

  RopeAttr parse(const std::string &fields) {
    auto rope = dyn_cast_or_null<RopeAttr>(
        parseAttribute("#attn.rope<" + fields + ">", &context));
    EXPECT_TRUE(rope);
    return rope;
  }

  /// The first frequencies of a head of `headSize` are `expected`.
  void expectFrequencies(const std::string &fields, int64_t headSize,
                         ArrayRef<double> expected) {
    SmallVector<float> found = parse(fields).getFrequencies(headSize);
    ASSERT_GE(found.size(), expected.size());
    for (auto [i, frequency] : llvm::enumerate(expected))
      EXPECT_NEAR(found[i], frequency, 1e-5 * std::fabs(frequency))
          << fields << ", pair " << i;
  }

  double amplitudeOf(const std::string &scaling) {
    return parse("theta = 1.0e4, scaling = " + scaling).getAmplitude();
  }

  MLIRContext context;
};
} // namespace

TEST_F(RopeTest, FrequenciesFallFromOneToTheta) {
  expectFrequencies("theta = 1.0e4", 8, {1, 0.1, 0.01, 0.001});
  EXPECT_EQ(parse("theta = 1.0e4").getFrequencies(8).size(), 4u);
  EXPECT_EQ(parse("theta = 1.0e4").getAmplitude(), 1);
}

TEST_F(RopeTest, PartialRotationHasTheExponentsOfItsOwnDims) {
  expectFrequencies("theta = 1.0e4, dims = 4", 80, {1, 0.01});
  EXPECT_EQ(parse("theta = 1.0e4, dims = 4").getFrequencies(80).size(), 2u);
}

TEST_F(RopeTest, LinearDividesByItsFactor) {
  expectFrequencies("theta = 1.0e4, scaling = #attn.linear<factor = 4.0>", 4,
                    {0.25, 0.0025});
}

TEST_F(RopeTest, NtkStretchesTheBase) {
  // 1e4 * 10^(4 / 2) = 1e6
  expectFrequencies("theta = 1.0e4, scaling = #attn.ntk<alpha = 10.0>", 4,
                    {1, 1e-3});
}

TEST_F(RopeTest, DynamicStretchesTheBaseAtItsMaximum) {
  // 1 + 2 * (550 / 100 - 1) = 10
  expectFrequencies("theta = 1.0e4, scaling = #attn.dynamic<factor = 2.0, "
                    "original = 100, max = 550>",
                    4, {1, 1e-3});
  expectFrequencies(
      "theta = 1.0e4, scaling = #attn.dynamic<factor = 2.0, original = 100>", 4,
      {1, 1e-2});
}

TEST_F(RopeTest, YarnStretchesSlowPairs) {
  // c(8) = -0.39 and c(1) = 1.41: the ramp is 0, 0.5, 1 ...
  expectFrequencies("theta = 1.0e4, scaling = #attn.yarn<factor = 8.0, "
                    "original = 32, beta_fast = 8.0>",
                    16, {1, 0.316228 * 0.5625, 0.0125, 0.0316228 / 8});
  // ... or 0, 1 / c(1), 1
  double share = 2 * std::log(1e4) / (16 * std::log(32 / (2 * M_PI)));
  expectFrequencies("theta = 1.0e4, scaling = #attn.yarn<factor = 8.0, "
                    "original = 32, beta_fast = 8.0, truncate = false>",
                    16, {1, 0.316228 * (1 - share + share / 8), 0.0125});
  // Both ends in pair 0: a ramp from 0 to 0.001.
  expectFrequencies(
      "theta = 1.0e4, scaling = #attn.yarn<factor = 2.0, original = 1>", 4,
      {1, 0.005});
}

TEST_F(RopeTest, YarnLengthensCosineAndSine) {
  double standard = 0.1 * std::log(8.0) + 1;
  EXPECT_DOUBLE_EQ(amplitudeOf("#attn.yarn<factor = 8.0, original = 32>"),
                   standard);
  EXPECT_DOUBLE_EQ(amplitudeOf("#attn.yarn<factor = 0.5, original = 32>"), 1);
  EXPECT_DOUBLE_EQ(amplitudeOf("#attn.yarn<factor = 8.0, original = 32, "
                               "mscale = 1.0, mscale_all_dim = 1.0>"),
                   1);
  EXPECT_DOUBLE_EQ(amplitudeOf("#attn.yarn<factor = 8.0, original = 32, "
                               "mscale = 2.0, mscale_all_dim = 1.0>"),
                   (0.2 * std::log(8.0) + 1) / standard);
  EXPECT_DOUBLE_EQ(amplitudeOf("#attn.yarn<factor = 8.0, original = 32, "
                               "mscale = 2.0>"),
                   standard);
  EXPECT_DOUBLE_EQ(amplitudeOf("#attn.yarn<factor = 8.0, original = 32, "
                               "attention_factor = 1.5>"),
                   1.5);
}

TEST_F(RopeTest, LongropeChoosesByTheDeclaredMaximum) {
  auto scaling = [](int64_t max, const std::string &more = "") {
    return "#attn.longrope<short = [1.0, 2.0], long = [4.0, 5.0], "
           "original = 16, max = " +
           std::to_string(max) + more + ">";
  };
  expectFrequencies("theta = 1.0e4, scaling = " + scaling(256), 4,
                    {0.25, 0.002});
  expectFrequencies("theta = 1.0e4, scaling = " + scaling(16), 4, {1, 0.005});
  EXPECT_DOUBLE_EQ(amplitudeOf(scaling(256)), std::sqrt(2.0));
  EXPECT_DOUBLE_EQ(amplitudeOf(scaling(16)), 1);
  EXPECT_DOUBLE_EQ(amplitudeOf(scaling(256, ", factor = 4.0")), std::sqrt(1.5));
  EXPECT_DOUBLE_EQ(amplitudeOf(scaling(256, ", attention_factor = 1.25")),
                   1.25);
}

TEST_F(RopeTest, Llama3KeepsShortWaves) {
  // 15.9, 1.59 and 0.159 waves in 100 positions.
  double kept = (10 / (2 * M_PI) - 1) / 3;
  expectFrequencies("theta = 1.0e3, scaling = #attn.llama3<factor = 8.0, "
                    "low = 1.0, high = 4.0, original = 100>",
                    6, {1, 0.1 * ((1 - kept) / 8 + kept), 0.00125});
  // Without a middle band nothing is divided by its width.
  expectFrequencies("theta = 1.0e3, scaling = #attn.llama3<factor = 8.0, "
                    "low = 1.0, high = 1.0, original = 100>",
                    6, {1, 0.1, 0.00125});
}

TEST_F(RopeTest, ProportionalLetsTheOtherPairsStand) {
  expectFrequencies(
      "theta = 1.0e4, scaling = #attn.proportional<pairs = 2, factor = 2.0>", 8,
      {0.5, 0.05, 0, 0});
}

/// One token at position 3 with the head `head`, rotated.
static std::vector<double> rotated(RopeAttr rope, std::vector<double> head) {
  auto size = static_cast<int64_t>(head.size());
  Tensor positions({1, 1}, 3.0);
  Tensor result = reference::rope(Tensor({1, 1, 1, size}, std::move(head)),
                                  &positions, rope);
  return result.data();
}

static void expectNear(ArrayRef<double> found, ArrayRef<double> expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (auto [a, b] : llvm::zip(found, expected))
    EXPECT_NEAR(a, b, 1e-6);
}

TEST_F(RopeTest, PairsAreHalvesOrNeighbours) {
  double c = std::cos(3), s = std::sin(3), c1 = std::cos(0.03),
         s1 = std::sin(0.03);
  expectNear(rotated(parse("theta = 1.0e4"), {1, 2, 5, 7}),
             {c - 5 * s, 2 * c1 - 7 * s1, s + 5 * c, 2 * s1 + 7 * c1});
  expectNear(
      rotated(parse("theta = 1.0e4, pairing = interleaved"), {1, 2, 5, 7}),
      {c - 2 * s, s + 2 * c, 5 * c1 - 7 * s1, 5 * s1 + 7 * c1});
}

TEST_F(RopeTest, DimsBeyondTheRotatedPass) {
  double c = std::cos(3), s = std::sin(3);
  expectNear(rotated(parse("theta = 1.0e4, dims = 2"), {1, 2, 5, 7}),
             {c - 2 * s, s + 2 * c, 5, 7});
}

TEST_F(RopeTest, AmplitudeLengthensWhatTurns) {
  // The ramp begins behind pair 0.
  expectNear(
      rotated(parse("theta = 1.0e4, dims = 2, scaling = #attn.yarn<factor = "
                    "2.0, original = 1, attention_factor = 1.5>"),
              {1, 2, 5}),
      {1.5 * (std::cos(3) - 2 * std::sin(3)),
       1.5 * (std::sin(3) + 2 * std::cos(3)), 5});
}
