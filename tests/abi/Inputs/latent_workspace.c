/* Sizes of the workspace of a latent layer: whatever the number of queries, no
   context takes more than one of 32 splits. */
#include HEADER

#include <stdio.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

typedef uint64_t (*size_function)(const attn_maxima *maxima);

static int try_scope(const char *scope, size_function size_of) {
  static const int64_t queries[] = {1, 2, 100, 512, 5000};
  for (int i = 0; i < 5; ++i) {
    attn_maxima maxima = ATTN_MAXIMA_INIT;
    maxima.query_length = queries[i];
    maxima.kv_length = 1 << 15;
    uint64_t bytes = size_of(&maxima);
    maxima.kv_length = 1 << 30;
    uint64_t larger = size_of(&maxima);
    maxima.kv_length = 0;
    if (larger == bytes && size_of(&maxima) == bytes)
      continue;
    printf("FAIL: %s of %lld queries takes %llu bytes, then %llu\n", scope,
           (long long)queries[i], (unsigned long long)bytes,
           (unsigned long long)larger);
    return 1;
  }
  return 0;
}

int main(void) {
  if (try_scope("attend", JOIN(NAME, _attend_workspace)) ||
      try_scope("layer", JOIN(NAME, _layer_workspace)))
    return 1;
  puts("bounded");
  return 0;
}
