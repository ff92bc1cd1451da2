//===- ElementsTest.cpp - floats of 16 bits -------------------------------===//
//
// The rounding of the verifier against LLVM's arbitrary-precision floats: over
// every f16 and bf16 and what lies between two of them.
//
//===----------------------------------------------------------------------===//

#include "compiler/verify/Elements.h"

#include "llvm/ADT/APFloat.h"
#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

using namespace attn::verify;

namespace {
struct Kind {
  Elements elements;
  const llvm::fltSemantics &semantics;
};

class ElementsTest : public testing::TestWithParam<Kind> {};
} // namespace

static double referenceOf(const Kind &kind, uint32_t bits) {
  llvm::APFloat value(kind.semantics, llvm::APInt(16, bits));
  bool loses = false;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven,
                &loses);
  return value.convertToDouble();
}

static uint32_t roundedReference(const Kind &kind, float number) {
  llvm::APFloat value(number);
  bool loses = false;
  value.convert(kind.semantics, llvm::APFloat::rmNearestTiesToEven, &loses);
  return uint32_t(value.bitcastToAPInt().getZExtValue());
}

TEST_P(ElementsTest, ReadsEveryPattern) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    double expected = referenceOf(GetParam(), bits);
    double got = decode(GetParam().elements, bits);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(got)) << bits;
      continue;
    }
    ASSERT_EQ(got, expected) << bits;
    ASSERT_EQ(std::signbit(got), std::signbit(expected)) << bits;
    ASSERT_EQ(encode(GetParam().elements, got), bits);
  }
}

TEST_P(ElementsTest, ReadsAndWritesManyAsOne) {
  std::vector<uint16_t> patterns(0x10000), written(0x10000);
  std::iota(patterns.begin(), patterns.end(), uint16_t(0));
  std::vector<double> values(0x10000);
  Elements elements = GetParam().elements;
  decode(elements, reinterpret_cast<const uint8_t *>(patterns.data()), values);
  encode(elements, values, reinterpret_cast<uint8_t *>(written.data()));
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    double one = decode(elements, bits);
    ASSERT_EQ(llvm::bit_cast<uint64_t>(values[bits]),
              llvm::bit_cast<uint64_t>(one));
    ASSERT_EQ(written[bits], encode(elements, one));
  }
}

TEST_P(ElementsTest, RoundsToTheNearestTiesToEven) {
  for (uint32_t bits = 0; bits < 0xffff; ++bits) {
    auto low = float(decode(GetParam().elements, bits));
    auto high = float(decode(GetParam().elements, bits + 1));
    if (!std::isfinite(low) || !std::isfinite(high))
      continue;
    float middle = low + (high - low) / 2;
    for (float number :
         {middle, std::nextafter(middle, low), std::nextafter(middle, high)})
      ASSERT_EQ(encode(GetParam().elements, number),
                roundedReference(GetParam(), number))
          << number;
  }
}

TEST_P(ElementsTest, RoundsWhatIsTooLargeToInfinity) {
  float largest = std::numeric_limits<float>::max();
  EXPECT_TRUE(std::isinf(stored(GetParam().elements, largest)));
  EXPECT_EQ(stored(GetParam().elements, -largest), -INFINITY);
}

TEST_P(ElementsTest, TheLowestIsNextToMinusInfinity) {
  Elements elements = GetParam().elements;
  double least = lowest(elements);
  EXPECT_TRUE(std::isfinite(least));
  EXPECT_EQ(decode(elements, encode(elements, least) + 1), -INFINITY);
  EXPECT_EQ(lowest(Elements::F32), std::numeric_limits<float>::lowest());
}

TEST_P(ElementsTest, KeepsNans) {
  // One whose payload is in the low bits alone, which are dropped.
  float nan = llvm::bit_cast<float>(0x7f800001);
  EXPECT_TRUE(std::isnan(stored(GetParam().elements, nan)));
}

INSTANTIATE_TEST_SUITE_P(
    All, ElementsTest,
    testing::Values(Kind{Elements::F16, llvm::APFloat::IEEEhalf()},
                    Kind{Elements::BF16, llvm::APFloat::BFloat()}));
