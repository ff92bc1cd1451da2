//===- RuntimeCallTest.cpp - Plans, tasks, threads, workspace -------------===//
//
// However the tasks of a call are executed, the bits are those of the plain
// entry, and the workspace needs no care.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/FakeKernel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <random>
#include <thread>

using namespace attn::test;

/// The trace of a call that the plain entry runs.
static std::vector<uint32_t> plainTrace(int64_t batch, int64_t queries) {
  FakeCall call(batch, queries);
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  return call.trace();
}

static attn_plan planOf(FakeCall &call, uint32_t kinds = 7) {
  attn_plan plan;
  EXPECT_EQ(
      attn_rt_plan(&fakeKernel(), kinds, &call.args, &call.context, &plan),
      ATTN_OK)
      << call.message();
  return plan;
}

static attn_status runTask(FakeCall &call, int64_t phase, int64_t task) {
  return attn_rt_task(&fakeKernel(), 7, &call.args, &call.context, phase, task);
}

TEST(RuntimeCallTest, ChoosesProgramByQueryRows) {
  for (auto [queries, schedule] :
       {std::pair(0, "decode"), {1, "decode"}, {2, "short"}, {5, "prefill"}}) {
    FakeCall call(2, queries);
    EXPECT_STREQ(planOf(call).schedule, schedule);
    EXPECT_STREQ(planOf(call).target, "fake");
    EXPECT_STREQ(planOf(call, ATTN_RT_PREFILL).schedule, "prefill");
  }
}

TEST(RuntimeCallTest, PlansPhasesAndTasks) {
  FakeCall call(3, 1);
  attn_plan plan = planOf(call);
  EXPECT_EQ(plan.phases, 2);
  EXPECT_EQ(plan.tasks[0], 6);
  EXPECT_EQ(plan.tasks[1], 6);
  EXPECT_EQ(plan.tasks[2], 0);
  EXPECT_EQ(attn_rt_plan(&fakeKernel(), 7, &call.args, &call.context, nullptr),
            ATTN_BAD_ARGS);
}

TEST(RuntimeCallTest, RefusesTasksOutsideThePlan) {
  FakeCall call(2, 1);
  EXPECT_EQ(runTask(call, 2, 0), ATTN_BAD_TASK);
  EXPECT_EQ(call.message(),
            "fake_core: there is no phase 2, the call has 2 phases");
  EXPECT_EQ(runTask(call, 1, 4), ATTN_BAD_TASK);
  EXPECT_EQ(call.message(),
            "fake_core: there is no task 4, phase 1 has 4 tasks");
  EXPECT_EQ(runTask(call, -1, 0), ATTN_BAD_TASK);
}

TEST(RuntimeCallTest, GivesTheLayersConstants) {
  FakeCall call(1, 1);
  EXPECT_EQ(call.run(), ATTN_OK);
  EXPECT_EQ(call.trace()[0] / 1000, 3u);
  call.args.layer = 1;
  EXPECT_EQ(call.run(), ATTN_OK);
  EXPECT_EQ(call.trace()[0] / 1000, 7u);
}

TEST(RuntimeCallTest, FlagLeavesTheSinkOut) {
  FakeCall call(1, 1);
  EXPECT_EQ(call.run(), ATTN_OK);
  uint32_t with = call.trace()[0];
  call.args.flags = ATTN_FLAG_NO_SINK;
  call.args.sinks = nullptr;
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  EXPECT_EQ(call.trace()[0], with - 8);
}

TEST(RuntimeCallTest, ReversedTasksGiveEqualBits) {
  for (int64_t queries : {1, 3, 9}) {
    FakeCall call(5, queries);
    attn_plan plan = planOf(call);
    for (int64_t phase = 0; phase < plan.phases; ++phase)
      for (int64_t task = plan.tasks[phase]; task-- > 0;)
        ASSERT_EQ(runTask(call, phase, task), ATTN_OK) << call.message();
    EXPECT_EQ(call.trace(), plainTrace(5, queries));
  }
}

TEST(RuntimeCallTest, ThreadsByIndexGiveEqualBits) {
  // As ggml does: each thread plans for itself and takes every nth task.
  constexpr int threads = 4;
  for (int64_t queries : {1, 3, 9}) {
    FakeCall call(16, queries, 5, threads);
    std::barrier phaseEnd(threads);
    std::vector<std::thread> team;
    for (int ith = 0; ith < threads; ++ith)
      team.emplace_back([&, ith] {
        attn_context context = call.context;
        context.text = nullptr;
        attn_plan plan;
        EXPECT_EQ(attn_rt_plan(&fakeKernel(), 7, &call.args, &context, &plan),
                  ATTN_OK);
        for (int64_t phase = 0; phase < plan.phases; ++phase) {
          for (int64_t t = ith; t < plan.tasks[phase]; t += threads)
            EXPECT_EQ(
                attn_rt_task(&fakeKernel(), 7, &call.args, &context, phase, t),
                ATTN_OK);
          phaseEnd.arrive_and_wait();
        }
      });
    for (std::thread &thread : team)
      thread.join();
    EXPECT_EQ(call.trace(), plainTrace(16, queries));
  }
}

/// Runs a parallel loop on as many threads as `pool` points to.
static void runOnThreads(void *pool, int64_t tasks, attn_body body,
                         void *closure) {
  std::atomic<int64_t> next = 0;
  std::vector<std::thread> team;
  for (int i = 0; i < *static_cast<int *>(pool); ++i)
    team.emplace_back([&] {
      for (int64_t t; (t = next++) < tasks;)
        body(closure, t);
    });
  for (std::thread &thread : team)
    thread.join();
}

TEST(RuntimeCallTest, ParallelForGivesEqualBits) {
  for (int threads : {2, 8, 40}) {
    FakeCall call(64, 3, 5, threads);
    call.context.parallel_for = runOnThreads;
    call.context.pool = &threads;
    ASSERT_EQ(call.run(), ATTN_OK) << call.message();
    EXPECT_EQ(call.trace(), plainTrace(64, 3));
  }
}

extern "C" {
int64_t attn_rt_claim(char *workspace, int64_t workers);
void attn_rt_release(char *workspace, int64_t slot);
}

TEST(RuntimeCallTest, TooManyTasksAtOnceIsAStatusNotAWait) {
  FakeCall call(16, 9, 5, 1);
  char *workspace = static_cast<char *>(call.context.workspace);
  // A task of the same call that is still running.
  ASSERT_EQ(attn_rt_claim(workspace, 1), 0);
  EXPECT_EQ(runTask(call, 0, 1), ATTN_TOO_MANY_TASKS);
  EXPECT_EQ(call.message(), "fake_core: more tasks run at once than the "
                            "context's 1 workers");
  EXPECT_EQ(call.run(), ATTN_TOO_MANY_TASKS);
  attn_rt_release(workspace, 0);
  EXPECT_EQ(call.run(), ATTN_OK);
}

TEST(RuntimeCallTest, EverySlotIsClaimedOnce) {
  for (int64_t workers : {1, 16, 17, 100}) {
    FakeCall call(1, 1, 1, workers);
    char *workspace = static_cast<char *>(call.context.workspace);
    for (int64_t slot = 0; slot < workers; ++slot)
      EXPECT_EQ(attn_rt_claim(workspace, workers), slot);
    EXPECT_EQ(attn_rt_claim(workspace, workers), -1);
    attn_rt_release(workspace, workers / 2);
    EXPECT_EQ(attn_rt_claim(workspace, workers), workers / 2);
  }
}

TEST(RuntimeCallTest, WorkspaceNeedsNoInitialisation) {
  std::mt19937_64 random(1);
  for (int fill = 0; fill < 64; ++fill) {
    FakeCall call(4, 1);
    for (char &byte : call.memory)
      byte = static_cast<char>(fill == 0 ? 0 : fill == 1 ? -1 : random());
    ASSERT_EQ(call.run(), ATTN_OK) << call.message();
    EXPECT_EQ(call.trace(), plainTrace(4, 1));
  }
}

TEST(RuntimeCallTest, WorkspaceGrowsWithItsMaxima) {
  for (int64_t queries : {0, 1, 2, 4, 5, 100000})
    for (int64_t workers : {1, 2, 17, 300}) {
      attn_maxima maxima = ATTN_MAXIMA_INIT, more = ATTN_MAXIMA_INIT;
      maxima.query_length = more.query_length = queries;
      maxima.workers = more.workers = workers;
      more.batch = 9;
      uint64_t bytes = attn_rt_workspace(&fakeKernel(), 7, &maxima);
      EXPECT_LE(bytes, attn_rt_workspace(&fakeKernel(), 7, &more));
      EXPECT_LE(attn_rt_workspace(&fakeKernel(), ATTN_RT_DECODE, &maxima),
                bytes);
      more = maxima;
      more.workers += 1;
      EXPECT_LT(bytes, attn_rt_workspace(&fakeKernel(), 7, &more));
      more = maxima;
      more.query_length += 1;
      EXPECT_LE(bytes, attn_rt_workspace(&fakeKernel(), 7, &more));
    }
  attn_maxima huge = ATTN_MAXIMA_INIT;
  huge.batch = huge.workers = INT64_MAX;
  EXPECT_EQ(attn_rt_workspace(&fakeKernel(), 7, &huge), UINT64_MAX);
  huge.tokens = INT64_MAX;
  EXPECT_EQ(attn_rt_workspace(&fakeKernel(), 7, &huge), UINT64_MAX);
  huge.tokens = -1;
  huge.batch = huge.workers = 1;
  EXPECT_EQ(attn_rt_workspace(&fakeKernel(), 7, &huge), UINT64_MAX);
  huge.tokens = 0;
  huge.batch = -1;
  EXPECT_EQ(attn_rt_workspace(&fakeKernel(), 7, &huge), UINT64_MAX);
}

TEST(RuntimeCallTest, WorkspaceForTheMaximaServesEveryContext) {
  // Any number of keys: a sequence has at most 32 splits.
  for (int64_t keys : {0, 1, 1024, 1025, 32768, 50000}) {
    FakeCall call(1, 1, keys);
    EXPECT_EQ(call.canRun(), ATTN_OK) << call.message();
  }
}

TEST(RuntimeCallTest, WorkspaceGrowsWithTheLongestSequence) {
  auto bytesFor = [](int64_t keys) {
    attn_maxima maxima = ATTN_MAXIMA_INIT;
    maxima.batch = 64;
    maxima.kv_length = keys;
    return attn_rt_workspace(&fakeKernel(), 7, &maxima);
  };
  // One state of 64 bytes for each sequence, KV head and split of 1024 keys.
  const uint64_t state = 64 * 2 * 64;
  EXPECT_EQ(bytesFor(1024), bytesFor(1));
  EXPECT_EQ(bytesFor(1025), bytesFor(1) + state);
  EXPECT_EQ(bytesFor(32768), bytesFor(1) + 31 * state);
  for (int64_t keys : {32769, 1 << 30})
    EXPECT_EQ(bytesFor(keys), bytesFor(32768));
  EXPECT_EQ(bytesFor(0), bytesFor(32768)) << "0 stands for any number";
  EXPECT_EQ(bytesFor(-1), UINT64_MAX);
}

TEST(RuntimeCallTest, WorkspaceAsksNothingOfOlderCallers) {
  attn_maxima maxima = ATTN_MAXIMA_INIT, older = ATTN_MAXIMA_INIT;
  older.size = offsetof(attn_maxima, kv_length);
  older.kv_length = -7; // What lies behind the older structure.
  EXPECT_EQ(attn_rt_workspace(&fakeKernel(), 7, &older),
            attn_rt_workspace(&fakeKernel(), 7, &maxima));
  older.size -= 1;
  EXPECT_EQ(attn_rt_workspace(&fakeKernel(), 7, &older), UINT64_MAX);
}

TEST(RuntimeCallTest, WorkspaceServesTheKeysThatWerePromised) {
  // Valid keys count, not the capacity of the cache.
  FakeCall call(2, 1, 5000);
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  maxima.batch = 2;
  maxima.kv_length = 2048;
  call.context.workspace_bytes = attn_rt_workspace(&fakeKernel(), 7, &maxima);
  call.lengths.elements = {2048, 3};
  call.lengths.tensor.data = call.lengths.elements.data();
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
  call.lengths.elements[1] = 2049;
  EXPECT_EQ(call.run(), ATTN_BAD_WORKSPACE);
  EXPECT_EQ(call.message(),
            "fake_core: the workspace has 896 bytes, expected 960 for batch "
            "2, query_length 1, 2 tokens, kv_length 2049 and 1 workers");
  call.args.kvLengths = nullptr;
  EXPECT_EQ(call.canRun(), ATTN_BAD_WORKSPACE);
}

TEST(RuntimeCallTest, EmptyBatchRunsNothing) {
  FakeCall call(0, 1);
  EXPECT_EQ(call.run(), ATTN_OK) << call.message();
}
