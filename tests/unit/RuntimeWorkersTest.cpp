//===- RuntimeWorkersTest.cpp - How many tasks run at once ----------------===//
//
// Calls, merges and packing ask a context's parallel_for for as many workers as
// the context has, and one worker is the calling thread.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/FakeKernel.h"

#include <gtest/gtest.h>

#include <functional>
#include <numeric>

using namespace attn::test;

namespace {
/// What a pool was asked for.
struct Requests {
  std::vector<int64_t> tasks;

  static void serve(void *pool, int64_t tasks, attn_body body, void *closure) {
    static_cast<Requests *>(pool)->tasks.push_back(tasks);
    // Backwards: the order is the pool's.
    for (int64_t task = tasks; task-- > 0;)
      body(closure, task);
  }
};
} // namespace

/// The requests of `run` for a context of so many workers.
static std::vector<int64_t>
requestsOf(int64_t workers,
           const std::function<attn_status(const attn_context &)> &run) {
  Requests requests;
  attn_context context = ATTN_CONTEXT_INIT;
  context.workers = workers;
  context.pool = &requests;
  context.parallel_for = Requests::serve;
  EXPECT_EQ(run(context), ATTN_OK);
  return requests.tasks;
}

/// Checks what `run`, a loop of `tasks` tasks, asks for.
static void
checkRequests(int64_t tasks,
              const std::function<attn_status(const attn_context &)> &run) {
  using Counts = std::vector<int64_t>;
  EXPECT_EQ(requestsOf(0, run), Counts()) << "0 workers are one";
  EXPECT_EQ(requestsOf(1, run), Counts());
  EXPECT_EQ(requestsOf(2, run), Counts{2});
  EXPECT_EQ(requestsOf(tasks, run), Counts{tasks});
  EXPECT_EQ(requestsOf(tasks + 1, run), Counts{tasks}) << "no worker is idle";
}

TEST(RuntimeWorkersTest, CallsAskForTheirWorkers) {
  // One phase of a task for each of 3 sequences and 2 KV heads.
  checkRequests(6, [](const attn_context &context) {
    FakeCall call(3, 9, 5, std::max<int64_t>(context.workers, 1));
    attn_context own = context;
    own.workspace = call.context.workspace;
    own.workspace_bytes = call.context.workspace_bytes;
    return attn_rt_run(&fakeKernel(), 7, &call.args, &own);
  });
}

TEST(RuntimeWorkersTest, MergesAskForTheirWorkers) {
  // Two parts of 5 rows of 2 heads, which have equal shares.
  OwnedTensor outputs({2, 5, 2, 3}), lses({2, 5, 2});
  std::vector<float> halves(outputs.elements.size());
  std::iota(halves.begin(), halves.end(), 1.0F);
  outputs.tensor.data = halves.data();
  checkRequests(5, [&](const attn_context &context) {
    OwnedTensor output({5, 2, 3});
    attn_merge_args args = ATTN_MERGE_ARGS_INIT;
    args.outputs = &outputs.tensor;
    args.lses = &lses.tensor;
    args.output = &output.tensor;
    attn_status status = attn_rt_merge("fake_merge", &args, &context);
    const float *merged = reinterpret_cast<float *>(output.elements.data());
    for (size_t i = 0; i < 30; ++i)
      EXPECT_EQ(merged[i], (halves[i] + halves[i + 30]) / 2) << i;
    return status;
  });
}

namespace {
/// The args of a kernel that has one weight.
struct WeightArgs {
  uint32_t size = sizeof(WeightArgs), abi = ATTN_ABI_VERSION, layer = 0,
           flags = 0;
  const DLTensor *weight = nullptr;
};
} // namespace

/// The weight is [8, 4], in 4 blocks of a panel of 2 columns.
static const attn_rt_kernel &weightKernel() {
  static constexpr int64_t no = ATTN_RT_NO_SYMBOL;
  static constexpr attn_rt_tensor tensors[] = {{"weight",
                                                ATTN_RT_WEIGHT,
                                                2,
                                                {kDLFloat, 32, 1},
                                                {8, 4},
                                                {no, no},
                                                {"column", "inner"}}};
  static constexpr attn_rt_packing packings[] = {{0, 64, 2, 2, 4}};
  static constexpr int64_t words[] = {0};
  static constexpr int32_t rows[] = {0};
  static constexpr attn_rt_target target[] = {
      {"fake", 0, 0, nullptr, "        ", 0, 1, packings, 64 + 128, 7}};
  static constexpr attn_rt_kernel kernel = {
      "fake_layer", ATTN_ABI_VERSION, 1, 1, tensors, 1, rows, words, words, 1,
      target};
  return kernel;
}

TEST(RuntimeWorkersTest, PackingAsksForItsWorkers) {
  OwnedTensor weight({8, 4});
  std::iota(weight.elements.begin(), weight.elements.end(), 0);
  WeightArgs args;
  args.weight = &weight.tensor;
  checkRequests(4, [&](const attn_context &context) {
    alignas(64) std::array<uint32_t, (64 + 128) / 4> bytes = {};
    int64_t extent = sizeof(bytes), stride = 1;
    DLTensor packed = weight.tensor;
    packed.data = bytes.data();
    packed.ndim = 1;
    packed.dtype = {kDLUInt, 8, 1};
    packed.shape = &extent;
    packed.strides = &stride;
    attn_status status =
        attn_rt_pack_weights(&weightKernel(), &args, &packed, &context);
    for (uint32_t i = 0; i < 32; ++i)
      EXPECT_EQ(bytes[16 + i], i / 8 * 8 + i % 2 * 4 + i % 8 / 2) << i;
    return status;
  });
}
