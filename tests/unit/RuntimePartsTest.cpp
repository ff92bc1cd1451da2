//===- RuntimePartsTest.cpp - Keys that are a part of a sequence ----------===//
//
// What generated code sees of a call that has a part of each sequence's keys,
// and which kernels and tensors such a call may have.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/FakeKernel.h"

#include <gtest/gtest.h>

using namespace attn::test;

namespace {
/// Keys 2 to 6 of 9 of the first sequence, 0 to 2 of 4 of the second.
struct PartCall : FakeCall {
  PartCall()
      : tensors(fakeKernel().tensors,
                fakeKernel().tensors + fakeKernel().tensor_count),
        partial(fakeKernel()) {
    lengths.elements = {5, 3};
    lengths.tensor.data = lengths.elements.data();
    args.tail.key_offsets = &offsets.tensor;
    args.tail.sequence_lengths = &whole.tensor;
    partial.tensors = tensors.data();
    kernel = &partial;
  }

  Numbers offsets{{2}, {2, 0}}, whole{{2}, {9, 4}};
  std::vector<attn_rt_tensor> tensors;
  attn_rt_kernel partial;
};
} // namespace

/// Writes what a sequence sees: the keys before the call's, where its rows end,
/// and its keys.
static void writePlace(const attn_rt_frame *frame, char *, int64_t task) {
  const attn_rt_view &output = frame->views[5];
  auto *row = static_cast<uint32_t *>(output.data) + task * output.stride[0];
  row[0] = static_cast<uint32_t>(frame->first_key);
  row[1] = static_cast<const uint32_t *>(frame->views[3].data)[task];
  row[2] = static_cast<uint32_t>(frame->views[1].extent[1]);
}

static void gridOfSequences(const attn_rt_frame *frame, int64_t *tasks) {
  tasks[0] = frame->views[0].extent[0];
}

TEST(RuntimePartsTest, PlacesKeysAndRowsOfEachSequence) {
  static constexpr attn_rt_phase phase[] = {writePlace};
  static constexpr attn_rt_program program[] = {
      {"prefill", ATTN_RT_PREFILL, INT64_MAX, 1, 0, gridOfSequences, phase, 64,
       0, 1, 1024, 32, 0, nullptr}};
  PartCall call;
  attn_rt_target target = fakeKernel().targets[1];
  target.program_count = 1;
  target.programs = program;
  call.partial.target_count = 1;
  call.partial.targets = &target;
  auto places = [&] {
    EXPECT_EQ(attn_rt_run(&call.partial, 7, &call.args, &call.context), ATTN_OK)
        << call.message();
    auto first = call.output.elements.begin();
    auto second = first + call.output.strides[0];
    std::vector<uint32_t> seen(first, first + 3);
    seen.insert(seen.end(), second, second + 3);
    return seen;
  };
  EXPECT_EQ(places(), (std::vector<uint32_t>{2, 7, 5, 0, 4, 3}));
  call.args.tail.key_offsets = call.args.tail.sequence_lengths = nullptr;
  EXPECT_EQ(places(), (std::vector<uint32_t>{0, 5, 5, 0, 3, 5}));
}

TEST(RuntimePartsTest, MasksAreOfWholeSequences) {
  constexpr int64_t no = ATTN_RT_NO_SYMBOL;
  PartCall call;
  call.tensors[4] = {
      "mask",
      ATTN_RT_MASK | ATTN_RT_OF_KEYS,
      4,
      {kDLFloat, 32, 1},
      {-1, 4, -1, -1},
      {ATTN_RT_BATCH, no, ATTN_RT_QUERY_LENGTH, ATTN_RT_KV_CAPACITY},
      {"batch", "query_heads", "query_length", "kv_capacity"}};
  OwnedTensor wide({1, 1, 3, 9}), narrow({1, 1, 3, 8});
  call.args.sinks = &wide.tensor;
  EXPECT_EQ(attn_rt_can_run(call.kernel, 7, &call.args, &call.context), ATTN_OK)
      << call.message();
  call.args.sinks = &narrow.tensor;
  EXPECT_EQ(attn_rt_can_run(call.kernel, 7, &call.args, &call.context),
            ATTN_BAD_SHAPE);
  EXPECT_EQ(call.message(),
            "fake_core: mask has extent 8 in dimension 3 (kv_capacity), "
            "expected at least the 9 keys of the longest sequence");
}

TEST(RuntimePartsTest, KernelsSayWhyTheyTakeNoParts) {
  static constexpr int64_t none[] = {0, 0, 0};
  PartCall call;
  call.partial.layer_part_step = none;
  auto whyNot = [&] {
    EXPECT_EQ(attn_rt_can_run(call.kernel, 7, &call.args, &call.context),
              ATTN_BAD_ARGS);
    std::string message = call.message();
    return message.substr(message.find("this kernel has no "));
  };
  EXPECT_EQ(whyNot(), "this kernel has no parts of a sequence: it has other "
                      "steps than attention, or a fixed number of keys");
  call.tensors[1].role |= ATTN_RT_OUTPUT;
  EXPECT_EQ(whyNot(), "this kernel has no parts of a sequence: it appends to "
                      "its caches");
  call.tensors[3].role = ATTN_RT_OPTIONAL;
  EXPECT_EQ(whyNot(), "this kernel has no kv_lengths");
}
