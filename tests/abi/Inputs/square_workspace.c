/* The workspace of a function whose tensors between phases are squares of its
   rows: a number of tokens is no promise that they are of several sequences. */
#include "square.h"

#include <stdio.h>
#include <stdlib.h>

static DLTensor tensor_of(uint8_t code, uint8_t bits, int32_t rank,
                          int64_t *shape) {
  DLTensor tensor = {NULL, {kDLCPU, 0}, rank, {code, bits, 1}, shape, NULL, 0};
  int64_t elements = 1;
  for (int32_t d = 0; d < rank; ++d)
    elements *= shape[d];
  tensor.data = calloc((size_t)elements + 1, bits / 8);
  return tensor;
}

/* A call of so many rows in the workspace of maxima that say `tokens`. */
static int try_call(int64_t batch, int64_t rows, int64_t tokens) {
  int64_t of_x[] = {batch, rows, 8}, of_added[] = {batch, 1, rows, rows};
  int64_t of_y[] = {batch, rows, 2, 4};
  DLTensor x = tensor_of(kDLFloat, 32, 3, of_x);
  DLTensor padding = tensor_of(kDLBool, 8, 2, of_x);
  DLTensor added = tensor_of(kDLFloat, 32, 4, of_added);
  DLTensor y = tensor_of(kDLFloat, 32, 4, of_y);
  square_padded_args args = square_padded_ARGS_INIT;
  attn_context context = ATTN_CONTEXT_INIT;
  attn_maxima maxima = ATTN_MAXIMA_INIT;
  char text[256] = "";
  attn_status status;
  args.x = &x;
  args.padding = &padding;
  args.added = &added;
  args.y = &y;
  maxima.batch = batch;
  maxima.query_length = rows;
  maxima.tokens = tokens;
  context.workspace_bytes = square_padded_workspace(&maxima);
  context.workspace = aligned_alloc(64, context.workspace_bytes);
  context.text = text;
  context.text_bytes = sizeof(text);
  status = square_padded(&args, &context);
  if (status)
    printf("FAIL: %s\n", text);
  free(context.workspace);
  free(x.data);
  free(padding.data);
  free(added.data);
  free(y.data);
  return status != ATTN_OK;
}

int main(void) {
  static const int64_t some[] = {1, 2, 70, 500};
  for (int64_t batch = 1; batch < 4; ++batch)
    for (int i = 0; i < 4; ++i)
      if (try_call(batch, some[i], 0) ||
          try_call(batch, some[i], batch * some[i]))
        return 1;
  puts("tokens are enough");
  return 0;
}
