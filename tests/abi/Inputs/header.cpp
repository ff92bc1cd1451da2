// Headers stand alone, in any number, in C and in C++.
#include "falcon_7b.h"
#include "gpt2.h"

int use(void);
int use(void) {
  gpt2_core_args args = {};
  attn_context context = ATTN_CONTEXT_INIT;
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  DLManagedTensor managed = {};
  args.size = sizeof(args);
  (void)managed;
  return (int)(args.size + context.size + maxima.size);
}
