//===- toy.h - every tile step as scalar loops ------------------*- C -*-===//
//
// A target with no vectors, no registers and no cache: what the documentation
// of attn_tile says, loop by loop. Were a step to ask for more than its
// documentation gives, it could not be written here.
//
//===----------------------------------------------------------------------===//

#ifndef TESTS_TOY_TOY_H
#define TESTS_TOY_TOY_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/// A caller's tensor; `data` is NULL where it is absent. Strides in elements.
typedef struct {
  void *data;
  int64_t extent[4], stride[4];
} toy_view;

/// A value: never written again once its step is done.
typedef struct {
  int64_t rows, columns;
  float *data;
} toy_tile;

/// States of all points of a grid: maximum, denominator and sum of each row.
typedef struct {
  int64_t extent[4], rows, columns;
  float *data;
} toy_states;

/// Tiles live until their task ends.
enum { TOY_ARENA = 1 << 20 };
static float toy_arena[TOY_ARENA];
static int64_t toy_used;

static toy_tile toy_new(int64_t rows, int64_t columns) {
  toy_tile tile = {rows, columns, toy_arena + toy_used};
  toy_used += rows * columns;
  if (toy_used > TOY_ARENA)
    abort();
  return tile;
}

static int64_t toy_min(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t toy_max(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t toy_ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// table[row, column], indices beyond it at its edge.
static float toy_lookup(const toy_view *table, int64_t row, int64_t column) {
  row = toy_min(toy_max(row, 0), table->extent[0] - 1);
  column = toy_min(toy_max(column, 0), table->extent[1] - 1);
  return ((const float *)
              table->data)[row * table->stride[0] + column * table->stride[1]];
}

static float *toy_at(const toy_view *view, int64_t i, int64_t j, int64_t k) {
  return (float *)view->data + i * view->stride[0] + j * view->stride[1] +
         k * view->stride[2];
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

static int64_t toy_length(const toy_view *key, int64_t batch,
                          const toy_view *lengths) {
  if (!lengths || !lengths->data)
    return key->extent[1];
  return ((const int32_t *)lengths->data)[batch * lengths->stride[0]];
}

static int64_t toy_entry(const toy_view *view, int64_t batch) {
  return ((const int32_t *)view->data)[batch * view->stride[0]];
}

static int64_t toy_max_length(const toy_view *key, const toy_view *lengths) {
  int64_t longest = 0;
  for (int64_t b = 0; b < key->extent[0]; ++b)
    longest = toy_max(longest, toy_length(key, b, lengths));
  return longest;
}

/// begins and ends of the run of numbers that each query stands in
static void toy_documents(const toy_view *view, int64_t batch, int64_t position,
                          int64_t count, int64_t length, int64_t first_key,
                          toy_tile tiles[2]) {
  const int32_t *ids =
      (const int32_t *)view->data + batch * view->stride[0] + first_key;
  tiles[0] = toy_new(count, 1);
  tiles[1] = toy_new(count, 1);
  for (int64_t q = 0; q < count; ++q) {
    int64_t p = position + q, stands = p >= -first_key && p < length;
    int64_t begin = toy_min(toy_max(p, -first_key), length), end = begin;
    while (stands && begin > -first_key && ids[begin - 1] == ids[p])
      --begin;
    while (stands && end < length && ids[end] == ids[p])
      ++end;
    tiles[0].data[q] = (float)begin;
    tiles[1].data[q] = (float)end;
  }
}

static int64_t toy_split_size(int64_t length, int64_t at_least,
                              int64_t at_most) {
  int64_t size = at_least;
  while (size * at_most < length)
    size *= 2;
  return size;
}

/// Stands for a chunk or prefix that is not there.
#define TOY_NO_LIMIT INT64_C(2147483647)

/// What query `q` of a task sees, `position` being that of the first one; the
/// ends of documents may be NULL.
static int toy_sees(int64_t position, int64_t q, int64_t key, int64_t length,
                    int64_t left, int64_t right, int64_t chunk, int64_t prefix,
                    const toy_tile *begins, const toy_tile *ends) {
  int64_t p = position + q, standing = toy_max(p, 0);
  return p - left < key && key < p + right && key < length &&
         standing - standing % chunk <= key && (key <= p || key < prefix) &&
         (!begins || (begins->data[q] <= key && key < ends->data[q]));
}

/// Ranges of keys by looking at every block: slow, and plainly right.
static void toy_key_ranges(int64_t position, int64_t count, int64_t length,
                           int64_t left, int64_t right, int64_t chunk,
                           int64_t prefix, const toy_tile *begins,
                           const toy_tile *ends, int64_t block,
                           int64_t ranges[4]) {
  int64_t lo = -1, full_lo = -1, full_hi = -1, hi = 0;
  for (int64_t first = 0; first < length; first += block) {
    int64_t seen = 0;
    for (int64_t q = 0; q < count; ++q)
      for (int64_t j = first; j < first + block; ++j)
        if (toy_sees(position, q, j, length, left, right, chunk, prefix, begins,
                     ends)) {
          ++seen;
          hi = toy_max(hi, j + 1);
        }
    if (seen && lo < 0)
      lo = first;
    if (seen == count * block && full_lo < 0)
      full_lo = full_hi = first;
    if (seen == count * block && full_hi == first)
      full_hi = first + block;
  }
  lo = toy_max(lo, 0);
  ranges[0] = lo;
  ranges[1] = full_lo < 0 ? lo : full_lo;
  ranges[2] = full_lo < 0 ? lo : full_hi;
  ranges[3] = hi;
}

//===----------------------------------------------------------------------===//
// Loads and stores
//===----------------------------------------------------------------------===//

static toy_tile toy_load_queries(const toy_view *view, int64_t batch,
                                 int64_t first, int64_t kv_head, int64_t count,
                                 int64_t group) {
  toy_tile tile = toy_new(count * group, view->extent[3]);
  for (int64_t r = 0; r < tile.rows; ++r)
    for (int64_t c = 0; c < tile.columns; ++c)
      tile.data[r * tile.columns + c] = toy_at(view, batch, first + r / group,
                                               kv_head * group + r % group)[c];
  return tile;
}

/// Rows of several views side by side; a view of three dimensions has no heads.
static toy_tile toy_load_keys(const toy_view *const *views, int64_t count,
                              int64_t batch, int64_t first, int64_t kv_head,
                              int64_t length, int64_t rows, int64_t columns) {
  toy_tile tile = toy_new(rows, columns);
  for (int64_t r = 0; r < rows; ++r) {
    float *to = tile.data + r * columns;
    for (int64_t v = 0; v < count; ++v) {
      const toy_view *view = views[v];
      int has_heads = view->extent[3] != 0;
      int64_t width = view->extent[has_heads ? 3 : 2];
      for (int64_t c = 0; c < width; ++c)
        *to++ = first + r < length
                    ? toy_at(view, batch, first + r, has_heads ? kv_head : 0)[c]
                    : 0;
    }
  }
  return tile;
}

static void toy_store(toy_tile tile, const toy_view *view, int64_t batch,
                      int64_t first, int64_t kv_head, int64_t count,
                      int64_t group) {
  if (!view->data)
    return;
  for (int64_t r = 0; r < count * group; ++r)
    for (int64_t c = 0; c < tile.columns; ++c)
      toy_at(view, batch, first + r / group, kv_head * group + r % group)[c] =
          tile.data[r * tile.columns + c];
}

static float *toy_state(toy_states states, const int64_t *indices) {
  int64_t point = 0;
  for (int i = 0; i < 4; ++i)
    point = point * states.extent[i] + indices[i];
  return states.data + point * states.rows * (states.columns + 2);
}

static toy_states toy_workspace(const int64_t *extents, int64_t rows,
                                int64_t columns) {
  toy_states states = {
      {extents[0], extents[1], extents[2], extents[3]}, rows, columns, NULL};
  int64_t points = extents[0] * extents[1] * extents[2] * extents[3];
  states.data = malloc(points * rows * (columns + 2) * sizeof(float) + 1);
  return states;
}

static void toy_save_state(toy_tile maximum, toy_tile denominator, toy_tile sum,
                           toy_states states, const int64_t *indices) {
  float *state = toy_state(states, indices);
  for (int64_t r = 0; r < sum.rows; ++r) {
    *state++ = maximum.data[r];
    *state++ = denominator.data[r];
    for (int64_t c = 0; c < sum.columns; ++c)
      *state++ = sum.data[r * sum.columns + c];
  }
}

static void toy_load_state(toy_states states, const int64_t *indices,
                           int64_t rows, toy_tile tiles[3]) {
  const float *state = toy_state(states, indices);
  tiles[0] = toy_new(rows, 1);
  tiles[1] = toy_new(rows, 1);
  tiles[2] = toy_new(rows, states.columns);
  for (int64_t r = 0; r < rows; ++r) {
    tiles[0].data[r] = *state++;
    tiles[1].data[r] = *state++;
    for (int64_t c = 0; c < states.columns; ++c)
      tiles[2].data[r * states.columns + c] = *state++;
  }
}

//===----------------------------------------------------------------------===//
// Steps on values
//===----------------------------------------------------------------------===//

static void toy_start(int64_t rows, int64_t columns, toy_tile tiles[3]) {
  tiles[0] = toy_new(rows, 1);
  tiles[1] = toy_new(rows, 1);
  tiles[2] = toy_new(rows, columns);
  for (int64_t r = 0; r < rows; ++r)
    tiles[0].data[r] = -INFINITY, tiles[1].data[r] = 0;
  memset(tiles[2].data, 0, rows * columns * sizeof(float));
}

static toy_tile toy_contract(toy_tile query, toy_tile key, float scale) {
  toy_tile score = toy_new(query.rows, key.rows);
  for (int64_t r = 0; r < query.rows; ++r)
    for (int64_t j = 0; j < key.rows; ++j) {
      float sum = 0;
      for (int64_t d = 0; d < query.columns; ++d)
        sum = fmaf(query.data[r * query.columns + d],
                   key.data[j * key.columns + d], sum);
      score.data[r * key.rows + j] = scale * sum;
    }
  return score;
}

static toy_tile toy_mask(toy_tile score, int64_t position, int64_t key,
                         int64_t length, int64_t left, int64_t right,
                         int64_t chunk, int64_t prefix, const toy_tile *begins,
                         const toy_tile *ends, int64_t group) {
  toy_tile result = toy_new(score.rows, score.columns);
  for (int64_t r = 0; r < score.rows; ++r)
    for (int64_t c = 0; c < score.columns; ++c) {
      int64_t at = r * score.columns + c;
      result.data[at] = toy_sees(position, r / group, key + c, length, left,
                                 right, chunk, prefix, begins, ends)
                            ? score.data[at]
                            : -INFINITY;
    }
  return result;
}

/// weight, maximum, denominator, alpha
static void toy_softmax_step(toy_tile score, toy_tile maximum,
                             toy_tile denominator, toy_tile tiles[4]) {
  tiles[0] = toy_new(score.rows, score.columns);
  for (int i = 1; i < 4; ++i)
    tiles[i] = toy_new(score.rows, 1);
  for (int64_t r = 0; r < score.rows; ++r) {
    const float *scores = score.data + r * score.columns;
    float *weights = tiles[0].data + r * score.columns;
    float largest = maximum.data[r];
    for (int64_t c = 0; c < score.columns; ++c)
      if (!(scores[c] <= largest)) // a NaN stays
        largest = scores[c];
    float base = largest == -INFINITY ? 0 : largest;
    float alpha = exp2f(maximum.data[r] - base);
    float sum = 0;
    for (int64_t c = 0; c < score.columns; ++c)
      sum += weights[c] = exp2f(scores[c] - base);
    tiles[1].data[r] = largest;
    tiles[2].data[r] = fmaf(denominator.data[r], alpha, sum);
    tiles[3].data[r] = alpha;
  }
}

static toy_tile toy_accumulate(toy_tile sum, toy_tile alpha, toy_tile weight,
                               toy_tile value) {
  toy_tile result = toy_new(sum.rows, sum.columns);
  for (int64_t r = 0; r < sum.rows; ++r)
    for (int64_t d = 0; d < sum.columns; ++d) {
      float total = alpha.data[r] * sum.data[r * sum.columns + d];
      for (int64_t j = 0; j < value.rows; ++j)
        if (weight.data[r * weight.columns + j] != 0)
          total = fmaf(weight.data[r * weight.columns + j],
                       value.data[j * value.columns + d], total);
      result.data[r * sum.columns + d] = total;
    }
  return result;
}

/// maximum, denominator, sum of the states a and b together
static void toy_merge(toy_tile am, toy_tile al, toy_tile ao, toy_tile bm,
                      toy_tile bl, toy_tile bo, toy_tile tiles[3]) {
  tiles[0] = toy_new(ao.rows, 1);
  tiles[1] = toy_new(ao.rows, 1);
  tiles[2] = toy_new(ao.rows, ao.columns);
  for (int64_t r = 0; r < ao.rows; ++r) {
    float largest = am.data[r] > bm.data[r] ? am.data[r] : bm.data[r];
    float base = largest == -INFINITY ? 0 : largest;
    float a = exp2f(am.data[r] - base), b = exp2f(bm.data[r] - base);
    tiles[0].data[r] = largest;
    tiles[1].data[r] = al.data[r] * a + bl.data[r] * b;
    for (int64_t c = 0; c < ao.columns; ++c) {
      int64_t at = r * ao.columns + c;
      tiles[2].data[at] = ao.data[at] * a + bo.data[at] * b;
    }
  }
}

/// output, lse
static void toy_finish(toy_tile maximum, toy_tile denominator, toy_tile sum,
                       int64_t kv_head, const toy_view *sinks, int64_t group,
                       toy_tile tiles[2]) {
  tiles[0] = toy_new(sum.rows, sum.columns);
  tiles[1] = toy_new(sum.rows, 1);
  for (int64_t r = 0; r < sum.rows; ++r) {
    float m = maximum.data[r], l = denominator.data[r], rescale = 1;
    if (sinks && sinks->data) {
      float logit =
          (float)M_LOG2E *
          ((const float *)
               sinks->data)[(kv_head * group + r % group) * sinks->stride[0]];
      float largest = logit <= m ? m : logit;
      rescale = exp2f(m - largest);
      l = l * rescale + exp2f(logit - largest);
      m = largest;
    }
    for (int64_t c = 0; c < sum.columns; ++c)
      tiles[0].data[r * sum.columns + c] =
          l == 0 ? 0 : sum.data[r * sum.columns + c] * rescale / l;
    tiles[1].data[r] = l == 0 ? -INFINITY : (float)M_LN2 * m + logf(l);
  }
}

#endif // TESTS_TOY_TOY_H
