/* A call on the archive's own pool of threads has the bits of a serial one;
   errno is the caller's. */
#include "problem.h"

#include <errno.h>

static void *pool;

/* Through the pool, keeping account of it. */
static int64_t loops, tasks_run;
static void run_loop(void *data, int64_t tasks, attn_body body, void *closure) {
  ++loops;
  tasks_run += tasks;
  ENTRY(_pool_run)(data, tasks, body, closure);
}

static int try_shape(int64_t batch, int64_t queries, int64_t capacity) {
  problem *serial = pose(batch, queries, capacity, 1);
  problem *other = pose(batch, queries, capacity, 4);
  other->context.pool = pool;
  other->context.parallel_for = run_loop;
  poison(serial);
  poison(other);
  return !ENTRY(_core)(&serial->args, &serial->context) &&
         !ENTRY(_core)(&other->args, &other->context) &&
         same_results(serial, other);
}

int main(void) {
  int good = 1;
  errno = EDOM;
  pool = ENTRY(_pool_create)(4);
  good &= pool && !ENTRY(_pool_create)(0) && !ENTRY(_pool_create)(INT64_MAX);
  for (int round = 0; round < 3; ++round)
    good &= try_shape(3, 1, 3000) && try_shape(2, 37, 200);
  good &= errno == EDOM && loops >= 6 && tasks_run > loops;
  ENTRY(_pool_destroy)(pool);
  printf(good ? "equal bits on the pool\n" : "FAIL\n");
  return !good;
}
