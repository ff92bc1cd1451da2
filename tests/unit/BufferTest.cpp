// What kernels see of a tensor is its elements and poison around them, in every
// layout, and a byte that is written elsewhere is found.

#include "compiler/verify/Buffer.h"
#include "compiler/verify/Input.h"

#include "gtest/gtest.h"
#include <numeric>

using namespace attn::verify;
using attn::reference::Tensor;

static Tensor counting(llvm::ArrayRef<int64_t> shape) {
  Tensor tensor(shape);
  std::iota(tensor.data().begin(), tensor.data().end(), 0.0);
  return tensor;
}

/// The byte `offset` elements behind the first one.
static char *at(const Buffer &buffer, int64_t offset) {
  const DLTensor &tensor = *buffer.dlTensor();
  return static_cast<char *>(tensor.data) + tensor.byte_offset +
         offset * tensor.dtype.bits / 8;
}

TEST(BufferTest, HoldsTheElementsInAnyLayoutAndType) {
  const llvm::SmallVector<int64_t> shapes[] = {
      {7}, {2, 3}, {2, 3, 4}, {2, 3, 4, 5}, {2, 0, 3}};
  for (const llvm::SmallVector<int64_t> &shape : shapes)
    for (Elements elements :
         {Elements::F32, Elements::F16, Elements::BF16, Elements::I32}) {
      Tensor values = counting(shape);
      Buffer rows(values, elements, Layout::Contiguous);
      Buffer strided(values, elements, Layout::Strided);
      EXPECT_EQ(rows.read().data(), values.data());
      EXPECT_EQ(strided.read().data(), values.data());
      EXPECT_EQ(rows.bytes(), strided.bytes());
      EXPECT_TRUE(rows.areGapsUntouched());
      EXPECT_TRUE(strided.areGapsUntouched());
    }
}

TEST(BufferTest, FindsWhatIsWrittenAroundTheElements) {
  for (Layout layout : {Layout::Contiguous, Layout::Strided})
    for (bool isBehind : {false, true}) {
      Buffer buffer(counting({2, 3, 4}), Elements::F16, layout);
      int64_t last = layout == Layout::Contiguous ? 24 : 6 * 7;
      *at(buffer, isBehind ? last : -1) = 0;
      EXPECT_FALSE(buffer.areGapsUntouched());
    }
}

TEST(BufferTest, FindsWhatIsWrittenBetweenRows) {
  for (int64_t row = 0; row < 6; ++row) {
    Buffer buffer(counting({2, 3, 4}), Elements::F32, Layout::Strided);
    *at(buffer, row * 7 + 3) = 0; // the last element of the row
    EXPECT_TRUE(buffer.areGapsUntouched());
    *at(buffer, row * 7 + 4) = 0;
    EXPECT_FALSE(buffer.areGapsUntouched());
  }
}

TEST(BufferTest, FindsWhatIsWrittenInsteadOfNothing) {
  Buffer buffer({2, 0, 3}, Elements::F32, Layout::Contiguous);
  EXPECT_TRUE(buffer.areGapsUntouched());
  *at(buffer, 0) = 0;
  EXPECT_FALSE(buffer.areGapsUntouched());
}

TEST(BufferTest, CallsShareTheMemoryOfAnInput) {
  Input input(counting({2, 3}), Elements::F32);
  const DLTensor *rows = input.dlTensor(Layout::Contiguous);
  const DLTensor *strided = input.dlTensor(Layout::Strided);
  EXPECT_EQ(rows->strides, nullptr);
  EXPECT_NE(strided->strides, nullptr);
  EXPECT_EQ(input.dlTensor(Layout::Contiguous), rows);
  EXPECT_EQ(input.dlTensor(Layout::Strided), strided);
}
