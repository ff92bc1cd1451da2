/* Attention of a compiled config as two nodes of a ggml graph. README.md beside
   it says what the layouts are and how to build this.

     ./attention               compares with ggml_flash_attn_ext
     ./attention ROWS KEYS     and times both */
#include "llama_3_8b.h"

#include <ggml-cpu.h>
#include <ggml.h>

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------- the operator --- */

/* What all nodes of a graph that attend share. ggml's nodes cannot fail, so the
   caller looks at `status` after the graph. */
typedef struct Attention {
  int64_t workers;            /* the most threads that the graph will run on */
  _Atomic attn_status status; /* the first mistake that any thread saw */
  char text[256];             /* written by that thread */
} Attention;

enum { kQuery, kKey, kValue, kLengths, kWorkspace, kSources };

/* As many nodes as a call has phases at most ("phases" in the manifest): ggml
   waits for all threads behind each. */
enum { kPhases = 2 };

typedef struct View {
  DLTensor dl;
  int64_t shape[4], strides[4];
} View;

/* A ggml tensor with its dimensions in the order that `from` names. */
static const DLTensor *view(View *v, const struct ggml_tensor *t, int32_t rank,
                            const int from[4]) {
  memset(v, 0, sizeof(*v));
  for (int i = 0; i < rank; ++i) {
    v->shape[i] = t->ne[from[i]];
    v->strides[i] = (int64_t)(t->nb[from[i]] / ggml_type_size(t->type));
  }
  v->dl.data = t->data;
  v->dl.device.device_type = kDLCPU;
  v->dl.ndim = rank;
  v->dl.dtype.code = t->type == GGML_TYPE_I32 ? kDLInt : kDLFloat;
  v->dl.dtype.bits = (uint8_t)(8 * ggml_type_size(t->type));
  v->dl.dtype.lanes = 1;
  v->dl.shape = v->shape;
  v->dl.strides = v->strides;
  return &v->dl;
}

static void tell(Attention *attention, attn_status status, const char *text) {
  attn_status none = ATTN_OK;
  if (atomic_compare_exchange_strong(&attention->status, &none, status))
    snprintf(attention->text, sizeof(attention->text), "%s", text);
}

/* This thread's tasks of one phase. Every thread makes the plan for itself: it
   depends on the arguments alone, so all make the same one. */
static void runPhase(struct ggml_tensor *dst, struct ggml_tensor **sources,
                     int64_t phase, int ith, int nth, Attention *attention) {
  static const int rows[4] = {3, 1, 2, 0}, result[4] = {3, 2, 1, 0};
  View query, key, value, lengths, output;
  llama_3_8b_core_args args = llama_3_8b_core_ARGS_INIT;
  args.query = view(&query, sources[kQuery], 4, rows);
  args.key = view(&key, sources[kKey], 4, rows);
  args.value = view(&value, sources[kValue], 4, rows);
  args.kv_lengths = view(&lengths, sources[kLengths], 1, (int[4]){0});
  args.output = view(&output, dst, 4, result);

  const struct ggml_tensor *memory = sources[kWorkspace];
  uintptr_t aligned = ((uintptr_t)memory->data + 63) / 64 * 64;
  attn_context context = ATTN_CONTEXT_INIT;
  context.workspace = (void *)aligned;
  context.workspace_bytes =
      ggml_nbytes(memory) - (aligned - (uintptr_t)memory->data);
  context.workers = attention->workers;
  char text[sizeof(attention->text)] = "more phases than nodes";
  context.text = text;
  context.text_bytes = sizeof(text);
  attn_plan plan;
  attn_status status = llama_3_8b_core_plan(&args, &context, &plan);
  if (!status && plan.phases > kPhases)
    status = ATTN_UNSUPPORTED;
  int64_t tasks = !status && phase < plan.phases ? plan.tasks[phase] : 0;
  for (int64_t task = ith; !status && task < tasks; task += nth)
    status = llama_3_8b_core_task(&args, &context, phase, task);
  if (status)
    tell(attention, status, text);
}

static void firstPhase(struct ggml_tensor *dst, int ith, int nth, void *data) {
  runPhase(dst, dst->src, 0, ith, nth, data);
}

/* ggml_custom_inplace puts the tensor that it continues before the others. */
static void secondPhase(struct ggml_tensor *dst, int ith, int nth, void *data) {
  runPhase(dst, dst->src + 1, 1, ith, nth, data);
}

/* Room for calls up to these maxima; nodes of one graph may share it, for they
   run one after the other. */
static struct ggml_tensor *newWorkspace(struct ggml_context *graph,
                                        const Attention *attention,
                                        int64_t batch, int64_t rows,
                                        int64_t keys) {
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  maxima.batch = batch;
  maxima.query_length = rows;
  maxima.workers = attention->workers;
  maxima.kv_length = keys;
  return ggml_new_tensor_1d(graph, GGML_TYPE_I8,
                            (int64_t)llama_3_8b_core_workspace(&maxima) + 64);
}

/* query [size, rows, heads, batch], key and value [size, capacity, kv_heads,
   batch], lengths i32 [batch] -> [size, heads, rows, batch], as of
   ggml_flash_attn_ext. */
static struct ggml_tensor *
attend(struct ggml_context *graph, struct ggml_tensor *query,
       struct ggml_tensor *key, struct ggml_tensor *value,
       struct ggml_tensor *lengths, struct ggml_tensor *workspace,
       Attention *attention) {
  struct ggml_tensor *sources[kSources] = {query, key, value, lengths,
                                           workspace};
  struct ggml_tensor *first = ggml_custom_4d(
      graph, GGML_TYPE_F32, value->ne[0], query->ne[2], query->ne[1],
      query->ne[3], sources, kSources, firstPhase, GGML_N_TASKS_MAX, attention);
  return ggml_custom_inplace(graph, first, sources, kSources, secondPhase,
                             GGML_N_TASKS_MAX, attention);
}

/* ------------------------------------------------------ the comparison --- */

enum { kHeads = 32, kKvHeads = 8, kSize = 128, kThreads = 4 };

/* One sequence whose caches are llama.cpp's: [kv_heads * size, capacity]. */
typedef struct Test {
  struct ggml_context *tensors;
  struct ggml_tensor *keys, *values;
  int64_t capacity, length;
} Test;

static void fill(struct ggml_tensor *t) {
  static uint32_t state = 1;
  float *values = t->data;
  for (int64_t i = 0; i < ggml_nelements(t); ++i) {
    state = state * 1664525u + 1013904223u;
    values[i] = (float)(state >> 8) / 4194304.0f - 2;
  }
}

static struct ggml_context *newContext(size_t bytes) {
  struct ggml_init_params params = {bytes, NULL, false};
  return ggml_init(params);
}

/* [size, keys, kv_heads] of a cache: rows of all heads follow each other. */
static struct ggml_tensor *cacheView(struct ggml_context *graph,
                                     struct ggml_tensor *cache, int64_t keys) {
  return ggml_view_3d(graph, cache, kSize, keys, kKvHeads, cache->nb[1],
                      kSize * ggml_type_size(cache->type), 0);
}

/* A node that writes rows behind those that are valid. */
static struct ggml_tensor *append(struct ggml_context *graph, const Test *test,
                                  struct ggml_tensor *cache,
                                  struct ggml_tensor *rows) {
  return ggml_cpy(graph, rows,
                  ggml_view_2d(graph, cache, kKvHeads * kSize, rows->ne[1],
                               cache->nb[1],
                               (size_t)test->length * cache->nb[1]));
}

/* Which keys a row sees: the kernels know, ggml wants to be told. */
static struct ggml_tensor *causalMask(struct ggml_context *graph, int64_t keys,
                                      int64_t rows) {
  struct ggml_tensor *mask =
      ggml_new_tensor_2d(graph, GGML_TYPE_F16, keys, rows);
  ggml_fp16_t *data = mask->data;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < keys; ++j)
      data[i * keys + j] =
          ggml_fp32_to_fp16(j <= keys - rows + i ? 0 : -INFINITY);
  return mask;
}

static float half(const struct ggml_tensor *cache, int64_t key,
                  int64_t column) {
  const ggml_fp16_t *data = cache->data;
  return ggml_fp16_to_fp32(data[key * kKvHeads * kSize + column]);
}

/* One row of one head in double. */
static void referenceRow(const Test *test, const float *query, int64_t keys,
                         int64_t head, double *out) {
  int64_t first = head / (kHeads / kKvHeads) * kSize;
  double sum = 0;
  memset(out, 0, kSize * sizeof(*out));
  for (int64_t j = 0; j < keys; ++j) {
    double score = 0;
    for (int64_t d = 0; d < kSize; ++d)
      score += (double)query[d] * half(test->keys, j, first + d);
    double weight = exp(score / sqrt(kSize));
    sum += weight;
    for (int64_t d = 0; d < kSize; ++d)
      out[d] += weight * half(test->values, j, first + d);
  }
  for (int64_t d = 0; d < kSize; ++d)
    out[d] /= sum;
}

/* The largest difference from the reference in the last row. */
static double lastRowError(const Test *test, const struct ggml_tensor *query,
                           const struct ggml_tensor *output) {
  int64_t last = query->ne[2] - 1;
  double worst = 0, expected[kSize];
  for (int64_t head = 0; head < kHeads; ++head) {
    const float *row =
        (const float *)query->data + (last * kHeads + head) * kSize;
    const float *got =
        (const float *)output->data + (last * kHeads + head) * kSize;
    referenceRow(test, row, test->length, head, expected);
    for (int64_t d = 0; d < kSize; ++d)
      worst = fmax(worst, fabs(got[d] - expected[d]));
  }
  return worst;
}

static void compute(struct ggml_context *memory, struct ggml_tensor *last,
                    int threads) {
  struct ggml_cgraph *graph = ggml_new_graph(memory);
  ggml_build_forward_expand(graph, last);
  ggml_graph_compute_with_ctx(memory, graph, threads);
}

/* Milliseconds of a graph that has run once. */
static double time_ms(struct ggml_context *memory, struct ggml_tensor *last,
                      int threads) {
  enum { kRuns = 5 };
  double best = INFINITY;
  for (int run = 0; run < kRuns; ++run) {
    int64_t start = ggml_time_us();
    compute(memory, last, threads);
    best = fmin(best, (double)(ggml_time_us() - start) / 1000);
  }
  return best;
}

/* Appends `rows` rows of keys and of values. */
static void appendRows(struct ggml_context *graph, Test *test, int64_t rows) {
  struct ggml_tensor *caches[2] = {test->keys, test->values};
  for (int i = 0; i < 2; ++i) {
    struct ggml_tensor *added =
        ggml_new_tensor_2d(graph, GGML_TYPE_F32, kKvHeads * kSize, rows);
    fill(added);
    compute(graph, append(graph, test, caches[i], added), 1);
  }
  test->length += rows;
}

/* The last rows of a test attended: by us, once for each number of threads, and
   by ggml. */
typedef struct Results {
  struct ggml_tensor *query, *ours, *again, *theirs;
} Results;

/* The whole cache and a length for us, the valid keys and a mask for ggml. */
static Results newResults(struct ggml_context *graph, const Test *test,
                          int64_t rows, Attention *attention) {
  Results r;
  r.query = ggml_new_tensor_3d(graph, GGML_TYPE_F32, kSize, kHeads, rows);
  fill(r.query);
  struct ggml_tensor *lengths = ggml_new_tensor_1d(graph, GGML_TYPE_I32, 1);
  ggml_set_i32(lengths, (int32_t)test->length);
  struct ggml_tensor *permuted = ggml_permute(graph, r.query, 0, 2, 1, 3);
  struct ggml_tensor *workspace =
      newWorkspace(graph, attention, 1, rows, test->capacity);
  struct ggml_tensor *keys = cacheView(graph, test->keys, test->capacity);
  struct ggml_tensor *values = cacheView(graph, test->values, test->capacity);
  r.ours = attend(graph, permuted, keys, values, lengths, workspace, attention);
  r.again =
      attend(graph, permuted, keys, values, lengths, workspace, attention);
  r.theirs = ggml_flash_attn_ext(
      graph, permuted, cacheView(graph, test->keys, test->length),
      cacheView(graph, test->values, test->length),
      causalMask(graph, test->length, rows), 1 / sqrtf(kSize), 0, 0);
  return r;
}

static void printTimes(struct ggml_context *graph, const Test *test,
                       const Results *r) {
  printf("  error %.1e, ggml_flash_attn_ext %.1e\n"
         "  1 thread: %.2f ms, ggml_flash_attn_ext %.2f ms\n",
         lastRowError(test, r->query, r->ours),
         lastRowError(test, r->query, r->theirs), time_ms(graph, r->ours, 1),
         time_ms(graph, r->theirs, 1));
}

/* Appends `rows` rows and attends them, with both; whether all is right. */
static int step(Test *test, int64_t rows, int timed) {
  int64_t keys = test->length + rows;
  struct ggml_context *graph =
      newContext(((size_t)1 << 28) + (size_t)(2 * keys * rows) * 8);
  Attention attention = {kThreads, ATTN_OK, ""};
  appendRows(graph, test, rows);
  Results r = newResults(graph, test, rows, &attention);
  compute(graph, r.ours, kThreads);
  compute(graph, r.again, 1);
  compute(graph, r.theirs, kThreads);

  int same = !memcmp(r.ours->data, r.again->data, ggml_nbytes(r.ours));
  int right = !attention.status && lastRowError(test, r.query, r.ours) < 1e-5 &&
              lastRowError(test, r.query, r.theirs) < 1e-2;
  printf("%d rows, %d keys: %s, 1 and %d threads give %s\n", (int)rows,
         (int)keys, right ? "right" : "wrong", kThreads,
         same ? "the same bits" : "different bits");
  if (attention.status)
    printf("  %s\n", attention.text);
  if (timed)
    printTimes(graph, test, &r);
  ggml_free(graph);
  return right && same;
}

static Test newTest(int64_t capacity) {
  Test test = {0};
  test.capacity = capacity;
  test.tensors = newContext((size_t)(capacity * kKvHeads * kSize) * 2 *
                                sizeof(ggml_fp16_t) +
                            ((size_t)1 << 20));
  test.keys = ggml_new_tensor_2d(test.tensors, GGML_TYPE_F16, kKvHeads * kSize,
                                 capacity);
  test.values = ggml_new_tensor_2d(test.tensors, GGML_TYPE_F16,
                                   kKvHeads * kSize, capacity);
  return test;
}

/* What is wrong is said, and nothing is computed: more keys than there is room.
 */
static void refuse(const Test *test) {
  struct ggml_context *graph = newContext((size_t)1 << 26);
  struct ggml_tensor *query =
      ggml_new_tensor_3d(graph, GGML_TYPE_F32, kSize, 1, kHeads);
  struct ggml_tensor *lengths = ggml_new_tensor_1d(graph, GGML_TYPE_I32, 1);
  Attention attention = {kThreads, ATTN_OK, ""};
  fill(query);
  ggml_set_i32(lengths, (int32_t)test->capacity + 1);
  compute(graph,
          attend(graph, query, cacheView(graph, test->keys, test->capacity),
                 cacheView(graph, test->values, test->capacity), lengths,
                 newWorkspace(graph, &attention, 1, 1, test->capacity),
                 &attention),
          kThreads);
  printf("refused: %s\n", attention.text);
  ggml_free(graph);
}

int main(int count, char **arguments) {
  ggml_time_init();
  int ok = 1;
  if (count == 3) {
    int64_t rows = atoi(arguments[1]), keys = atoi(arguments[2]);
    Test test = newTest(keys);
    if (keys > rows)
      ok &= step(&test, keys - rows, 0);
    ok &= step(&test, rows, 1);
    ggml_free(test.tensors);
    return !ok;
  }
  Test test = newTest(128);
  static const int64_t rows[] = {40, 1, 1, 7, 24};
  for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); ++i)
    ok &= step(&test, rows[i], 0);
  refuse(&test);
  ggml_free(test.tensors);
  return !ok;
}
