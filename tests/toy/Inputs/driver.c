//===- driver.c - the toy target against a double reference ---------------===//
//
// Runs every program of layers.mlir, generated into programs.c, on short and
// long, empty and ragged sequences, and compares with the formulas of the
// semantics evaluated in double. NaN stands behind every valid key.
//
//===----------------------------------------------------------------------===//

#include "programs.c"
#include <stdio.h>

/// What layers.mlir declares; unlimited sides are large.
typedef struct {
  const char *name;
  void (*prefill)(const toy_view *, int64_t, int);
  void (*decode)(const toy_view *, int64_t, int);
  int64_t heads, kv_heads, dim, value_dim, left, right;
  int top_left, sinks;
  double scale, softcap;
  int64_t chunk; /* 0: none */
  int prefix;
  int documents;
  /// Keys are [latent, rope_key] and values the latent: views of one buffer.
  int latent;
} kernel;

#define ALL (1 << 20)
#define PROGRAMS(name) #name, name##_core_prefill, name##_core_decode
static const kernel kernels[] = {
    {PROGRAMS(mha_causal), 3, 3, 16, 16, ALL, 1, 0, 0, 0.25, 0},
    {PROGRAMS(gqa_window), 8, 2, 8, 8, 21, 1, 0, 0, 0.5, 0},
    {PROGRAMS(mqa_bidirectional), 4, 1, 16, 16, ALL, ALL, 0, 0, 0.25, 0},
    {PROGRAMS(causal_top_left), 2, 2, 4, 4, ALL, 1, 1, 0, 0.5, 0},
    {PROGRAMS(window_both_sides), 3, 1, 4, 4, 3, 6, 0, 0, 0.5, 0},
    {PROGRAMS(chunk), 4, 2, 8, 8, ALL, 1, 0, 0, M_SQRT1_2 / 2, 0, 11, 0},
    {PROGRAMS(chunk_window_top_left), 2, 2, 4, 4, 3, 1, 1, 0, 0.5, 0, 5, 0},
    {PROGRAMS(prefix), 4, 2, 8, 8, ALL, ALL, 0, 0, M_SQRT1_2 / 2, 0, 0, 1},
    {PROGRAMS(prefix_window), 3, 1, 8, 8, 19, 7, 0, 0, M_SQRT1_2 / 2, 0, 0, 1},
    {PROGRAMS(documents), 4, 2, 8, 8, ALL, 1, 0, 0, M_SQRT1_2 / 2, 0, 0, 0, 1},
    {PROGRAMS(documents_window_top_left), 2, 2, 4, 4, 9, 3, 1, 0, 0.5, 0, 0, 0,
     1},
    {PROGRAMS(softcap), 4, 2, 8, 8, ALL, 1, 0, 0, 1.0, 2.0},
    {PROGRAMS(sinks), 6, 3, 8, 5, 33, 1, 0, 1, 0.75, 3.0},
    {PROGRAMS(latent_expanded), 3, 3, 10, 5, ALL, 1, 0, 0, 0.5, 0},
    {PROGRAMS(latent_absorbed), 3, 1, 16, 12, ALL, 1, 0, 0, 0.5, 0, 0, 0, 0, 1},
};

enum { BATCH = 3, CAPACITY = 608, QUERIES = 7, FLOATS = 1 << 17 };
static float query[FLOATS], key[FLOATS], value[FLOATS], sinks[8];
static float output[FLOATS], lse[FLOATS], first_output[FLOATS],
    first_lse[FLOATS];
static int32_t lengths[BATCH], prefixes[BATCH], documents[BATCH * CAPACITY];

static uint32_t seed = 1;
static float uniform(void) {
  seed = seed * 1664525u + 1013904223u;
  return (float)(int32_t)seed / 2147483648.0f * 1.5f;
}

static toy_view view(void *data, int64_t a, int64_t b, int64_t c, int64_t d) {
  toy_view result = {data, {a, b, c, d}, {b * c * d, c * d, d, 1}};
  return result;
}

/// `width` elements of rows that lie `stride` apart, without heads.
static toy_view rows_view(float *data, int64_t width, int64_t stride) {
  toy_view result = {
      data, {BATCH, CAPACITY, width}, {CAPACITY * stride, stride, 1}};
  return result;
}

/// Inputs of one call; keys and values past a sequence's length are NaN.
static void fill(const kernel *k, int64_t queries) {
  /* None, a part of the keys, and more than there are. */
  for (int64_t b = 0; b < BATCH; ++b)
    prefixes[b] = b == 0 ? 0 : lengths[b] * b / 2 + 3 * b;
  /* Of one key, then of more and more; numbers descend from 40 below 0. */
  for (int64_t b = 0; b < BATCH; ++b)
    for (int64_t j = 0; j < CAPACITY; ++j)
      documents[b * CAPACITY + j] = 40 - 3 * (int32_t)sqrt(j * (b + 1));
  for (int64_t i = 0; i < BATCH * queries * k->heads * k->dim; ++i)
    query[i] = uniform();
  for (int64_t b = 0; b < BATCH; ++b)
    for (int64_t j = 0; j < CAPACITY; ++j)
      for (int64_t h = 0; h < k->kv_heads; ++h) {
        int64_t row = (b * CAPACITY + j) * k->kv_heads + h;
        for (int64_t d = 0; d < k->dim; ++d)
          key[row * k->dim + d] = j < lengths[b] ? uniform() : NAN;
        for (int64_t d = 0; d < k->value_dim; ++d)
          value[row * k->value_dim + d] = k->latent ? key[row * k->dim + d]
                                          : j < lengths[b] ? uniform()
                                                           : NAN;
      }
  for (int64_t h = 0; h < k->heads; ++h)
    sinks[h] = uniform();
}

static double score_of(const kernel *k, const float *q, const float *keys) {
  double score = 0;
  for (int64_t d = 0; d < k->dim; ++d)
    score += (double)q[d] * keys[d];
  score *= k->scale;
  return k->softcap ? k->softcap * tanh(score / k->softcap) : score;
}

/// Output and lse of query i of head h in sequence b.
static void reference(const kernel *k, int64_t queries, int64_t b, int64_t i,
                      int64_t h, double *out, double *log_sum) {
  static double scores[CAPACITY];
  int64_t kv = h / (k->heads / k->kv_heads), length = lengths[b];
  int64_t position = k->top_left ? i : i + length - queries;
  const float *q = query + ((b * queries + i) * k->heads + h) * k->dim;
  double largest = k->sinks ? sinks[h] : -INFINITY, sum = 0;
  for (int64_t j = 0; j < length; ++j) {
    int64_t row = (b * CAPACITY + j) * k->kv_heads + kv;
    int visible = position - k->left < j && j < position + k->right &&
                  (!k->chunk || j / k->chunk == position / k->chunk) &&
                  (!k->prefix || j <= position || j < prefixes[b]) &&
                  (!k->documents || (position >= 0 && position < length &&
                                     documents[b * CAPACITY + j] ==
                                         documents[b * CAPACITY + position]));
    scores[j] = visible ? score_of(k, q, key + row * k->dim) : -INFINITY;
    largest = scores[j] > largest ? scores[j] : largest;
  }
  for (int64_t d = 0; d < k->value_dim; ++d)
    out[d] = 0;
  *log_sum = -INFINITY;
  if (largest == -INFINITY)
    return;
  sum = k->sinks ? exp(sinks[h] - largest) : 0;
  for (int64_t j = 0; j < length; ++j) {
    int64_t row = (b * CAPACITY + j) * k->kv_heads + kv;
    double weight = exp(scores[j] - largest);
    sum += weight;
    for (int64_t d = 0; d < k->value_dim && weight > 0; ++d)
      out[d] += weight * value[row * k->value_dim + d];
  }
  for (int64_t d = 0; d < k->value_dim; ++d)
    out[d] /= sum;
  *log_sum = largest + log(sum);
}

static int differs(double found, double expected) {
  if (isinf(expected) || isnan(found))
    return !(found == expected);
  return fabs(found - expected) > 1e-5 * (1 + fabs(expected));
}

static int check(const kernel *k, int64_t queries) {
  double expected[16], log_sum;
  for (int64_t b = 0; b < BATCH; ++b)
    for (int64_t i = 0; i < queries; ++i)
      for (int64_t h = 0; h < k->heads; ++h) {
        int64_t row = (b * queries + i) * k->heads + h;
        reference(k, queries, b, i, h, expected, &log_sum);
        int wrong = differs(lse[row], log_sum);
        for (int64_t d = 0; d < k->value_dim; ++d)
          wrong |= differs(output[row * k->value_dim + d], expected[d]);
        if (wrong) {
          printf("%s: length %d, query %d of %d, head %d: output %g for %g, "
                 "lse %g for %g\n",
                 k->name, lengths[b], (int)i, (int)queries, (int)h,
                 output[row * k->value_dim], expected[0], lse[row], log_sum);
          return 1;
        }
      }
  return 0;
}

/// Calls `program` on outputs full of NaN.
static void call(const kernel *k, int64_t queries, int with_lengths,
                 void (*program)(const toy_view *, int64_t, int),
                 int reversed) {
  toy_view views[8];
  int n = 0;
  memset(output, 0xff, sizeof(output));
  memset(lse, 0xff, sizeof(lse));
  views[n++] = view(query, BATCH, queries, k->heads, k->dim);
  if (k->latent) {
    views[n++] = rows_view(key, k->value_dim, k->dim);
    views[n++] = rows_view(key + k->value_dim, k->dim - k->value_dim, k->dim);
  } else {
    views[n++] = view(key, BATCH, CAPACITY, k->kv_heads, k->dim);
    views[n++] = view(value, BATCH, CAPACITY, k->kv_heads, k->value_dim);
  }
  views[n] = (toy_view){with_lengths ? lengths : NULL, {BATCH}, {1}};
  ++n;
  if (k->prefix) {
    views[n] = (toy_view){prefixes, {BATCH}, {1}};
    ++n;
  }
  if (k->documents) {
    views[n] = (toy_view){documents, {BATCH, CAPACITY}, {CAPACITY, 1}};
    ++n;
  }
  if (k->sinks) {
    views[n] = (toy_view){sinks, {k->heads}, {1}};
    ++n;
  }
  views[n++] = view(output, BATCH, queries, k->heads, k->value_dim);
  views[n++] = (toy_view){
      lse, {BATCH, queries, k->heads}, {queries * k->heads, k->heads, 1}};
  program(views, 0, reversed);
}

static int same_as_first(const kernel *k, const char *how) {
  if (!memcmp(output, first_output, sizeof(output)) &&
      !memcmp(lse, first_lse, sizeof(lse)))
    return 0;
  printf("%s: %s gives other bits\n", k->name, how);
  return 1;
}

/// Every schedule and order of tasks: right, and with equal bits.
static int run(const kernel *k, int64_t queries, int with_lengths) {
  fill(k, queries);
  call(k, queries, with_lengths, k->prefill, 0);
  int failed = check(k, queries);
  memcpy(first_output, output, sizeof(output));
  memcpy(first_lse, lse, sizeof(lse));
  call(k, queries, with_lengths, k->prefill, 1);
  failed |= same_as_first(k, "prefill in descending order");
  call(k, queries, with_lengths, k->decode, 0);
  failed |= same_as_first(k, "decode");
  call(k, queries, with_lengths, k->decode, 1);
  return failed | same_as_first(k, "decode in descending order");
}

int main(void) {
  static const int32_t ragged[][BATCH] = {
      {0, 1, 2}, {3, 4, 5}, {15, 16, 17}, {31, 64, 100}, {512, 513, 600}};
  static const int64_t counts[] = {1, 2, QUERIES};
  int failed = 0;
  for (size_t n = 0; n < sizeof(kernels) / sizeof(*kernels); ++n) {
    const kernel *k = &kernels[n];
    int wrong = 0;
    for (size_t q = 0; q < 3; ++q) {
      for (size_t l = 0; l < sizeof(ragged) / sizeof(*ragged); ++l) {
        memcpy(lengths, ragged[l], sizeof(lengths));
        wrong |= run(k, counts[q], 1);
      }
      for (int b = 0; b < BATCH; ++b)
        lengths[b] = CAPACITY;
      wrong |= run(k, counts[q], 0);
    }
    printf("%s %s\n", wrong ? "not ok" : "ok", k->name);
    failed |= wrong;
  }
  return failed;
}
