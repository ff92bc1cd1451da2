/* An engine that was built against the first header: its args end before the
   fields that came later, where a page ends too. */
#include "problem.h"

/* The core args as version 1.0 had them. */
typedef struct first_args {
  uint32_t size, abi, layer, flags;
  const DLTensor *query, *key, *value, *kv_lengths, *output, *lse;
  const DLTensor *key_scale, *value_scale;
  uint32_t key_scale_group, value_scale_group;
} first_args;

static int call_with(size_t bytes, int has_lse) {
  problem *p = pose(2, 9, 120, 1);
  first_args args = {(uint32_t)bytes, ATTN_ABI_VERSION, 0, 0};
  void *placed = guarded(bytes);
  args.query = &p->query.dl;
  args.key = &p->key.dl;
  args.value = &p->value.dl;
  args.kv_lengths = &p->lengths.dl;
  args.output = &p->output.dl;
  args.lse = has_lse ? &p->lse.dl : NULL;
  memcpy(placed, &args, bytes);
  poison(p);
  if (ENTRY(_core)(placed, &p->context)) {
    printf("FAIL: %s\n", p->text);
    return 1;
  }
  if (!has_lse) /* What the reference looks at. */
    ENTRY(_core)(&p->args, &p->context);
  printf("%d bytes: %s\n", (int)bytes,
         largest_error(p) < 1e-4 ? "right" : "wrong");
  return 0;
}

int main(void) {
  return call_with(sizeof(first_args), 1) ||
         call_with(offsetof(first_args, key_scale), 1) ||
         call_with(offsetof(first_args, lse), 0);
}
