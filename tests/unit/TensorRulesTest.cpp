// Operations on shapes and elements, against coordinates spelled out.

#include "compiler/reference/TensorRules.h"

#include "gtest/gtest.h"
#include <numeric>

using namespace attn;
using namespace attn::reference;

/// 0, 1, 2 ...
static Tensor counting(llvm::ArrayRef<int64_t> shape) {
  Tensor tensor(shape);
  std::iota(tensor.data().begin(), tensor.data().end(), 0.0);
  return tensor;
}

static void expectEqual(const Tensor &got, llvm::ArrayRef<int64_t> shape,
                        std::vector<double> elements) {
  EXPECT_EQ(got.shape(), shape);
  EXPECT_EQ(std::vector<double>(got.data()), elements);
}

TEST(TensorRulesTest, GatherReadsOtherIndicesOfOneDimension) {
  Tensor input = counting({2, 3, 2});
  auto backwards = [](int64_t i) { return 2 - i; };
  expectEqual(gather(input, 1, 2, backwards), {2, 2, 2},
              {4, 5, 2, 3, 10, 11, 8, 9});
  auto halved = [](int64_t i) { return i / 2; };
  expectEqual(gather(counting({2}), 0, 4, halved), {4}, {0, 0, 1, 1});
  expectEqual(gather(Tensor({0, 2}), 1, 3, halved), {0, 3}, {});
}

TEST(TensorRulesTest, TransposeMovesDimensions) {
  Tensor input = counting({2, 3, 4});
  Tensor result = transpose(input, {2, 0, 1});
  ASSERT_EQ(result.shape(), llvm::ArrayRef<int64_t>({4, 2, 3}));
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 3; ++j)
      for (int64_t k = 0; k < 4; ++k)
        EXPECT_EQ(result(k, i, j), input(i, j, k));
  expectEqual(transpose(Tensor({3, 0}), {1, 0}), {0, 3}, {});
  expectEqual(transpose(Tensor({0, 3}), {1, 0}), {3, 0}, {});
}

TEST(TensorRulesTest, ConcatJoinsAlongAnInnerDimension) {
  Tensor left = counting({2, 1, 2}), right = counting({2, 2, 2});
  expectEqual(concat({&left, &right}, 1), {2, 3, 2},
              {0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 6, 7});
  Tensor none({2, 0, 2});
  expectEqual(concat({&none, &left}, 1), {2, 1, 2}, {0, 1, 2, 3});
}

TEST(TensorRulesTest, ElementsAreRepeatedToTheShapeOfAll) {
  auto add = [](llvm::ArrayRef<double> x) { return x[0] + 10 * x[1]; };
  Tensor column = counting({2, 1}), row = counting({3});
  expectEqual(elementwise({&column, &row}, add), {2, 3},
              {0, 10, 20, 1, 11, 21});
  Tensor scalar({}, 2.0), one({1}, 3.0);
  expectEqual(elementwise({&scalar, &scalar}, add), {}, {22});
  expectEqual(elementwise({&one, &scalar}, add), {1}, {23});
  Tensor none({0, 3});
  expectEqual(elementwise({&none, &row}, add), {0, 3}, {});
  Tensor rows({3, 0});
  expectEqual(elementwise({&rows, &one}, add), {3, 0}, {});
}

TEST(TensorRulesTest, SumKeepsItsDimension) {
  expectEqual(sum<double>(counting({2, 3, 2}), 1), {2, 1, 2}, {6, 9, 24, 27});
  expectEqual(sum<double>(Tensor({2, 0}), 1), {2, 1}, {0, 0});
}
