/* On a CPU without the features of any target every entry says so, though its
   arguments would not do either; sizes and texts need no CPU. */
#include "gpt2.h"

#include <stdio.h>

typedef attn_status (*call)(const gpt2_core_args *, const attn_context *);
typedef attn_status (*plan_call)(const gpt2_core_args *, const attn_context *,
                                 attn_plan *);

int main(void) {
  static const call calls[] = {gpt2_core,         gpt2_core_can_run,
                               gpt2_core_prefill, gpt2_core_prefill_can_run,
                               gpt2_core_decode,  gpt2_core_decode_can_run};
  static const plan_call plans[] = {gpt2_core_plan, gpt2_core_prefill_plan,
                                    gpt2_core_decode_plan};
  gpt2_core_args args = {sizeof(args), ATTN_ABI_VERSION, 0, 0};
  attn_context context = ATTN_CONTEXT_INIT;
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  attn_plan plan;
  char text[256] = "";
  int refused = 0;
  context.text = text;
  context.text_bytes = sizeof(text);
  for (int i = 0; i < 6; ++i)
    refused += calls[i](&args, &context) == ATTN_BAD_TARGET;
  for (int i = 0; i < 3; ++i)
    refused += plans[i](&args, &context, &plan) == ATTN_BAD_TARGET;
  if (!gpt2_core_workspace(&maxima) || !gpt2_info())
    printf("FAIL: no size\n");
  printf("%s\n%d entries refuse\n", text, refused);
  return 0;
}
