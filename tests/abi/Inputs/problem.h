/* One call of a compiled kernel, as an engine would make it: tensors that end
   at guard pages, and a reference in double precision written from the
   semantics. Compiled with -DNAME=... -DHEADER='"NAME.h"' and the geometry. */
#ifndef PROBLEM_H
#define PROBLEM_H
#define _GNU_SOURCE

#include HEADER

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef WINDOW
#define WINDOW INT64_MAX / 2
#endif

#define PASTE(a, b) a##b
#define JOIN(a, b) PASTE(a, b)
#define ENTRY(suffix) JOIN(NAME, suffix)

/* Bytes whose end is the end of a page that is followed by a forbidden one. */
static inline void *guarded(size_t bytes) {
  size_t page = 4096, whole = (bytes + page - 1) / page * page;
  char *base = mmap(NULL, whole + page, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED || mprotect(base + whole, page, PROT_NONE))
    exit(3);
  return base + whole - bytes;
}

typedef struct tensor {
  int64_t shape[4];
  DLTensor dl;
} tensor;

static inline size_t elements(const tensor *t) {
  size_t count = 1;
  for (int d = 0; d < t->dl.ndim; ++d)
    count *= (size_t)t->shape[d];
  return count;
}

static inline float *floats(const tensor *t) { return t->dl.data; }

static inline void make(tensor *t, uint8_t code, int rank, int64_t a, int64_t b,
                        int64_t c, int64_t d) {
  int64_t shape[4] = {a, b, c, d};
  memset(t, 0, sizeof(*t));
  memcpy(t->shape, shape, sizeof(shape));
  t->dl.device.device_type = kDLCPU;
  t->dl.ndim = rank;
  t->dl.dtype.code = code;
  t->dl.dtype.bits = 32;
  t->dl.dtype.lanes = 1;
  t->dl.shape = t->shape;
  t->dl.data = guarded(elements(t) * 4);
}

static inline void fill(tensor *t, uint64_t seed) {
  for (size_t i = 0; i < elements(t); ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    floats(t)[i] = (float)((double)(seed >> 40) / (1 << 23) - 1.0);
  }
}

typedef struct problem {
  tensor query, key, value, lengths, sinks, output, lse;
  ENTRY(_core_args) args;
  attn_context context;
  char text[256];
} problem;

/* A call of `batch` sequences whose lengths descend from `capacity`; NaN stands
   behind every length. */
static inline problem *pose(int64_t batch, int64_t queries, int64_t capacity,
                            int64_t workers) {
  problem *p = calloc(1, sizeof(*p));
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  attn_context context = ATTN_CONTEXT_INIT;
  const ENTRY(_core_args) empty = ENTRY(_core_ARGS_INIT);
  make(&p->query, kDLFloat, 4, batch, queries, HEADS, DIM);
  make(&p->key, kDLFloat, 4, batch, capacity, KV_HEADS, DIM);
  make(&p->value, kDLFloat, 4, batch, capacity, KV_HEADS, DIM);
  make(&p->lengths, kDLInt, 1, batch, 1, 1, 1);
  make(&p->sinks, kDLFloat, 1, HEADS, 1, 1, 1);
  make(&p->output, kDLFloat, 4, batch, queries, HEADS, DIM);
  make(&p->lse, kDLFloat, 3, batch, queries, HEADS, 1);
  fill(&p->query, 1);
  fill(&p->key, 2);
  fill(&p->value, 3);
  fill(&p->sinks, 4);
  for (int64_t b = 0; b < batch; ++b) {
    int64_t length = capacity - b * (capacity / 3), row = KV_HEADS * DIM;
    ((int32_t *)p->lengths.dl.data)[b] = (int32_t)length;
    for (int64_t i = (b * capacity + length) * row;
         i < (b + 1) * capacity * row; ++i)
      floats(&p->key)[i] = floats(&p->value)[i] = NAN;
  }
  p->args = empty;
  p->args.query = &p->query.dl;
  p->args.key = &p->key.dl;
  p->args.value = &p->value.dl;
  p->args.kv_lengths = &p->lengths.dl;
#ifdef SINKS
  p->args.sinks = &p->sinks.dl;
#endif
  p->args.output = &p->output.dl;
  p->args.lse = &p->lse.dl;
  maxima.batch = batch;
  maxima.query_length = queries;
  maxima.workers = workers;
  maxima.kv_length = capacity;
  p->context = context;
  p->context.workspace_bytes = ENTRY(_core_workspace)(&maxima);
  p->context.workspace = guarded(p->context.workspace_bytes);
  memset(p->context.workspace, 0xa5, p->context.workspace_bytes);
  p->context.workers = workers;
  p->context.text = p->text;
  p->context.text_bytes = sizeof(p->text);
  return p;
}

/* Largest difference from the reference in one row of one head, with its lse.
 */
static inline double row_error(const problem *p, int64_t b, int64_t i,
                               int64_t h) {
  int64_t queries = p->query.shape[1], capacity = p->key.shape[1];
  int64_t length = ((const int32_t *)p->lengths.dl.data)[b];
  int64_t position = i + length - queries, kv = h / (HEADS / KV_HEADS);
  const float *query =
      floats(&p->query) + ((b * queries + i) * HEADS + h) * DIM;
  const float *output =
      floats(&p->output) + ((b * queries + i) * HEADS + h) * DIM;
  double scale = 1.0 / sqrt((double)DIM), most = -INFINITY, total = 0, error;
  double *scores = calloc((size_t)capacity + 1, sizeof(double));
#ifdef SINKS
  most = floats(&p->sinks)[h];
#endif
  for (int64_t j = 0; j < length; ++j) {
    const float *key =
        floats(&p->key) + ((b * capacity + j) * KV_HEADS + kv) * DIM;
    scores[j] = -INFINITY;
    if (j > position || j <= position - (WINDOW))
      continue;
    scores[j] = 0;
    for (int64_t d = 0; d < DIM; ++d)
      scores[j] += scale * query[d] * key[d];
    most = fmax(most, scores[j]);
  }
#ifdef SINKS
  total = exp(floats(&p->sinks)[h] - most);
#endif
  for (int64_t j = 0; j < length; ++j)
    total += scores[j] = scores[j] == -INFINITY ? 0 : exp(scores[j] - most);
  const float lse = floats(&p->lse)[(b * queries + i) * HEADS + h];
  /* A row without keys has lse -inf; a NaN is what was there before. */
  error = total > 0 ? fabs(lse - (most + log(total)))
                    : (lse == -INFINITY ? 0 : INFINITY);
  if (isnan(lse))
    error = INFINITY;
  for (int64_t d = 0; d < DIM; ++d) {
    double sum = 0;
    for (int64_t j = 0; j < length; ++j)
      if (scores[j] > 0)
        sum +=
            scores[j] / total *
            floats(&p->value)[((b * capacity + j) * KV_HEADS + kv) * DIM + d];
    error = fmax(error, isnan(output[d]) ? INFINITY : fabs(output[d] - sum));
  }
  free(scores);
  return error;
}

/* The same over a sample of rows and heads. */
static inline double largest_error(const problem *p) {
  int64_t queries = p->query.shape[1], step = queries / 5 + 1;
  double error = 0;
  for (int64_t b = 0; b < p->query.shape[0]; ++b)
    for (int64_t i = 0; i < queries; i += step)
      for (int64_t h = 0; h < HEADS; h += HEADS > 8 ? 5 : 1)
        error = fmax(error, row_error(p, b, i, h));
  return error;
}

static inline void poison(problem *p) {
  memset(p->output.dl.data, 0xff, elements(&p->output) * 4);
  memset(p->lse.dl.data, 0xff, elements(&p->lse) * 4);
}

/* Whether two calls left the same bits. */
static inline int same_results(const problem *a, const problem *b) {
  return !memcmp(a->output.dl.data, b->output.dl.data,
                 elements(&a->output) * 4) &&
         !memcmp(a->lse.dl.data, b->lse.dl.data, elements(&a->lse) * 4);
}

#endif /* PROBLEM_H */
