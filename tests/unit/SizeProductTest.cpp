//===- SizeProductTest.cpp - numbers times open sizes ---------------------===//
//
// Products that are equal in every call compare equal, and no others do.
//
//===----------------------------------------------------------------------===//

#include "dialects/attn_tile/SizeProduct.h"

#include "gtest/gtest.h"

using namespace attn::tile;

using Size = SizeProduct<unsigned>;

TEST(SizeProductTest, NumbersAreStatic) {
  EXPECT_EQ(Size::of(6).asNumber(), 6);
  EXPECT_EQ(Size::of(2).times(Size::of(3)), Size::of(6));
  EXPECT_FALSE(Size::ofAxis(0).asNumber());
  EXPECT_FALSE(Size::of(1).asAxis());
}

TEST(SizeProductTest, OneAxisIsItself) {
  EXPECT_EQ(Size::ofAxis(2).asAxis(), 2u);
  EXPECT_FALSE(Size::ofAxis(2).times(Size::of(3)).asAxis());
  EXPECT_FALSE(Size::ofAxis(2).times(Size::ofAxis(2)).asAxis());
}

TEST(SizeProductTest, OrderDoesNotMatter) {
  Size left = Size::ofAxis(1).times(Size::of(4)).times(Size::ofAxis(0));
  Size right = Size::of(4).times(Size::ofAxis(0)).times(Size::ofAxis(1));
  EXPECT_EQ(left, right);
  EXPECT_FALSE(left == Size::ofAxis(0).times(Size::ofAxis(1)));
}

TEST(SizeProductTest, SquaresAreNoSingleAxes) {
  Size square = Size::ofAxis(0).times(Size::ofAxis(0));
  EXPECT_FALSE(square == Size::ofAxis(0));
  EXPECT_EQ(square.axes.size(), 2u);
}

TEST(SizeProductTest, NothingTimesAnythingIsNothing) {
  Size nothing = Size::ofAxis(0).times(Size::of(0));
  EXPECT_EQ(nothing, Size::of(0));
  EXPECT_EQ(nothing, Size::of(0).times(Size::ofAxis(1)));
  EXPECT_EQ(nothing.asNumber(), 0);
}
