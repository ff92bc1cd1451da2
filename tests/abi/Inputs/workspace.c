/* Sizes of the workspace: monotone in each of the maxima, the same for every
   context beyond 32 splits, and misalignment is a status. */
#include "problem.h"

typedef uint64_t (*size_function)(const attn_maxima *maxima);

static const char *const names[] = {"core", "attend", "layer"};
static const size_function sizes[] = {
    ENTRY(_core_workspace), ENTRY(_attend_workspace), ENTRY(_layer_workspace)};

static int fail(int scope, const char *what) {
  printf("FAIL: %s of scope %s\n", what, names[scope]);
  return 1;
}

/* A maximum one step larger, for each of the four. */
static int ascends(int scope, attn_maxima maxima) {
  uint64_t bytes = sizes[scope](&maxima);
  int64_t *fields[] = {&maxima.batch, &maxima.query_length, &maxima.workers,
                       &maxima.kv_length};
  for (int i = 0; i < 4; ++i) {
    int64_t before = *fields[i];
    *fields[i] = before + 1 + before / 3;
    if (sizes[scope](&maxima) < bytes)
      return 0;
    *fields[i] = before;
  }
  return 1;
}

static int try_scope(int scope) {
  static const int64_t some[] = {1, 2, 5, 17, 300, 5000};
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  for (int b = 0; b < 6; ++b)
    for (int q = 0; q < 6; ++q)
      for (int w = 0; w < 4; ++w)
        for (int k = 0; k < 6; ++k) {
          maxima.batch = some[b];
          maxima.query_length = some[q];
          maxima.workers = some[w];
          maxima.kv_length = some[k];
          if (!ascends(scope, maxima))
            return fail(scope, "not monotone: the size");
        }
  maxima.query_length = 1;
  maxima.kv_length = 1 << 15;
  uint64_t bytes = sizes[scope](&maxima);
  for (int bits = 16; bits < 31; ++bits) {
    maxima.kv_length = (int64_t)1 << bits;
    if (sizes[scope](&maxima) != bytes)
      return fail(scope, "grows with the context: the size");
  }
  maxima.kv_length = 0;
  return sizes[scope](&maxima) == bytes
             ? 0
             : fail(scope, "no size for every context: 0 keys");
}

/* What the message asks for is enough, a byte less is not; nor is an address
   that is 32 bytes off a cache line. */
static int refuse(void) {
  problem *p = pose(2, 3, 3000, 2);
  p->context.workspace_bytes = 1;
  if (ENTRY(_core)(&p->args, &p->context) != ATTN_BAD_WORKSPACE)
    return fail(0, "a small workspace");
  printf("%s\n", p->text);
  uint64_t needed = strtoull(strstr(p->text, "expected ") + 9, NULL, 10);
  p->context.workspace_bytes = needed - 1;
  if (ENTRY(_core)(&p->args, &p->context) != ATTN_BAD_WORKSPACE)
    return fail(0, "a byte less");
  p->context.workspace_bytes = needed;
  if (ENTRY(_core)(&p->args, &p->context))
    return fail(0, p->text);
  p->context.workspace = (char *)p->context.workspace - 32;
  if (ENTRY(_core)(&p->args, &p->context) != ATTN_BAD_WORKSPACE)
    return fail(0, "a misaligned workspace");
  printf("%s\n", p->text);
  return 0;
}

int main(void) {
  if (try_scope(0) || try_scope(1) || try_scope(2) || refuse())
    return 1;
  printf("monotone, and bounded\n");
  return 0;
}
