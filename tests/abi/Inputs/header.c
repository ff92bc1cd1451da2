/* Headers stand alone, in any number, in C and in C++. */
#include "falcon_7b.h"
#include "gpt2.h"

int use(void);
int use(void) {
  gpt2_core_args args = gpt2_core_ARGS_INIT;
  attn_context context = ATTN_CONTEXT_INIT;
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  DLManagedTensor managed;
  (void)managed;
  return (int)(args.size + args.flags + context.size + maxima.size);
}
