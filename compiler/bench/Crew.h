//===- Crew.h - Threads for measurements ------------------------*- C++ -*-===//
//
// A fixed number of std::threads behind the context's parallel_for hook, as an
// engine would bring its own.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_BENCH_CREW_H
#define COMPILER_BENCH_CREW_H

#include "runtime/attn.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace attn {

/// `size` threads, the caller being one of them.
class Crew {
public:
  explicit Crew(unsigned size);
  ~Crew();
  Crew(const Crew &) = delete;
  Crew &operator=(const Crew &) = delete;

  unsigned size() const { return threads.size() + 1; }

  /// Calls body(closure, t) once for each t in [0, tasks); returns when all
  /// have. Tasks are claimed one by one in ascending order.
  void parallelFor(int64_t tasks, attn_body body, void *closure);

  /// Makes `context` run its tasks on this crew.
  void serve(attn_context &context);

private:
  void work();
  void claimTasks();

  std::vector<std::thread> threads;
  std::mutex mutex;
  std::condition_variable wake, done;
  /// Odd while the crew is dismissed; each loop adds 2.
  std::atomic<uint64_t> generation = 0;
  unsigned busy = 0;

  attn_body body = nullptr;
  void *closure = nullptr;
  int64_t taskCount = 0;
  std::atomic<int64_t> nextTask = 0;
};

} // namespace attn

#endif // COMPILER_BENCH_CREW_H
