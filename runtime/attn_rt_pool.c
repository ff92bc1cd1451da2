/* Threads for callers who have none. A loop lies on its caller's stack; whoever
   is free helps with the newest, and its caller takes tasks too, so a loop ends
   even if nobody helps: loops in tasks and of several callers cannot wait for
   each other. */
#include "runtime/attn_rt.h"
#include "runtime/attn_rt_threads.h"

#include <stdatomic.h>

typedef struct pool_loop {
  attn_body body;
  void *closure;
  int64_t tasks;
  _Atomic int64_t next; /* the first task that nobody has taken */
  int64_t helpers;      /* threads of the pool that are in it */
  struct pool_loop *older;
} pool_loop;

typedef struct {
  pthread_mutex_t mutex; /* guards all below, and helpers */
  pthread_cond_t begun;  /* there is a loop, or the end */
  pthread_cond_t left;   /* a loop has lost its last helper */
  pool_loop *newest;     /* of those that may have tasks left */
  int is_closing;
  int64_t count;
  pthread_t threads[];
} thread_pool;

static void take_tasks(pool_loop *loop) {
  for (;;) {
    int64_t task =
        atomic_fetch_add_explicit(&loop->next, 1, memory_order_relaxed);
    if (task >= loop->tasks)
      return;
    loop->body(loop->closure, task);
  }
}

/* Nobody joins the loop any more. */
static void withdraw(thread_pool *pool, const pool_loop *loop) {
  pool_loop **link = &pool->newest;
  while (*link && *link != loop)
    link = &(*link)->older;
  if (*link)
    *link = loop->older;
}

static void *serve(void *data) {
  thread_pool *pool = data;
  pthread_mutex_lock(&pool->mutex);
  for (;;) {
    pool_loop *loop = pool->newest;
    if (!loop && pool->is_closing)
      break;
    if (!loop) {
      pthread_cond_wait(&pool->begun, &pool->mutex);
      continue;
    }
    ++loop->helpers;
    pthread_mutex_unlock(&pool->mutex);
    take_tasks(loop);
    pthread_mutex_lock(&pool->mutex);
    withdraw(pool, loop);
    if (!--loop->helpers)
      pthread_cond_broadcast(&pool->left);
  }
  pthread_mutex_unlock(&pool->mutex);
  return 0;
}

void attn_rt_pool_run(void *data, int64_t tasks, attn_body body,
                      void *closure) {
  thread_pool *pool = data;
  pool_loop loop = {body, closure, tasks, 0, 0, 0};
  if (!pool || !pool->count || tasks < 2) {
    take_tasks(&loop);
    return;
  }
  pthread_mutex_lock(&pool->mutex);
  loop.older = pool->newest;
  pool->newest = &loop;
  pthread_mutex_unlock(&pool->mutex);
  for (int64_t i = 0; i < pool->count && i < tasks - 1; ++i)
    pthread_cond_signal(&pool->begun);
  take_tasks(&loop);
  pthread_mutex_lock(&pool->mutex);
  withdraw(pool, &loop);
  while (loop.helpers)
    pthread_cond_wait(&pool->left, &pool->mutex);
  pthread_mutex_unlock(&pool->mutex);
}

static void start(thread_pool *pool, int64_t count) {
  pthread_mutex_init(&pool->mutex, 0);
  pthread_cond_init(&pool->begun, 0);
  pthread_cond_init(&pool->left, 0);
  pool->newest = 0;
  pool->is_closing = 0;
  for (pool->count = 0; pool->count < count; ++pool->count)
    if (pthread_create(&pool->threads[pool->count], 0, serve, pool))
      return;
}

void *attn_rt_pool_create(int64_t threads) {
  thread_pool *pool = 0;
  int64_t count = threads - 1, bytes;
  int before = errno;
  if (threads > 0 &&
      !__builtin_mul_overflow(count, sizeof(pthread_t), &bytes) &&
      !__builtin_add_overflow(bytes, sizeof(*pool), &bytes))
    pool = malloc((size_t)bytes);
  if (pool)
    start(pool, count);
  if (pool && pool->count < count) {
    attn_rt_pool_destroy(pool);
    pool = 0;
  }
  errno = before;
  return pool;
}

void attn_rt_pool_destroy(void *data) {
  thread_pool *pool = data;
  if (!pool)
    return;
  pthread_mutex_lock(&pool->mutex);
  pool->is_closing = 1;
  pthread_cond_broadcast(&pool->begun);
  pthread_mutex_unlock(&pool->mutex);
  for (int64_t i = 0; i < pool->count; ++i)
    pthread_join(pool->threads[i], 0);
  pthread_cond_destroy(&pool->left);
  pthread_cond_destroy(&pool->begun);
  pthread_mutex_destroy(&pool->mutex);
  free(pool);
}
