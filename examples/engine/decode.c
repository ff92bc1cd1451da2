/* One step of decoding with Llama-3-8B's attention, as an engine calls it:

     attnc compile examples/configs/llama-3-8b.json -o kernels
     cc examples/engine/decode.c -Ikernels kernels/libllama_3_8b.a -lm -o decode
     ./decode

   The engine owns the tensors and the workspace; the kernel only computes. The
   threads are the archive's pool, for engines that have none. Here two
   sequences of 300 and 17 valid keys share one cache of 512 places. */
#include "llama_3_8b.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { kBatch = 2, kCapacity = 512, kHeads = 32, kKvHeads = 8, kDim = 128 };
enum { kThreads = 4 };

/* A compact tensor in the CPU's memory; `strides` NULL means row-major. */
static DLTensor tensor(void *data, uint8_t code, int32_t rank, int64_t *shape) {
  DLTensor t = {0};
  t.data = data;
  t.device.device_type = kDLCPU;
  t.ndim = rank;
  t.dtype.code = code;
  t.dtype.bits = 32;
  t.dtype.lanes = 1;
  t.shape = shape;
  return t;
}

static float *numbers(size_t count) {
  float *values = malloc(count * sizeof(float));
  for (size_t i = 0; i < count; ++i)
    values[i] = sinf((float)i);
  return values;
}

int main(void) {
  int64_t row[4] = {kBatch, 1, kHeads, kDim};
  int64_t cache[4] = {kBatch, kCapacity, kKvHeads, kDim};
  int32_t lengths[kBatch] = {300, 17};
  size_t cacheSize = (size_t)kBatch * kCapacity * kKvHeads * kDim;
  float *result = malloc(sizeof(float) * kBatch * kHeads * kDim);

  DLTensor query =
      tensor(numbers((size_t)kBatch * kHeads * kDim), kDLFloat, 4, row);
  DLTensor key = tensor(numbers(cacheSize), kDLFloat, 4, cache);
  DLTensor value = tensor(numbers(cacheSize), kDLFloat, 4, cache);
  DLTensor valid = tensor(lengths, kDLInt, 1, row);
  DLTensor output = tensor(result, kDLFloat, 4, row);

  llama_3_8b_core_args args = llama_3_8b_core_ARGS_INIT;
  args.layer = 0;
  args.query = &query;
  args.key = &key;
  args.value = &value;
  args.kv_lengths = &valid;
  args.output = &output; /* lse stays NULL: not wanted */

  /* One workspace for every call up to these maxima; any contents will do.
     Without kv_length it serves any number of keys, and is larger. */
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  maxima.batch = kBatch;
  maxima.kv_length = kCapacity;
  maxima.workers = kThreads;
  attn_context context = ATTN_CONTEXT_INIT;
  char message[200];
  context.workspace_bytes = llama_3_8b_core_workspace(&maxima);
  context.workspace = aligned_alloc(64, context.workspace_bytes);
  context.text = message;
  context.text_bytes = sizeof(message);
  context.workers = kThreads;
  context.parallel_for = llama_3_8b_pool_run;
  context.pool = llama_3_8b_pool_create(kThreads); /* NULL: no threads */

  if (llama_3_8b_core(&args, &context) != ATTN_OK) {
    fprintf(stderr, "%s\n", message);
    return 1;
  }
  printf("first numbers of the output: %.6f %.6f %.6f\n", result[0], result[1],
         result[2]);

  /* What is wrong is said, and nothing is computed. */
  lengths[1] = 513;
  if (llama_3_8b_core(&args, &context) == ATTN_BAD_LENGTH)
    printf("refused: %s\n", message);
  llama_3_8b_pool_destroy(context.pool);
  return 0;
}
