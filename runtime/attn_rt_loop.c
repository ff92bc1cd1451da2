/* Loops over tasks that do not depend on each other: one after the other, or
   taken by as many workers as the context has. */
#include "runtime/attn_rt_impl.h"

#include <stdatomic.h>

int64_t attn_rt_workers(const attn_context *context) {
  return context->workers ? context->workers : 1;
}

typedef struct {
  attn_body body;
  void *closure;
  int64_t tasks;
  _Atomic int64_t next; /* the first task that nobody has taken */
} task_loop;

/* One worker: tasks, until none is left. */
static void work(void *closure, int64_t worker) {
  task_loop *loop = closure;
  (void)worker;
  for (;;) {
    int64_t task =
        atomic_fetch_add_explicit(&loop->next, 1, memory_order_relaxed);
    if (task >= loop->tasks)
      return;
    loop->body(loop->closure, task);
  }
}

void attn_rt_for(const attn_context *context, int64_t tasks, attn_body body,
                 void *closure) {
  task_loop loop = {body, closure, tasks, 0};
  int64_t workers = attn_rt_workers(context);
  workers = workers < tasks ? workers : tasks;
  if (context->parallel_for && workers > 1)
    context->parallel_for(context->pool, workers, work, &loop);
  else
    work(&loop, 0);
}
