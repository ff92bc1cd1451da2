/* ONNX Runtime's GroupQueryAttention on kernels that attnc compiled: a library
   with one custom operator, attnc.GroupQueryAttention. README.md says how. */
#include <onnxruntime_c_api.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The name of the kernels, and with .h behind it their header. */
#ifndef KERNELS
#define KERNELS llama_3_8b
#endif
#define STRING(text) #text
#define HEADER(name) STRING(name.h)
#define JOIN(left, right) left##right
#define SYMBOL(name, suffix) JOIN(name, suffix)
#define ENTRY(suffix) SYMBOL(KERNELS, suffix)
#include HEADER(KERNELS)

#define TRY(call)                                                              \
  do {                                                                         \
    OrtStatus *failed = (call);                                                \
    if (failed)                                                                \
      return failed;                                                           \
  } while (0)

/* What this file uses is in every ONNX Runtime from 1.17 on. */
enum { kApi = 17 };

enum { kQuery, kKey, kValue, kPastKey, kPastValue, kLastKeys, kTotal, kInputs };
static const char *const inputNames[kInputs] = {"query",
                                                "key",
                                                "value",
                                                "past_key",
                                                "past_value",
                                                "seqlens_k",
                                                "total_sequence_length"};
enum { kOutput, kPresentKey, kPresentValue, kOutputs };

/* A node of the model; calls share it, so that none writes to it. */
typedef struct Node {
  const OrtApi *api;
  OrtMemoryInfo *memory;
  uint32_t layer;
  int64_t workers;
} Node;

typedef struct Tensor {
  char *data;
  size_t rank;
  int64_t shape[4];
} Tensor;

/* One call of a node: batch sequences of `rows` rows each. */
typedef struct Call {
  const Node *node;
  OrtKernelContext *context;
  Tensor in[kInputs], out[kOutputs];
  int64_t batch, rows, heads, kvHeads, size, capacity;
  int32_t *lengths;   /* [batch], valid keys after the call */
  int32_t *positions; /* [batch, rows] */
} Call;

static OrtStatus *refuse(const OrtApi *api, const char *format, ...) {
  char text[256] = "attnc.GroupQueryAttention: ";
  size_t used = strlen(text);
  va_list values;
  va_start(values, format);
  vsnprintf(text + used, sizeof(text) - used, format, values);
  va_end(values);
  return api->CreateStatus(ORT_INVALID_ARGUMENT, text);
}

//===-- Threads: those of the session ------------------------------------===//

typedef struct Loop {
  attn_body body;
  void *closure;
  int64_t tasks;
  atomic_llong next;
} Loop;

/* Takes tasks until none is left. */
static void work(void *data, size_t worker) {
  Loop *loop = data;
  (void)worker;
  for (int64_t task; (task = atomic_fetch_add(&loop->next, 1)) < loop->tasks;)
    loop->body(loop->closure, task);
}

/* No more than node->workers tasks at once, as the workspace has room for. */
static void parallelFor(void *pool, int64_t tasks, attn_body body,
                        void *closure) {
  const Call *call = pool;
  const OrtApi *api = call->node->api;
  Loop loop = {body, closure, tasks, 0};
  int64_t workers = call->node->workers;
  OrtStatus *failed = api->KernelContext_ParallelFor(
      call->context, work, (size_t)(tasks < workers ? tasks : workers), 0,
      &loop);
  if (!failed)
    return;
  api->ReleaseStatus(failed);
  work(&loop, 0);
}

//===-- Tensors: ONNX Runtime's memory, attnc's views --------------------===//

static OrtStatus *readTensor(const OrtApi *api, const OrtValue *value,
                             Tensor *tensor) {
  OrtTensorTypeAndShapeInfo *info;
  TRY(api->GetTensorTypeAndShape(value, &info));
  OrtStatus *status = api->GetDimensionsCount(info, &tensor->rank);
  if (!status && tensor->rank > 4)
    status = refuse(api, "an input has %zu dimensions, expected at most 4",
                    tensor->rank);
  if (!status)
    status = api->GetDimensions(info, tensor->shape, tensor->rank);
  api->ReleaseTensorTypeAndShapeInfo(info);
  return status ? status
                : api->GetTensorMutableData((OrtValue *)value,
                                            (void **)&tensor->data);
}

static OrtStatus *readInputs(Call *call) {
  const OrtApi *api = call->node->api;
  for (size_t i = 0; i < kInputs; ++i) {
    const OrtValue *value;
    TRY(api->KernelContext_GetInput(call->context, i, &value));
    TRY(readTensor(api, value, &call->in[i]));
  }
  return NULL;
}

/* An extent that may be any. */
enum { kAny = -1 };

static OrtStatus *checkShape(const Call *call, int index, size_t rank,
                             const int64_t *expected) {
  const OrtApi *api = call->node->api;
  const Tensor *tensor = &call->in[index];
  if (tensor->rank != rank)
    return refuse(api, "%s has %zu dimensions, expected %zu", inputNames[index],
                  tensor->rank, rank);
  for (size_t i = 0; i < rank; ++i)
    if (expected[i] != kAny && tensor->shape[i] != expected[i])
      return refuse(api, "extent %zu of %s is %" PRId64 ", expected %" PRId64,
                    i, inputNames[index], tensor->shape[i], expected[i]);
  return NULL;
}

/* Of integers, which models have as [count] or [count, 1]. */
static OrtStatus *checkCount(const Call *call, int index, int64_t expected) {
  const Tensor *tensor = &call->in[index];
  int64_t count = 1;
  for (size_t i = 0; i < tensor->rank; ++i)
    count *= tensor->shape[i];
  return count == expected
             ? NULL
             : refuse(call->node->api,
                      "%s has %" PRId64 " elements, expected %" PRId64,
                      inputNames[index], count, expected);
}

/* Heads are columns of a row, `size` each. */
static OrtStatus *checkWidth(const Call *call, int index, int64_t size) {
  int64_t width = call->in[index].shape[2];
  if (size && width && width % size == 0)
    return NULL;
  return refuse(call->node->api,
                "extent 2 of %s is %" PRId64
                ", expected a multiple of past_key's last extent, %" PRId64,
                inputNames[index], width, size);
}

/* That inputs fit each other, before any is read: the kernel sees views of this
   file's making. That they fit the model is the kernel's to check. */
static OrtStatus *checkShapes(const Call *call) {
  const int64_t *query = call->in[kQuery].shape;
  const int64_t *key = call->in[kKey].shape;
  const int64_t *past = call->in[kPastKey].shape;
  TRY(checkShape(call, kQuery, 3, (int64_t[]){kAny, kAny, kAny}));
  TRY(checkShape(call, kKey, 3, (int64_t[]){query[0], query[1], kAny}));
  TRY(checkShape(call, kValue, 3, key));
  TRY(checkShape(call, kPastKey, 4, (int64_t[]){query[0], kAny, kAny, kAny}));
  TRY(checkWidth(call, kQuery, past[3]));
  TRY(checkWidth(call, kKey, past[3]));
  TRY(checkShape(call, kPastKey, 4,
                 (int64_t[]){query[0], key[2] / past[3], kAny, kAny}));
  TRY(checkShape(call, kPastValue, 4, past));
  TRY(checkCount(call, kLastKeys, query[0]));
  return checkCount(call, kTotal, 1);
}

static OrtStatus *makeOutput(Call *call, int index, const int64_t *shape,
                             size_t rank) {
  const OrtApi *api = call->node->api;
  OrtValue *value;
  TRY(api->KernelContext_GetOutput(call->context, (size_t)index, shape, rank,
                                   &value));
  return api->GetTensorMutableData(value, (void **)&call->out[index].data);
}

/* The extents of a call; those of a cache that it returns grow if they must. */
static OrtStatus *openCall(Call *call) {
  TRY(readInputs(call));
  TRY(checkShapes(call));
  const int64_t *query = call->in[kQuery].shape;
  const int64_t *past = call->in[kPastKey].shape;
  int64_t total = *(const int32_t *)call->in[kTotal].data;
  call->batch = query[0];
  call->rows = query[1];
  call->kvHeads = past[1];
  call->size = past[3];
  call->heads = query[2] / call->size;
  call->capacity = past[2] < total ? total : past[2];
  int64_t cache[4] = {call->batch, call->kvHeads, call->capacity, call->size};
  TRY(makeOutput(call, kOutput, query, 3));
  TRY(makeOutput(call, kPresentKey, cache, 4));
  return makeOutput(call, kPresentValue, cache, 4);
}

/* Rows of a sequence that are new: all, or in a first prompt those in front of
   the padding. */
static int64_t newRows(const Call *call, int64_t sequence) {
  int64_t length = call->lengths[sequence];
  return length < call->rows ? length : call->rows;
}

/* Takes the past over where present_* is not the same memory. */
static void copyPast(const Call *call, int past, int present) {
  const char *from = call->in[past].data;
  char *to = call->out[present].data;
  if (from == to)
    return;
  size_t row = (size_t)call->size * sizeof(float);
  size_t fromHead = (size_t)call->in[past].shape[2] * row;
  size_t toHead = (size_t)call->capacity * row;
  for (int64_t i = 0; i < call->batch * call->kvHeads; ++i) {
    int64_t b = i / call->kvHeads;
    size_t valid = (size_t)(call->lengths[b] - newRows(call, b)) * row;
    if (valid)
      memcpy(to + (size_t)i * toHead, from + (size_t)i * fromHead, valid);
  }
}

/* A DLTensor with its extents; not to be copied. */
typedef struct View {
  DLTensor dl;
  int64_t shape[4], strides[4];
} View;

static DLTensor *view(View *view, const void *data, uint8_t code, int32_t rank,
                      const int64_t *shape, const int64_t *strides) {
  memset(view, 0, sizeof(*view));
  memcpy(view->shape, shape, (size_t)rank * sizeof(*shape));
  memcpy(view->strides, strides, (size_t)rank * sizeof(*strides));
  view->dl.data = (void *)data;
  view->dl.device.device_type = kDLCPU;
  view->dl.ndim = rank;
  view->dl.dtype = (DLDataType){code, 32, 1};
  view->dl.shape = view->shape;
  view->dl.strides = view->strides;
  return &view->dl;
}

/* [batch, rows, heads * size] -> [batch, rows, heads, size]. */
static DLTensor *rowsOf(View *memory, const Call *call, const Tensor *tensor,
                        int64_t heads, int64_t first, int64_t batch,
                        int64_t rows) {
  int64_t width = heads * call->size;
  int64_t shape[4] = {batch, rows, heads, call->size};
  int64_t strides[4] = {call->rows * width, width, call->size, 1};
  const char *data = tensor->data + first * strides[0] * (int64_t)sizeof(float);
  return view(memory, data, kDLFloat, 4, shape, strides);
}

/* [batch, kv_heads, capacity, size] -> [batch, capacity, kv_heads, size]. */
static DLTensor *cacheOf(View *memory, const Call *call, const Tensor *tensor,
                         int64_t first, int64_t batch) {
  int64_t head = call->capacity * call->size;
  int64_t shape[4] = {batch, call->capacity, call->kvHeads, call->size};
  int64_t strides[4] = {call->kvHeads * head, call->size, head, 1};
  const char *data = tensor->data + first * strides[0] * (int64_t)sizeof(float);
  return view(memory, data, kDLFloat, 4, shape, strides);
}

//===-- The call ---------------------------------------------------------===//

/* Attends `rows` rows each of `batch` sequences from `first` on. */
static attn_status attend(const Call *call, int64_t first, int64_t batch,
                          int64_t rows, attn_context *context) {
  View query, key, value, positions, keyCache, valueCache, lengths, output;
  int64_t ids[2] = {batch, rows}, idStrides[2] = {call->rows, 1};
  ENTRY(_attend_args) args = ENTRY(_attend_ARGS_INIT);
  args.layer = call->node->layer;
  args.query =
      rowsOf(&query, call, &call->in[kQuery], call->heads, first, batch, rows);
  args.key =
      rowsOf(&key, call, &call->in[kKey], call->kvHeads, first, batch, rows);
  args.value = rowsOf(&value, call, &call->in[kValue], call->kvHeads, first,
                      batch, rows);
  args.position_ids = view(&positions, call->positions + first * call->rows,
                           kDLInt, 2, ids, idStrides);
  args.key_cache =
      cacheOf(&keyCache, call, &call->out[kPresentKey], first, batch);
  args.value_cache =
      cacheOf(&valueCache, call, &call->out[kPresentValue], first, batch);
  args.kv_lengths =
      view(&lengths, call->lengths + first, kDLInt, 1, ids, idStrides + 1);
  args.output = rowsOf(&output, call, &call->out[kOutput], call->heads, first,
                       batch, rows);
  return ENTRY(_attend)(&args, context);
}

/* Sequences of as many rows as the query has are one call; those that end in
   padding are one call each, for attnc's rows end at kv_lengths. */
static attn_status attendAll(const Call *call, attn_context *context) {
  int64_t padded = 0;
  for (int64_t b = 0; b < call->batch; ++b)
    padded |= newRows(call, b) < call->rows;
  if (!padded)
    return attend(call, 0, call->batch, call->rows, context);

  size_t row = (size_t)(call->heads * call->size) * sizeof(float);
  attn_status status = ATTN_OK;
  for (int64_t b = 0; b < call->batch && !status; ++b) {
    int64_t rows = newRows(call, b);
    char *rest = call->out[kOutput].data + (b * call->rows + rows) * row;
    memset(rest, 0, (size_t)(call->rows - rows) * row);
    status = attend(call, b, 1, rows, context);
  }
  return status;
}

/* That the past has the rows in front of a sequence's new ones. */
static OrtStatus *checkLength(const Call *call, int64_t sequence) {
  const OrtApi *api = call->node->api;
  int64_t last = ((const int32_t *)call->in[kLastKeys].data)[sequence];
  int64_t past = call->in[kPastKey].shape[2];
  if (last < 0 || last >= call->capacity)
    return refuse(api,
                  "seqlens_k [%" PRId64 "] is %" PRId64
                  ", expected 0 to the present length - 1, %" PRId64,
                  sequence, last, call->capacity - 1);
  if (last + 1 - call->rows > past)
    return refuse(api,
                  "seqlens_k [%" PRId64 "] is %" PRId64 ", which %" PRId64
                  " rows behind %" PRId64 " of past_key do not reach",
                  sequence, last, call->rows, past);
  return NULL;
}

/* Lengths and positions from seqlens_k, which counts one key less. */
static OrtStatus *readLengths(Call *call) {
  const int32_t *last = (const int32_t *)call->in[kLastKeys].data;
  for (int64_t b = 0; b < call->batch; ++b) {
    TRY(checkLength(call, b));
    call->lengths[b] = last[b] + 1;
    for (int64_t i = 0; i < call->rows; ++i)
      call->positions[b * call->rows + i] =
          (int32_t)(call->lengths[b] - newRows(call, b) + i);
  }
  return NULL;
}

/* Runs a call in memory for its integers, then `bytes` of workspace. */
static OrtStatus *run(Call *call, char *memory, uint64_t bytes) {
  char text[256] = "";
  attn_context context = ATTN_CONTEXT_INIT;
  call->lengths = (int32_t *)memory;
  call->positions = call->lengths + call->batch;
  TRY(readLengths(call));
  uintptr_t end = (uintptr_t)(call->positions + call->batch * call->rows);
  context.workspace = (void *)((end + 63) / 64 * 64);
  context.workspace_bytes = bytes;
  context.workers = call->node->workers;
  context.parallel_for = parallelFor;
  context.pool = call;
  context.text = text;
  context.text_bytes = sizeof(text);
  copyPast(call, kPastKey, kPresentKey);
  copyPast(call, kPastValue, kPresentValue);
  if (attendAll(call, &context) == ATTN_OK)
    return NULL;
  return call->node->api->CreateStatus(ORT_INVALID_ARGUMENT, text);
}

static OrtStatus *compute(void *node, OrtKernelContext *context) {
  Call call = {.node = node, .context = context};
  const OrtApi *api = call.node->api;
  TRY(openCall(&call));

  attn_maxima maxima = ATTN_MAXIMA_INIT;
  maxima.batch = call.batch;
  maxima.query_length = call.rows;
  maxima.workers = call.node->workers;
  maxima.kv_length = call.capacity;
  uint64_t bytes = ENTRY(_attend_workspace)(&maxima);
  if (bytes == UINT64_MAX)
    return refuse(api, "query is empty");
  size_t integers = (size_t)(call.batch * (1 + call.rows)) * sizeof(int32_t);
  OrtAllocator *allocator;
  TRY(api->KernelContext_GetAllocator(context, call.node->memory, &allocator));
  char *memory;
  OrtStatus *status =
      api->AllocatorAlloc(allocator, integers + bytes + 63, (void **)&memory);
  if (!status) {
    status = run(&call, memory, bytes);
    api->ReleaseStatus(api->AllocatorFree(allocator, memory));
  }
  api->ReleaseAllocator(allocator);
  return status;
}

//===-- The operator and its library -------------------------------------===//

static OrtStatus *createNode(const OrtCustomOp *op, const OrtApi *api,
                             const OrtKernelInfo *info, void **kernel) {
  int64_t layer = 0;
  (void)op;
  /* Absent: 0. */
  api->ReleaseStatus(api->KernelInfoGetAttribute_int64(info, "layer", &layer));
  if (layer < 0 || layer > UINT32_MAX)
    return refuse(api, "attribute layer is %" PRId64 ", expected 0 to %" PRIu32,
                  layer, UINT32_MAX);
  Node *node = calloc(1, sizeof(*node));
  if (!node)
    return api->CreateStatus(ORT_FAIL, "attnc.GroupQueryAttention: no memory");
  node->api = api;
  node->layer = (uint32_t)layer;
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  node->workers = processors > 0 ? processors : 1; /* -1: not known */
  OrtStatus *status = api->CreateCpuMemoryInfo(
      OrtArenaAllocator, OrtMemTypeDefault, &node->memory);
  if (status)
    free(node);
  else
    *kernel = node;
  return status;
}

static void destroyNode(void *kernel) {
  Node *node = kernel;
  node->api->ReleaseMemoryInfo(node->memory);
  free(node);
}

static const char *nameOf(const OrtCustomOp *op) {
  (void)op;
  return "GroupQueryAttention";
}

static const char *providerOf(const OrtCustomOp *op) {
  (void)op;
  return NULL; /* the CPU's */
}

static size_t inputCount(const OrtCustomOp *op) {
  (void)op;
  return kInputs;
}

static size_t outputCount(const OrtCustomOp *op) {
  (void)op;
  return kOutputs;
}

static ONNXTensorElementDataType inputType(const OrtCustomOp *op,
                                           size_t index) {
  (void)op;
  return index < kLastKeys ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT
                           : ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
}

static ONNXTensorElementDataType outputType(const OrtCustomOp *op,
                                            size_t index) {
  (void)op;
  (void)index;
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
}

static OrtCustomOpInputOutputCharacteristic required(const OrtCustomOp *op,
                                                     size_t index) {
  (void)op;
  (void)index;
  return INPUT_OUTPUT_REQUIRED;
}

static OrtMemType memoryType(const OrtCustomOp *op, size_t index) {
  (void)op;
  (void)index;
  return OrtMemTypeDefault;
}

static int firstVersion(const OrtCustomOp *op) {
  (void)op;
  return 1;
}

static int lastVersion(const OrtCustomOp *op) {
  (void)op;
  return INT32_MAX;
}

static const OrtCustomOp groupQueryAttention = {
    .version = kApi,
    .GetName = nameOf,
    .GetExecutionProviderType = providerOf,
    .GetInputType = inputType,
    .GetInputTypeCount = inputCount,
    .GetOutputType = outputType,
    .GetOutputTypeCount = outputCount,
    .KernelDestroy = destroyNode,
    .GetInputCharacteristic = required,
    .GetOutputCharacteristic = required,
    .GetInputMemoryType = memoryType,
    .CreateKernelV2 = createNode,
    .KernelComputeV2 = compute,
    .GetStartVersion = firstVersion,
    .GetEndVersion = lastVersion,
};

/* What register_custom_ops_library calls. The domain stays: sessions use it. */
OrtStatus *RegisterCustomOps(OrtSessionOptions *options,
                             const OrtApiBase *base) {
  const OrtApi *api = base->GetApi(kApi);
  OrtCustomOpDomain *domain;
  TRY(api->CreateCustomOpDomain("attnc", &domain));
  TRY(api->CustomOpDomain_Add(domain, &groupQueryAttention));
  return api->AddCustomOpDomain(options, domain);
}
