// Every task runs once, whatever the number of threads and tasks.

#include "compiler/bench/Crew.h"

#include <gtest/gtest.h>

using namespace attn;

TEST(CrewTest, RunsEveryTaskOnce) {
  for (unsigned size : {1u, 2u, 5u}) {
    Crew crew(size);
    for (int64_t tasks : {0, 1, 2, 1000}) {
      std::vector<std::atomic<int>> runs(tasks);
      crew.parallelFor(
          tasks,
          [](void *closure, int64_t task) {
            ++(*static_cast<std::vector<std::atomic<int>> *>(closure))[task];
          },
          &runs);
      for (const std::atomic<int> &count : runs)
        EXPECT_EQ(count.load(), 1);
    }
  }
}

TEST(CrewTest, ServesAContext) {
  Crew crew(2);
  attn_context context = ATTN_CONTEXT_INIT;
  crew.serve(context);
  EXPECT_EQ(context.workers, 2);
  std::atomic<int64_t> sum = 0;
  context.parallel_for(
      context.pool, 100,
      [](void *closure, int64_t task) {
        *static_cast<std::atomic<int64_t> *>(closure) += task;
      },
      &sum);
  EXPECT_EQ(sum.load(), 4950);
}
