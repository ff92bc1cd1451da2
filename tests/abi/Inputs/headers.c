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
  smollm2_135m_layer_args layer;
  graphs_encoder_args encoder;
  gpt_oss_20b_core_args core;
  deepseek_v2_lite_attend_args attend;
  attn_merge_args merge = ATTN_MERGE_ARGS_INIT;
  merge.outputs = tensor;
  layer.output = encoder.x = core.query = attend.output = tensor;
  return sizeof(layer) + sizeof(encoder) + sizeof(core) + sizeof(attend) +
         merge.size + (layer.output == encoder.x) +
         (core.query == attend.output);
}
