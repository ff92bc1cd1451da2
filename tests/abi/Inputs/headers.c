/* Headers of every scope, twice, in both orders, beside DLPack's own. C11 and
   C++17 read this file. */
#ifdef DLPACK_FIRST
#include <dlpack/dlpack.h>
#endif
#ifdef REVERSED
#include "deepseek_v2_lite.h"
#include "gpt_oss_20b.h"
#include "graphs.h"
#include "smollm2_135m.h"
#endif
#include "deepseek_v2_lite.h"
#include "gpt_oss_20b.h"
#include "graphs.h"
#include "smollm2_135m.h"
#ifdef DLPACK_LAST
#include <dlpack/dlpack.h>
#endif

uint64_t use(const DLTensor *tensor);
uint64_t use(const DLTensor *tensor) {
  smollm2_135m_layer_args layer = smollm2_135m_layer_ARGS_INIT;
  graphs_encoder_args encoder = graphs_encoder_ARGS_INIT;
  gpt_oss_20b_core_args core = gpt_oss_20b_core_ARGS_INIT;
  deepseek_v2_lite_attend_args attend = deepseek_v2_lite_attend_ARGS_INIT;
  attn_merge_args merge = ATTN_MERGE_ARGS_INIT;
  merge.outputs = tensor;
  layer.output = encoder.x = core.query = attend.output = tensor;
  return layer.size + encoder.size + core.size + attend.size + merge.size +
         (layer.output == encoder.x) + (core.query == attend.output);
}
