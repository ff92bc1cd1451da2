/* Two configs in one static binary, each with its own copy of the runtime and
   of its pool of threads. */
#include "falcon_7b.h"
#include "gpt2.h"

#include <stdio.h>
#include <string.h>

static void mark(void *closure, int64_t task) { ((char *)closure)[task] = 1; }

static int run_pools(void) {
  void *small = gpt2_pool_create(2), *large = falcon_7b_pool_create(3);
  char marks[20] = {0};
  gpt2_pool_run(small, 10, mark, marks);
  falcon_7b_pool_run(large, 10, mark, marks + 10);
  gpt2_pool_destroy(small);
  falcon_7b_pool_destroy(large);
  return small && large && !memchr(marks, 0, sizeof(marks));
}

int main(void) {
  gpt2_core_args small = {0};
  falcon_7b_core_args large = {0};
  attn_context context = ATTN_CONTEXT_INIT;
  char text[128];
  context.text = text;
  context.text_bytes = sizeof(text);
  small.size = sizeof(small);
  large.size = sizeof(large);
  small.abi = large.abi = ATTN_ABI_VERSION;
  if (gpt2_core(&small, &context) != ATTN_MISSING_TENSOR ||
      strcmp(text, "gpt2_core: query is NULL"))
    return 1;
  if (falcon_7b_core_decode(&large, &context) != ATTN_MISSING_TENSOR ||
      strcmp(text, "falcon_7b_core: query is NULL"))
    return 2;
  if (!strstr(gpt2_info(), "\"name\": \"gpt2\"") ||
      !strstr(falcon_7b_info(), "\"name\": \"falcon_7b\""))
    return 3;
  if (!run_pools())
    return 4;
  printf("both in one binary\n");
  return 0;
}
