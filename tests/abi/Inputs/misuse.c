/* What an engine's author does wrong first, with a real kernel: each mistake
   has a message that says what to do, and writes nothing. */
#include "problem.h"

static void expect(const problem *p, attn_status found, attn_status expected) {
  if (found != expected) {
    printf("FAIL: status %d, expected %d: %s\n", (int)found, (int)expected,
           p->text);
    exit(1);
  }
  printf("%s\n", found ? p->text : "ok");
}

/* Where results were, there are still the bytes of poison(). */
static void expect_untouched(const problem *p) {
  const unsigned char *bytes = p->output.dl.data;
  for (size_t i = 0; i < elements(&p->output) * 4; ++i)
    if (bytes[i] != 0xff) {
      printf("FAIL: byte %d of the output is written\n", (int)i);
      exit(1);
    }
}

static void misuse_args(void) {
  problem *p = pose(2, 1, 3000, 1);
  poison(p);
  printf("sizeof: %d\n", (int)sizeof(p->args));
  p->args.size = 0;
  expect(p, gpt2_core(&p->args, &p->context), ATTN_BAD_ARGS);
  p->args.size = sizeof(p->args);
  p->args.key_scale_group = 32;
  expect(p, gpt2_core(&p->args, &p->context), ATTN_BAD_ARGS);
  p->args.value_scale = &p->key.dl;
  expect(p, gpt2_core(&p->args, &p->context), ATTN_BAD_ARGS);
  p->args.key_scale_group = 0;
  p->args.value_scale = NULL;
  p->args.layer = 12;
  expect(p, gpt2_core(&p->args, &p->context), ATTN_BAD_LAYER);
  p->args.layer = 11;
  p->key.dl.dtype.code = kDLBfloat;
  p->key.dl.dtype.bits = 16;
  expect(p, gpt2_core(&p->args, &p->context), ATTN_BAD_DTYPE);
  expect_untouched(p);
}

/* A workspace for 1000 keys serves no more, however large the cache is. */
static void break_promise(void) {
  problem *p = pose(2, 1, 3000, 1);
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  maxima.batch = 2;
  maxima.kv_length = 1000;
  p->context.workspace_bytes = gpt2_core_workspace(&maxima);
  p->context.workspace = guarded(p->context.workspace_bytes);
  poison(p);
  expect(p, gpt2_core(&p->args, &p->context), ATTN_BAD_WORKSPACE);
  expect_untouched(p);
  ((int32_t *)p->lengths.dl.data)[0] = 1000;
  ((int32_t *)p->lengths.dl.data)[1] = 7;
  expect(p, gpt2_core(&p->args, &p->context), ATTN_OK);
  if (!(largest_error(p) < 1e-4))
    printf("FAIL: error %g\n", largest_error(p));
}

int main(void) {
  misuse_args();
  break_promise();
  return 0;
}
