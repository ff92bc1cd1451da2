/* However the tasks of a call are executed, the results are right and have the
   same bits: serial, reversed, on two threads, by (ith, nth) as ggml does, and
   sequence by sequence. */
#include "problem.h"

#include <pthread.h>

static void check(int holds, const char *what, const problem *p) {
  if (holds)
    return;
  printf("FAIL: %s (batch %d, queries %d, capacity %d): %s\n", what,
         (int)p->query.shape[0], (int)p->query.shape[1], (int)p->key.shape[1],
         p->text);
  exit(1);
}

static void run_reversed(problem *p) {
  attn_plan plan;
  check(!ENTRY(_core_plan)(&p->args, &p->context, &plan), "plan", p);
  for (int64_t phase = 0; phase < plan.phases; ++phase)
    for (int64_t task = plan.tasks[phase]; task-- > 0;)
      check(!ENTRY(_core_task)(&p->args, &p->context, phase, task), "task", p);
}

enum { kThreads = 2 };

typedef struct share {
  problem *p;
  pthread_barrier_t *barrier;
  int64_t ith;
} share;

/* One of nth threads, each with a plan of its own. */
static void *run_share(void *raw) {
  share *s = raw;
  attn_context context = s->p->context;
  attn_plan plan;
  check(!ENTRY(_core_plan)(&s->p->args, &context, &plan), "plan", s->p);
  for (int64_t phase = 0; phase < plan.phases; ++phase) {
    for (int64_t t = s->ith; t < plan.tasks[phase]; t += kThreads)
      check(!ENTRY(_core_task)(&s->p->args, &context, phase, t), "task", s->p);
    pthread_barrier_wait(s->barrier);
  }
  return NULL;
}

static void run_shared(problem *p) {
  pthread_t threads[kThreads];
  pthread_barrier_t barrier;
  share shares[kThreads];
  pthread_barrier_init(&barrier, NULL, kThreads);
  for (int i = 0; i < kThreads; ++i) {
    shares[i] = (share){p, &barrier, i};
    pthread_create(&threads[i], NULL, run_share, &shares[i]);
  }
  for (int i = 0; i < kThreads; ++i)
    pthread_join(threads[i], NULL);
}

typedef struct loop {
  int64_t tasks, next;
  attn_body body;
  void *closure;
} loop;

static void *run_loop(void *raw) {
  loop *l = raw;
  int64_t task;
  while ((task = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED)) < l->tasks)
    l->body(l->closure, task);
  return NULL;
}

/* The context's parallel_for, as OpenMP's dynamic schedule. */
static void parallel_for(void *pool, int64_t tasks, attn_body body,
                         void *closure) {
  loop l = {tasks, 0, body, closure};
  pthread_t other;
  (void)pool;
  pthread_create(&other, NULL, run_loop, &l);
  run_loop(&l);
  pthread_join(other, NULL);
}

/* Makes `view` sequence b of `whole`. */
static void narrow(DLTensor *view, int64_t *shape, const tensor *whole,
                   int64_t b) {
  *view = whole->dl;
  memcpy(shape, whole->shape, sizeof(whole->shape));
  shape[0] = 1;
  view->shape = shape;
  view->byte_offset =
      (uint64_t)(elements(whole) * 4 / (size_t)whole->shape[0]) * (uint64_t)b;
}

/* Each sequence of a batch, called alone, gives the bits it has in the batch.
 */
static void run_alone(problem *p) {
  ENTRY(_core_args) args = p->args;
  for (int64_t b = 0; b < p->query.shape[0]; ++b) {
    const tensor *whole[] = {&p->query,   &p->key,    &p->value,
                             &p->lengths, &p->output, &p->lse};
    DLTensor view[6];
    int64_t shape[6][4];
    for (int i = 0; i < 6; ++i)
      narrow(&view[i], shape[i], whole[i], b);
    args.query = &view[0];
    args.key = &view[1];
    args.value = &view[2];
    args.kv_lengths = &view[3];
    args.output = &view[4];
    args.lse = &view[5];
    check(!ENTRY(_core)(&args, &p->context), "alone", p);
  }
}

static void try_shape(int64_t batch, int64_t queries, int64_t capacity) {
  problem *serial = pose(batch, queries, capacity, 1);
  problem *other = pose(batch, queries, capacity, kThreads);
  double error;
  poison(serial);
  check(!ENTRY(_core)(&serial->args, &serial->context), "call", serial);
  error = largest_error(serial);
  if (!(error < 1e-4))
    snprintf(serial->text, sizeof(serial->text), "error %g", error);
  check(error < 1e-4, "agrees with the reference", serial);

  poison(other);
  run_reversed(other);
  check(same_results(serial, other), "reversed", other);
  poison(other);
  run_alone(other);
  check(same_results(serial, other), "alone", other);
  poison(other);
  run_shared(other);
  check(same_results(serial, other), "by (ith, nth)", other);
  poison(other);
  other->context.parallel_for = parallel_for;
  check(!ENTRY(_core)(&other->args, &other->context), "parallel_for", other);
  check(same_results(serial, other), "parallel_for", other);
}

int main(void) {
  try_shape(1, 1, 1);
  try_shape(2, 1, 3000);
  try_shape(3, 1, 70);
  try_shape(2, 3, 130);
  try_shape(2, 37, 200);
  try_shape(1, 150, 150);
  try_shape(1, 0, 10);
  try_shape(1, 4, 0);
  printf("equal bits in every order\n");
  return 0;
}
