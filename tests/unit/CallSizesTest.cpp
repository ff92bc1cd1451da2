//===- CallSizesTest.cpp - How large a call is ----------------------------===//
//
// Sizes come from the axes of tensors, compiled in or not, and no keys are not
// any number of keys.
//
//===----------------------------------------------------------------------===//

#include "compiler/CallSizes.h"

#include <gtest/gtest.h>

using namespace attn;

static LibraryTensor tensorOf(std::string name, std::vector<std::string> axes) {
  LibraryTensor tensor = {std::move(name), "f32", {}};
  tensor.axes = std::move(axes);
  return tensor;
}

/// A workspace that says what it was asked for.
static uint64_t writeDown(const attn_maxima *maxima) {
  return maxima->batch * 1000 + maxima->query_length * 100 +
         maxima->kv_length * 10 + maxima->workers;
}

static LibraryKernel exampleKernel() {
  LibraryKernel kernel;
  kernel.workspace = writeDown;
  kernel.tensors = {
      tensorOf("mask", {"batch", "query_heads", "query_length", "keys"}),
      tensorOf("query", {"batch", "query_length", "", ""}),
      tensorOf("kv_lengths", {"batch"}),
      tensorOf("key", {"batch", "kv_capacity", "", ""})};
  return kernel;
}

/// A tensor of these extents.
static DLTensor shaped(std::vector<int64_t> &shape) {
  DLTensor tensor = {};
  tensor.ndim = static_cast<int32_t>(shape.size());
  tensor.shape = shape.data();
  return tensor;
}

TEST(CallSizesTest, TakesTheLargestExtentOfAnAxis) {
  std::vector<int64_t> ofMask = {1, 1, 1, 9}, ofQuery = {2, 3, 4, 8},
                       ofKey = {2, 5, 2, 8};
  DLTensor mask = shaped(ofMask), query = shaped(ofQuery), key = shaped(ofKey);
  LibraryKernel kernel = exampleKernel();
  CallSizes sizes = sizesOf(kernel, {&mask, &query, nullptr, &key});
  EXPECT_EQ(sizes.batch, 2);
  EXPECT_EQ(sizes.queryLength, 3);
  EXPECT_EQ(sizes.keys, 5);
  EXPECT_EQ(sizesOf(kernel, {&mask, &query, nullptr, nullptr}).keys, 0);
}

TEST(CallSizesTest, NoKeysAreNotAnyNumberOfKeys) {
  LibraryKernel kernel = exampleKernel();
  CallSizes sizes = {.batch = 2, .queryLength = 3, .keys = 5};
  EXPECT_EQ(workspaceBytes(kernel, sizes), 2351U);
  EXPECT_EQ(workspaceBytes(kernel, sizes, 4), 2354U);
  sizes.keys = 0;
  EXPECT_EQ(workspaceBytes(kernel, sizes), 2311U);
}
