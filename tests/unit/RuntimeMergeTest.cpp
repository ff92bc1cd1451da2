//===- RuntimeMergeTest.cpp - The args of a merge -------------------------===//
//
// Callers of other versions are treated as kernels treat them. What a merge
// computes is in tests/numeric/test_merge.py.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/FakeKernel.h"

#include <gtest/gtest.h>

using namespace attn::test;

namespace {
/// A sound merge of two parts of 3 rows, by a caller that knows another field.
struct NewerMerge {
  NewerMerge() {
    args.known = ATTN_MERGE_ARGS_INIT;
    args.known.size = sizeof(args);
    args.known.outputs = &outputs.tensor;
    args.known.lses = &lses.tensor;
    args.known.output = &output.tensor;
    context.text = text.data();
    context.text_bytes = text.size();
  }
  NewerMerge(const NewerMerge &) = delete;

  attn_status run() {
    return attn_rt_merge("fake_merge", &args.known, &context);
  }
  std::string message() const { return text.data(); }

  OwnedTensor outputs{{2, 3, 2, 4}}, lses{{2, 3, 2}}, output{{3, 2, 4}};
  struct {
    attn_merge_args known;
    uint64_t appended = 0;
  } args;
  std::array<char, 256> text = {};
  attn_context context = ATTN_CONTEXT_INIT;
};
} // namespace

TEST(RuntimeMergeTest, TakesFieldsThatAreClear) {
  NewerMerge merge;
  EXPECT_EQ(merge.run(), ATTN_OK) << merge.message();
}

TEST(RuntimeMergeTest, RefusesFieldsThatItDoesNotKnow) {
  NewerMerge merge;
  merge.args.appended = uint64_t(1) << 8;
  EXPECT_EQ(merge.run(), ATTN_BAD_ARGS);
  EXPECT_EQ(merge.message(),
            "fake_merge: args.size is 56 and byte 49 is set, but this version "
            "knows 48 bytes only: clear args before filling it");
}

TEST(RuntimeMergeTest, RefusesSizeOfArgs) {
  for (uint32_t size : {0U, 47U, 4097U, UINT32_MAX}) {
    NewerMerge merge;
    merge.args.known.size = size;
    EXPECT_EQ(merge.run(), ATTN_BAD_ARGS);
    EXPECT_EQ(merge.message(),
              "fake_merge: args.size is " + std::to_string(size) +
                  " and args.abi 1, expected 48 and 1: begin with "
                  "ATTN_MERGE_ARGS_INIT");
  }
}
