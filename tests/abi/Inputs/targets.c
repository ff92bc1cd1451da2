/* The target of a call: the best that the CPU has, or the one asked for; the
   plan says which. */
#include "problem.h"

static int plan_for(problem *p, const char *target, const char *what) {
  attn_plan plan;
  p->context.target = target;
  if (gpt2_core_plan(&p->args, &p->context, &plan)) {
    printf("%s: %s\n", what, p->text);
    return 1;
  }
  poison(p);
  if (gpt2_core(&p->args, &p->context) || !(largest_error(p) < 1e-4)) {
    printf("FAIL: %s\n", p->text);
    return 1;
  }
  printf("%s: %s\n", what, plan.target);
  return 0;
}

int main(void) {
  problem *p = pose(2, 5, 60, 1);
  int failed = plan_for(p, NULL, "the best target") ||
               plan_for(p, "x86-64-v3", "forced");
  return failed || !plan_for(p, "sparc", "none");
}
