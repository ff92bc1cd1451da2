//===- RuntimeWorkspaceTest.cpp - What maxima promise ---------------------===//
//
// The workspace for some maxima serves every call within them: tensors between
// phases that grow with any sizes, states of any size, rows dense or packed.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/FakeKernel.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

using namespace attn::test;

extern "C" {
attn_status attn_rt_measure(const attn_rt_kernel *kernel, uint32_t kinds,
                            const void *args, const attn_context *context,
                            uint64_t *bytes);
}

namespace {
/// The fake kernel with other tensors between phases and states.
struct SizedKernel {
  explicit SizedKernel(std::vector<attn_rt_buffer> between,
                       int64_t stateBytes = 64, bool takesLengths = true);
  SizedKernel(const SizedKernel &) = delete;

  std::vector<attn_rt_buffer> buffers;
  std::vector<attn_rt_program> programs;
  std::vector<attn_rt_tensor> tensors;
  attn_rt_target target;
  attn_rt_kernel kernel;
};
} // namespace

SizedKernel::SizedKernel(std::vector<attn_rt_buffer> between,
                         int64_t stateBytes, bool takesLengths)
    : buffers(std::move(between)), target(fakeKernel().targets[1]),
      kernel(fakeKernel()) {
  programs.assign(target.programs, target.programs + target.program_count);
  for (attn_rt_program &program : programs) {
    program.state_bytes = program.state_bytes ? stateBytes : 0;
    program.buffer_count = static_cast<int64_t>(buffers.size());
    program.buffers = buffers.data();
  }
  tensors.assign(kernel.tensors, kernel.tensors + kernel.tensor_count);
  if (!takesLengths)
    tensors[3].role = ATTN_RT_OPTIONAL;
  target.programs = programs.data();
  kernel.tensors = tensors.data();
  kernel.target_count = 1;
  kernel.targets = &target;
}

/// Bytes that the call needs.
static uint64_t needOf(FakeCall &call, const SizedKernel &sized) {
  uint64_t bytes = 0;
  EXPECT_EQ(
      attn_rt_measure(&sized.kernel, 7, &call.args, &call.context, &bytes),
      ATTN_OK)
      << call.message();
  return bytes;
}

static attn_maxima maximaOf(int64_t batch, int64_t rows, int64_t tokens) {
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  maxima.batch = batch;
  maxima.query_length = rows;
  maxima.kv_length = 5;
  maxima.tokens = tokens;
  return maxima;
}

/// Bytes for calls of so many rows, of 5 keys at most.
static uint64_t bytesFor(const SizedKernel &sized, int64_t batch, int64_t rows,
                         int64_t tokens) {
  attn_maxima maxima = maximaOf(batch, rows, tokens);
  return attn_rt_workspace(&sized.kernel, 7, &maxima);
}

TEST(RuntimeWorkspaceTest, TokensAreTheProductWithoutThem) {
  // exp(x x^T) x keeps [batch, query_length, query_length].
  for (bool takesLengths : {false, true}) {
    SizedKernel square({{64, {1, 2, 0}}}, 64, takesLengths);
    for (int64_t batch : {1, 3}) {
      uint64_t bytes = bytesFor(square, batch, 4096, 0);
      EXPECT_GT(bytes, 64 * 4096 * 4096 * uint64_t(batch));
      EXPECT_EQ(bytesFor(square, batch, 4096, batch * 4096), bytes);
    }
    FakeCall call(1, 70);
    call.args.kvLengths = nullptr;
    EXPECT_LE(needOf(call, square), bytesFor(square, 1, 70, 70));
  }
}

/// What sizes tensors between phases may grow with.
static const std::vector<std::vector<attn_rt_buffer>> kBuffers = {
    {},
    {{64, {1, 1, 0}}, {192, {1, 1, 0}}},
    {{64, {1, 2, 0}}},
    {{64, {1, 1, 1}}, {64, {1, 0, 1}}},
    {{64, {0, 2, 0}}, {128, {0, 0, 0}}},
    {{64, {0, 1, 0}}},
    {{64, {1, 3, 0}}, {64, {1, 1, 0}}},
    {{64, {2, 1, 0}}}};

TEST(RuntimeWorkspaceTest, ServesDenseRows) {
  for (const std::vector<attn_rt_buffer> &buffers : kBuffers)
    for (bool takesLengths : {false, true}) {
      SizedKernel sized(buffers, 72, takesLengths);
      for (int64_t batch : {0, 1, 2, 7})
        for (int64_t rows : {0, 1, 2, 4, 5, 9, 40}) {
          FakeCall call(batch, rows);
          call.args.kvLengths = nullptr;
          uint64_t need = needOf(call, sized);
          EXPECT_LE(need, bytesFor(sized, batch, rows, 0));
          EXPECT_LE(need, bytesFor(sized, batch, rows,
                                   std::max<int64_t>(batch * rows, 1)));
          // A call of these rows within other maxima.
          EXPECT_LE(need, bytesFor(sized, batch + 3, rows + 5,
                                   std::max<int64_t>(batch * rows, 1)));
        }
    }
}

TEST(RuntimeWorkspaceTest, ServesPackedRows) {
  std::mt19937 random(1);
  for (const std::vector<attn_rt_buffer> &buffers : kBuffers)
    for (int64_t stateBytes : {0, 64, 72, 264}) {
      SizedKernel sized(buffers, stateBytes);
      for (int round = 0; round < 40; ++round) {
        std::vector<int32_t> offsets = {0};
        int64_t batch = 1 + random() % 12, longest = 0;
        for (int64_t b = 0; b < batch; ++b) {
          int32_t rows = random() % (random() % 2 ? 3 : 40);
          offsets.push_back(offsets.back() + rows);
          longest = std::max<int64_t>(longest, rows);
        }
        RaggedCall call(offsets);
        call.args.kvLengths = nullptr;
        uint64_t need = needOf(call, sized);
        EXPECT_LE(need, bytesFor(sized, batch, longest, 0));
        EXPECT_LE(need,
                  bytesFor(sized, batch, longest, std::max(offsets.back(), 1)));
      }
    }
}

TEST(RuntimeWorkspaceTest, GrowsWithTokens) {
  for (const std::vector<attn_rt_buffer> &buffers : kBuffers) {
    SizedKernel sized(buffers, 72);
    uint64_t before = 0, dense = bytesFor(sized, 8, 64, 0);
    for (int64_t tokens : {1, 2, 8, 63, 64, 65, 500, 512}) {
      uint64_t bytes = bytesFor(sized, 8, 64, tokens);
      EXPECT_GE(bytes, before);
      EXPECT_LE(bytes, dense);
      before = bytes;
    }
    EXPECT_EQ(before, dense);
    EXPECT_EQ(bytesFor(sized, 8, 64, 100000), dense);
  }
}

TEST(RuntimeWorkspaceTest, FewTokensTakeLittle) {
  // What the rows of all need, and a first row of each sequence.
  SizedKernel rows({{64, {1, 1, 0}}}, 0);
  EXPECT_EQ(bytesFor(rows, 8, 512, 0) - bytesFor(rows, 8, 512, 512),
            64 * (8 * 512 - (8 + 512)));
  // Of squares, what a sequence needs that has all of them.
  SizedKernel square({{64, {1, 2, 0}}}, 0);
  EXPECT_EQ(bytesFor(square, 8, 512, 0) - bytesFor(square, 8, 512, 512),
            64 * (8 * 512 * 512 - (8 + 512 * 513)));
}
