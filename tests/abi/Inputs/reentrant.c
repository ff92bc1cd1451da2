/* A call inside a call, and errno around every entry: nothing is shared between
   calls but what their contexts share. */
#include "problem.h"

#include <errno.h>

static void check(int holds, const char *what) {
  if (holds)
    return;
  printf("FAIL: %s\n", what);
  exit(1);
}

/* Runs `other` as a whole between the tasks of the call that it is part of. */
static void interrupt(void *other, int64_t tasks, attn_body body,
                      void *closure) {
  problem *p = other;
  for (int64_t task = 0; task < tasks; ++task) {
    check(!ENTRY(_core)(&p->args, &p->context), "the inner call");
    body(closure, task);
  }
}

static void call_within_a_call(int64_t queries, int64_t inner_queries) {
  problem *outer = pose(2, queries, 200, 4);
  problem *inner = pose(1, inner_queries, 60, 1);
  poison(outer);
  poison(inner);
  outer->context.parallel_for = interrupt;
  outer->context.pool = inner;
  check(!ENTRY(_core)(&outer->args, &outer->context), "the outer call");
  check(largest_error(outer) < 1e-4, "the outer result");
  check(largest_error(inner) < 1e-4, "the inner result");
}

static void keep_errno(void) {
  problem *p = pose(2, 3, 100, 1);
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  attn_plan plan;
  errno = 77;
  check(!ENTRY(_core)(&p->args, &p->context), "call");
  check(!ENTRY(_core_can_run)(&p->args, &p->context), "can_run");
  check(!ENTRY(_core_plan)(&p->args, &p->context, &plan), "plan");
  check(!ENTRY(_core_task)(&p->args, &p->context, 0, 0), "task");
  check(ENTRY(_core_workspace)(&maxima) && ENTRY(_info)(), "workspace");
  p->args.key = NULL;
  check(ENTRY(_core)(&p->args, &p->context) == ATTN_MISSING_TENSOR, "refusal");
  p->context.target = "none";
  p->args.key = &p->key.dl;
  check(ENTRY(_core)(&p->args, &p->context) == ATTN_BAD_TARGET, "target");
  check(errno == 77, "errno has changed");
}

int main(void) {
  call_within_a_call(37, 1);
  call_within_a_call(1, 37);
  call_within_a_call(3, 3);
  keep_errno();
  printf("reentrant\n");
  return 0;
}
