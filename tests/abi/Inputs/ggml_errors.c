/* What a thread of a graph other than the first finds out is told, and the
   first mistake stays. */
#define main runExample
#include "attention.c"
#undef main

int main(void) {
  struct ggml_context *graph = newContext((size_t)1 << 26);
  Test test = newTest(128);
  struct ggml_tensor *query =
      ggml_new_tensor_3d(graph, GGML_TYPE_F32, kSize, 1, kHeads);
  struct ggml_tensor *lengths = ggml_new_tensor_1d(graph, GGML_TYPE_I32, 1);
  Attention attention = {kThreads, ATTN_OK, ""};
  struct ggml_tensor *node =
      attend(graph, query, cacheView(graph, test.keys, test.capacity),
             cacheView(graph, test.values, test.capacity), lengths,
             newWorkspace(graph, &attention, 1, 1, test.capacity), &attention);
  for (int ith = 3; ith > 0; --ith) {
    ggml_set_i32(lengths, 128 + ith);
    secondPhase(node, ith, kThreads, &attention);
    printf("thread %d: %s\n", ith, attention.text);
  }
  ggml_free(test.tensors);
  ggml_free(graph);
  return attention.status != ATTN_BAD_LENGTH;
}
