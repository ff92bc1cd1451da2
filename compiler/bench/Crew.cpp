//===- Crew.cpp - Threads for measurements --------------------------------===//
//
// Waits for a short while before it sleeps: a decode step is a few hundred
// microseconds long and must not pay for two wake-ups.
//
//===----------------------------------------------------------------------===//

#include "compiler/bench/Crew.h"

#include <chrono>

using namespace attn;

/// Longer than the pause between the phases of one call.
static constexpr std::chrono::microseconds kPatience(100);

Crew::Crew(unsigned size) {
  for (unsigned i = 1; i < size; ++i)
    threads.emplace_back([this] { work(); });
}

Crew::~Crew() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    generation += 1;
  }
  wake.notify_all();
  for (std::thread &thread : threads)
    thread.join();
}

void Crew::claimTasks() {
  int64_t task;
  while ((task = nextTask.fetch_add(1)) < taskCount)
    body(closure, task);
}

void Crew::work() {
  uint64_t seen = 0;
  while (true) {
    auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (generation.load() == seen &&
           std::chrono::steady_clock::now() < deadline)
      ;
    {
      std::unique_lock<std::mutex> lock(mutex);
      wake.wait(lock, [&] { return generation.load() != seen; });
      seen = generation.load();
    }
    if (seen % 2)
      return;
    claimTasks();
    std::lock_guard<std::mutex> lock(mutex);
    if (--busy == 0)
      done.notify_one();
  }
}

void Crew::parallelFor(int64_t tasks, attn_body newBody, void *newClosure) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    body = newBody;
    closure = newClosure;
    taskCount = tasks;
    nextTask = 0;
    busy = threads.size();
    generation += 2;
  }
  wake.notify_all();
  claimTasks();
  std::unique_lock<std::mutex> lock(mutex);
  done.wait(lock, [this] { return busy == 0; });
}

void Crew::serve(attn_context &context) {
  context.workers = size();
  context.pool = this;
  context.parallel_for = [](void *pool, int64_t tasks, attn_body body,
                            void *closure) {
    static_cast<Crew *>(pool)->parallelFor(tasks, body, closure);
  };
}
