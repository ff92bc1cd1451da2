//===- RuntimeRowsTest.cpp - Packed rows without caches -------------------===//
//
// A kernel of rows alone, as the products beside latent attention are: it has
// no lengths, and its rows may be packed all the same.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/FakeKernel.h"

#include <gtest/gtest.h>

using namespace attn::test;

namespace {
/// The args of a kernel of rows alone.
struct RowArgs {
  uint32_t size = sizeof(RowArgs), abi = ATTN_ABI_VERSION, layer = 0, flags = 0;
  const DLTensor *rows = nullptr, *output = nullptr;
  attn_rt_tail tail = {};
};
} // namespace

/// A task for each sequence that writes how many rows it has into all of them.
static void countRows(const attn_rt_frame *frame, char *, int64_t task) {
  const attn_rt_view &output = frame->views[1];
  for (int64_t row = 0; row < output.extent[1]; ++row)
    static_cast<uint32_t *>(
        output.data)[task * output.stride[0] + row * output.stride[1]] =
        static_cast<uint32_t>(output.extent[1]);
}

static void gridOfSequences(const attn_rt_frame *frame, int64_t *tasks) {
  tasks[0] = frame->views[0].extent[0];
}

/// It takes rows that may be packed if their role says so, one by one.
static attn_rt_kernel rowKernel(int64_t role) {
  static constexpr int64_t B = ATTN_RT_BATCH, S = ATTN_RT_QUERY_LENGTH,
                           no = ATTN_RT_NO_SYMBOL;
  static constexpr DLDataType f32 = {kDLFloat, 32, 1};
  static attn_rt_tensor tensors[] = {
      {"rows", 0, 3, f32, {-1, -1, 1}, {B, S, no}, {"batch", "row", "size"}},
      {"output",
       ATTN_RT_OUTPUT,
       3,
       f32,
       {-1, -1, 1},
       {B, S, no},
       {"batch", "row", "size"}}};
  static constexpr attn_rt_phase phase[] = {countRows};
  static constexpr attn_rt_program program[] = {
      {"graph", ATTN_RT_PREFILL, INT64_MAX, 1, /*token_phases=*/1,
       gridOfSequences, phase, 64, 0, 1, 1024, 32, 0, nullptr}};
  static constexpr int64_t words[] = {0};
  static constexpr int32_t rows[] = {0};
  static constexpr attn_rt_target target[] = {
      {"fake", 0, 1, program, "        ", 0, 0, nullptr, 0, 0}};
  tensors[0].role = role;
  return {
      "fake_rows", ATTN_ABI_VERSION, 1, 2, tensors, 1, rows, words, words, 1,
      target};
}

TEST(RuntimeRowsTest, RowsWithoutLengthsMayBePacked) {
  attn_rt_kernel kernel = rowKernel(ATTN_RT_ROWS);
  FakeCall call;
  OwnedTensor rows({7, 1}), output({7, 1});
  for (OwnedTensor *tensor : {&rows, &output}) {
    tensor->tensor.data = tensor->elements.data();
    tensor->tensor.shape = tensor->shape.data();
    tensor->tensor.strides = tensor->strides.data();
  }
  Numbers offsets({4}, {0, 2, 2, 5});
  RowArgs args;
  args.rows = &rows.tensor;
  args.output = &output.tensor;
  args.tail.q_indptr = &offsets.tensor;
  attn_plan plan;
  ASSERT_EQ(attn_rt_plan(&kernel, 7, &args, &call.context, &plan), ATTN_OK)
      << call.message();
  EXPECT_EQ(plan.tasks[0], 1);
  uint32_t behind = output.elements[5];
  ASSERT_EQ(attn_rt_run(&kernel, 7, &args, &call.context), ATTN_OK)
      << call.message();
  EXPECT_EQ(std::vector<uint32_t>(output.elements.begin(),
                                  output.elements.begin() + 7),
            (std::vector<uint32_t>{5, 5, 5, 5, 5, behind, behind}));
  // Offsets beyond the rows, pages, and rows that may not be packed.
  Numbers beyond({3}, {0, 2, 8});
  args.tail.q_indptr = &beyond.tensor;
  EXPECT_EQ(attn_rt_run(&kernel, 7, &args, &call.context), ATTN_BAD_LENGTH);
  args.tail.q_indptr = nullptr;
  args.tail.page_table = &offsets.tensor;
  EXPECT_EQ(attn_rt_run(&kernel, 7, &args, &call.context), ATTN_BAD_ARGS);
  args.tail.page_table = nullptr;
  args.tail.q_indptr = &offsets.tensor;
  kernel = rowKernel(0);
  EXPECT_EQ(attn_rt_run(&kernel, 7, &args, &call.context), ATTN_BAD_ARGS);
}
