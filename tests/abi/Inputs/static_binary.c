/* Four configs in one static binary that has a runtime of another version in it
   as well: functions of the same names, which must serve nobody here. */
#include "deepseek_v2_lite.h"
#include "gpt_oss_20b.h"
#include "mla.h"
#include "smollm2_135m.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What NAME.<target>.o leaves undefined, and the runtime calls itself. */
#define INTRUDER(name)                                                         \
  void name(void);                                                             \
  void name(void) { abort(); }
INTRUDER(attn_rt_can_run)
INTRUDER(attn_rt_plan)
INTRUDER(attn_rt_run)
INTRUDER(attn_rt_task)
INTRUDER(attn_rt_workspace)
INTRUDER(attn_rt_merge)
INTRUDER(attn_rt_features)
INTRUDER(attn_rt_fail)
INTRUDER(attn_rt_check_tensor)
INTRUDER(attn_rt_claim)
INTRUDER(attn_rt_choose_target)

static int wrong;

#define TRY(name, entry)                                                       \
  do {                                                                         \
    name##_##entry##_args args;                                                \
    memset(&args, 0, sizeof(args));                                            \
    args.size = sizeof(args);                                                  \
    args.abi = ATTN_ABI_VERSION;                                               \
    wrong |= name##_##entry(&args, &context) != ATTN_MISSING_TENSOR;           \
    wrong |= !name##_##entry##_workspace(&maxima);                             \
    puts(text);                                                                \
  } while (0)

int main(void) {
  attn_context context = ATTN_CONTEXT_INIT;
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  attn_merge_args merge = ATTN_MERGE_ARGS_INIT;
  char text[128];
  maxima.kv_length = 100;
  context.text = text;
  context.text_bytes = sizeof(text);
  TRY(smollm2_135m, core);
  TRY(smollm2_135m, layer);
  TRY(gpt_oss_20b, attend);
  TRY(deepseek_v2_lite, layer);
  TRY(mla, absorbed_core);
  wrong |= mla_merge(&merge, &context) != ATTN_MISSING_TENSOR;
  wrong |= strcmp(text, "mla_merge: outputs is NULL") != 0;
  puts(wrong ? "FAIL" : "four in one binary");
  return wrong;
}
