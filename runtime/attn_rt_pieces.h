/* What of a call runs on its own: the sequences of ragged rows, or one dense
   call. */
#ifndef RUNTIME_ATTN_RT_PIECES_H
#define RUNTIME_ATTN_RT_PIECES_H

#include "runtime/attn_rt_impl.h"

/* Pieces [begin, end) of a call that run one program. Of ragged rows they are
   consecutive sequences, whose tokens the program's token phases take as one
   piece, and whose tensors between phases follow each other. */
typedef struct attn_rt_span {
  const attn_rt_program *program;
  int64_t begin, end;
} attn_rt_span;

/* A piece, or all tokens of a span, as generated code sees it. */
typedef struct attn_rt_piece {
  const attn_rt_program *program;
  attn_rt_frame frame;
  attn_rt_view views[ATTN_RT_MAX_TENSORS];
  char *buffers[ATTN_RT_MAX_BUFFERS];
  /* Where the rows end, counted from the first key that the call has of the
     sequence: the length that generated code sees. Keys end with the caches. */
  int32_t row_end;
} attn_rt_piece;

/* The first program that takes the piece's query rows; 0: none. */
const attn_rt_program *attn_rt_program_of(const attn_rt_call *call,
                                          uint32_t kinds, int64_t piece);

/* The longest span that begins with piece `begin`. */
attn_status attn_rt_find_span(const attn_rt_call *call, uint32_t kinds,
                              int64_t begin, const attn_context *context,
                              attn_rt_span *span);
/* Whether the span's tokens are one piece in `phase`. */
int attn_rt_joins_tokens(const attn_rt_span *span, int64_t phase);

/* Makes `piece` ready to be opened, any number of times. */
void attn_rt_begin_pieces(const attn_rt_call *call, attn_rt_piece *piece);

/* Piece `index` of the span, whose partial results are at `partials`, or all
   its tokens; the span's tensors between phases are at `buffers`. Both are 0
   while nothing runs. */
void attn_rt_open_piece(const attn_rt_call *call, const attn_rt_span *span,
                        int64_t index, char *partials, char *buffers,
                        attn_rt_piece *piece);
void attn_rt_open_tokens(const attn_rt_call *call, const attn_rt_span *span,
                         char *buffers, attn_rt_piece *piece);

/* Bytes of a piece's partial results, and of the span's tensors. */
uint64_t attn_rt_piece_bytes(const attn_rt_call *call, const attn_rt_span *span,
                             int64_t index);
uint64_t attn_rt_span_bytes(const attn_rt_call *call, const attn_rt_span *span);

#endif /* RUNTIME_ATTN_RT_PIECES_H */
