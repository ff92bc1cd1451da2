/* Prefills of one sequence over and over; prints where a timer finds them. */
#include "problem.h"

#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

#define MOST (1 << 16)

static volatile int count;
static uintptr_t places[MOST];

static void sample(int number, siginfo_t *info, void *context) {
  (void)number, (void)info;
  if (count < MOST)
    places[count++] =
        (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
}

static int measure(problem *p) {
  struct sigaction action = {0};
  struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
  time_t end;
  action.sa_sigaction = sample;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  if (ENTRY(_core)(&p->args, &p->context) || sigaction(SIGPROF, &action, NULL))
    return 1;
  setitimer(ITIMER_PROF, &often, NULL);
  for (end = time(NULL) + SECONDS; time(NULL) < end;)
    if (ENTRY(_core)(&p->args, &p->context))
      return 1;
  setitimer(ITIMER_PROF, &never, NULL);
  return 0;
}

int main(void) {
  problem *p = pose(1, QUERIES, QUERIES, 1);
  if (measure(p)) {
    fprintf(stderr, "error: %s\n", p->text);
    return 1;
  }
  for (int i = 0; i < count; ++i)
    printf("%zx\n", (size_t)places[i]);
  return 0;
}
