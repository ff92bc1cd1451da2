// Products in blocks leave the bits of one ascending sum after another, with
// rows and columns left over, and in every stride.

#include "compiler/reference/Products.h"

#include "compiler/verify/Random.h"
#include "llvm/ADT/bit.h"
#include "gtest/gtest.h"
#include <cmath>

#pragma STDC FP_CONTRACT OFF

using namespace attn;
using namespace attn::reference;

static Tensor randomTensor(llvm::ArrayRef<int64_t> shape, uint64_t seed) {
  verify::Random random(seed);
  Tensor tensor(shape);
  for (double &element : tensor.data())
    element = random.uniform();
  return tensor;
}

/// One element of `left` times `right`.
template <typename Real>
static double dot(const Matrix &left, const Matrix &right, int64_t row,
                  int64_t column) {
  Real sum = 0;
  for (int64_t k = 0; k < left.columns; ++k)
    sum += static_cast<Real>(
               left.data[row * left.rowStride + k * left.columnStride]) *
           static_cast<Real>(
               right.data[k * right.rowStride + column * right.columnStride]);
  return sum;
}

template <typename Real>
static void expectSums(const Matrix &left, const Matrix &right) {
  constexpr double untouched = -7;
  int64_t stride = right.columns + 1;
  std::vector<double> result(left.rows * stride, untouched);
  multiply<Real>(left, right, result.data(), stride);
  for (int64_t row = 0; row < left.rows; ++row) {
    for (int64_t column = 0; column < right.columns; ++column)
      ASSERT_EQ(llvm::bit_cast<uint64_t>(result[row * stride + column]),
                llvm::bit_cast<uint64_t>(dot<Real>(left, right, row, column)))
          << row << ", " << column;
    EXPECT_EQ(result[row * stride + right.columns], untouched);
  }
}

TEST(ProductsTest, SumsAscendWhateverIsLeftOverOfABlock) {
  constexpr int64_t inner = 37;
  Tensor left = randomTensor({9, inner}, 1),
         right = randomTensor({33, inner}, 2);
  for (int64_t rows : {1, 3, 4, 5, 9})
    for (int64_t columns : {1, 4, 15, 16, 17, 33}) {
      Matrix x = {left.data().data(), rows, inner, inner};
      Matrix w = {right.data().data(), inner, columns, 1, inner};
      expectSums<double>(x, w);
      expectSums<float>(x, w);
    }
}

TEST(ProductsTest, MatricesHaveAnyStrides) {
  Tensor left = randomTensor({5, 7, 3}, 3), right = randomTensor({7, 11, 2}, 4);
  Matrix x = {left.data().data() + 1, 5, 7, 21, 3};
  Matrix w = {right.data().data() + 1, 7, 11, 22, 2};
  expectSums<double>(x, w);
  expectSums<float>(x, w);
}

TEST(ProductsTest, AnInfinityReachesItsOwnColumnAlone) {
  Tensor left({1, 2}, 1.0), right({2, 3}, 1.0);
  right(1, 2) = INFINITY;
  Tensor result = matmul<float>(left, right);
  EXPECT_EQ(std::vector<double>(result.data()),
            (std::vector<double>{2, 2, INFINITY}));
}

TEST(ProductsTest, BatchesHaveTheirOwnMatrixOrShareOne) {
  Tensor left({2, 1, 2}, {1, 2, 3, 4});
  Tensor own({2, 2, 1}, {1, 1, 2, 2}), shared({1, 2}, {1, 10});
  EXPECT_EQ(std::vector<double>(matmul<double>(left, own).data()),
            (std::vector<double>{3, 14}));
  EXPECT_EQ(std::vector<double>(
                matmul<double>(left, shared, /*transposed=*/true).data()),
            (std::vector<double>{21, 43}));
}

TEST(ProductsTest, NothingIsMultipliedByNothing) {
  EXPECT_EQ(matmul<double>(Tensor({0, 3}), Tensor({3, 2})).size(), 0);
  Tensor empty = matmul<double>(Tensor({2, 0}), Tensor({0, 2}));
  EXPECT_EQ(std::vector<double>(empty.data()), std::vector<double>(4, 0.0));
  EXPECT_EQ(
      headLinear<float>(Tensor({1, 0, 2, 3}), Tensor({2, 4, 3}), false).size(),
      0);
}
