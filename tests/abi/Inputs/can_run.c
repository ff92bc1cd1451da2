/* can_run and plan look at no tensor but the lengths: every other one, and the
   workspace, is memory that nobody may touch. */
#include "problem.h"

static void forbid(const void *data, size_t bytes) {
  uintptr_t begin = (uintptr_t)data / 4096 * 4096;
  uintptr_t end = ((uintptr_t)data + bytes + 4095) / 4096 * 4096;
  if (end > begin && mprotect((void *)begin, end - begin, PROT_NONE))
    exit(3);
}

static int answer(int64_t queries) {
  problem *p = pose(2, queries, 300, 1);
  tensor *all[] = {&p->query, &p->key, &p->value, &p->output, &p->lse};
  attn_plan plan;
  for (int i = 0; i < 5; ++i)
    forbid(all[i]->dl.data, elements(all[i]) * 4);
  forbid(p->context.workspace, p->context.workspace_bytes);
  if (ENTRY(_core_can_run)(&p->args, &p->context) || *p->text ||
      ENTRY(_core_plan)(&p->args, &p->context, &plan))
    return 1;
  ((int32_t *)p->lengths.dl.data)[1] = 301;
  if (ENTRY(_core_can_run)(&p->args, &p->context) != ATTN_BAD_LENGTH)
    return 1;
  printf("%d rows, %s: %s\n", (int)queries, plan.schedule, p->text);
  return 0;
}

int main(void) { return answer(1) || answer(3) || answer(90); }
