// Every task of a loop runs once, on as many threads as the pool was made for,
// whoever runs loops at the same time.

#include "FakeKernel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <ctime>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>

using namespace attn::test;

namespace {
struct DestroyPool {
  void operator()(void *pool) const { attn_rt_pool_destroy(pool); }
};
using Pool = std::unique_ptr<void, DestroyPool>;
} // namespace

/// A task that counts itself.
static void count(void *closure, int64_t task) {
  ++(*static_cast<std::vector<std::atomic<int>> *>(closure))[task];
}

/// Whether each task of a loop on `pool` has run once.
static bool runsEachOnce(void *pool, int64_t tasks) {
  std::vector<std::atomic<int>> runs(tasks);
  attn_rt_pool_run(pool, tasks, count, &runs);
  int64_t once = 0;
  for (const std::atomic<int> &n : runs)
    once += n == 1;
  return once == tasks;
}

TEST(PoolTest, RunsEveryTaskOnce) {
  for (int64_t threads : {1, 2, 5}) {
    Pool pool(attn_rt_pool_create(threads));
    ASSERT_TRUE(pool);
    for (int64_t tasks : {0, 1, 2, 7, 1000})
      EXPECT_TRUE(runsEachOnce(pool.get(), tasks));
  }
}

TEST(PoolTest, RunsOnTheCallerWithoutAPool) {
  EXPECT_TRUE(runsEachOnce(nullptr, 100));
}

// Tasks that wait for each other end only where as many run at once.
TEST(PoolTest, TakesAsManyThreadsAsItWasMadeFor) {
  constexpr int64_t threads = 4;
  struct Meeting {
    std::mutex mutex;
    std::condition_variable all;
    int64_t come = 0;
  } meeting;
  Pool pool(attn_rt_pool_create(threads));
  attn_rt_pool_run(
      pool.get(), threads,
      [](void *closure, int64_t) {
        auto &m = *static_cast<Meeting *>(closure);
        std::unique_lock lock(m.mutex);
        if (++m.come == threads)
          m.all.notify_all();
        m.all.wait(lock, [&] { return m.come == threads; });
      },
      &meeting);
  EXPECT_EQ(meeting.come, threads);
}

TEST(PoolTest, TasksMayRunLoops) {
  Pool pool(attn_rt_pool_create(3));
  struct Closure {
    void *pool;
    std::atomic<int> good = 0;
  } closure{pool.get()};
  for (int round = 0; round < 50; ++round)
    attn_rt_pool_run(
        pool.get(), 8,
        [](void *data, int64_t) {
          auto &c = *static_cast<Closure *>(data);
          c.good += runsEachOnce(c.pool, 20);
        },
        &closure);
  EXPECT_EQ(closure.good, 400);
}

TEST(PoolTest, ServesSeveralCallersAtOnce) {
  Pool pool(attn_rt_pool_create(3));
  std::atomic<int> good = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int round = 0; round < 100; ++round)
        good += runsEachOnce(pool.get(), round);
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(good, 400);
}

TEST(PoolTest, ServesACall) {
  FakeCall serial(3, 9, 7), parallel(3, 9, 7, 4);
  Pool pool(attn_rt_pool_create(4));
  parallel.context.pool = pool.get();
  parallel.context.parallel_for = attn_rt_pool_run;
  ASSERT_EQ(serial.run(), ATTN_OK);
  ASSERT_EQ(parallel.run(), ATTN_OK);
  EXPECT_EQ(serial.trace(), parallel.trace());
}

TEST(PoolTest, FailureIsNullAndLeavesErrno) {
  errno = 5;
  EXPECT_EQ(attn_rt_pool_create(0), nullptr);
  EXPECT_EQ(attn_rt_pool_create(-3), nullptr);
  EXPECT_EQ(attn_rt_pool_create(std::numeric_limits<int64_t>::max()), nullptr);
  EXPECT_EQ(errno, 5);
  attn_rt_pool_destroy(nullptr);
}

TEST(PoolTest, SleepsWithoutLoops) {
  Pool pool(attn_rt_pool_create(4));
  EXPECT_TRUE(runsEachOnce(pool.get(), 100));
  std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LT(double(std::clock() - before) / CLOCKS_PER_SEC, 0.05);
}
