/* The pieces of a call: which program each runs, and what it sees of tensors
   and memory. */
#include "runtime/attn_rt_pieces.h"

/*===----------------------------------------------------------------------===
  Programs
  ===----------------------------------------------------------------------===*/

static int64_t rows_of(const attn_rt_call *call, int64_t piece) {
  return attn_rt_is_cut(call) ? attn_rt_rows(call, piece)
                              : call->symbol[ATTN_RT_QUERY_LENGTH];
}

const attn_rt_program *attn_rt_program_of(const attn_rt_call *call,
                                          uint32_t kinds, int64_t piece) {
  int64_t rows = rows_of(call, piece);
  for (int64_t i = 0; i < call->target->program_count; ++i) {
    const attn_rt_program *program = &call->target->programs[i];
    if ((program->kind & kinds) && rows <= program->max_queries)
      return program;
  }
  return 0;
}

static attn_status no_program(const attn_rt_call *call, uint32_t kinds,
                              int64_t rows, const attn_context *context) {
  int64_t most = -1;
  for (int64_t i = 0; i < call->target->program_count; ++i)
    if (call->target->programs[i].kind & kinds)
      most = call->target->programs[i].max_queries;
  if (most < 0)
    return attn_rt_fail(context, ATTN_UNSUPPORTED,
                        "%s: was compiled without this phase",
                        call->kernel->symbol);
  return attn_rt_fail(context, ATTN_UNSUPPORTED,
                      "%s: a sequence has %d query rows, this phase takes at "
                      "most %d",
                      call->kernel->symbol, rows, most);
}

attn_status attn_rt_find_span(const attn_rt_call *call, uint32_t kinds,
                              int64_t begin, const attn_context *context,
                              attn_rt_span *span) {
  int64_t pieces = attn_rt_pieces(call);
  span->program = attn_rt_program_of(call, kinds, begin);
  span->begin = begin;
  span->end = begin + 1;
  if (!span->program)
    return no_program(call, kinds, rows_of(call, begin), context);
  if (!call->batch.q_indptr || !span->program->token_phases)
    return ATTN_OK;
  while (span->end < pieces &&
         attn_rt_program_of(call, kinds, span->end) == span->program)
    ++span->end;
  return ATTN_OK;
}

int attn_rt_joins_tokens(const attn_rt_span *span, int64_t phase) {
  return span->end - span->begin > 1 &&
         (span->program->token_phases >> phase & 1);
}

/*===----------------------------------------------------------------------===
  Views and memory
  ===----------------------------------------------------------------------===*/

static attn_rt_extents extents_of(const attn_rt_call *call, int64_t piece) {
  attn_rt_extents extents = {call->symbol[ATTN_RT_BATCH],
                             call->symbol[ATTN_RT_QUERY_LENGTH], call->longest,
                             call->symbol[ATTN_RT_KV_CAPACITY]};
  if (attn_rt_is_cut(call)) {
    extents.batch = 1;
    extents.rows = attn_rt_rows(call, piece);
    extents.keys = attn_rt_length(call, piece);
  }
  return extents;
}

/* Of all pieces of the span. */
static attn_rt_extents extents_of_span(const attn_rt_call *call,
                                       const attn_rt_span *span) {
  attn_rt_extents extents = extents_of(call, span->begin);
  if (call->batch.q_indptr)
    extents.rows =
        call->batch.q_indptr[span->end] - call->batch.q_indptr[span->begin];
  return extents;
}

uint64_t attn_rt_piece_bytes(const attn_rt_call *call, const attn_rt_span *span,
                             int64_t index) {
  return attn_rt_state_bytes(call->kernel, span->program,
                             extents_of(call, index));
}

uint64_t attn_rt_span_bytes(const attn_rt_call *call,
                            const attn_rt_span *span) {
  return attn_rt_buffer_bytes(span->program, extents_of_span(call, span));
}

static void place_buffers(const attn_rt_call *call, const attn_rt_span *span,
                          char *memory, attn_rt_piece *piece) {
  attn_rt_extents extents = extents_of_span(call, span);
  if (!memory)
    return;
  for (int64_t i = 0; i < span->program->buffer_count; ++i) {
    piece->buffers[i] = memory;
    memory += attn_rt_room(&span->program->buffers[i], extents);
  }
}

void attn_rt_begin_pieces(const attn_rt_call *call, attn_rt_piece *piece) {
  piece->frame.views = call->views;
  piece->frame.constants = call->constants;
  piece->frame.buffers = piece->buffers;
  if (!attn_rt_is_cut(call))
    return;
  attn_rt_copy(piece->views, call->views,
               (uint64_t)call->kernel->tensor_count * sizeof(attn_rt_view));
  piece->frame.views = piece->views;
}

/* Rows stand where the whole sequence ends, and its first key before the
   call's. */
static void place_rows(const attn_rt_call *call, int64_t index,
                       attn_rt_piece *piece) {
  piece->frame.first_key = call->batch.part_begins[index];
  piece->row_end = call->batch.whole[index] - call->batch.part_begins[index];
  for (int64_t i = 0; i < call->kernel->tensor_count; ++i)
    if (call->kernel->tensors[i].role & ATTN_RT_KV_LENGTHS) {
      piece->views[i].data = &piece->row_end;
      piece->views[i].extent[0] = 1;
    }
}

void attn_rt_open_piece(const attn_rt_call *call, const attn_rt_span *span,
                        int64_t index, char *partials, char *buffers,
                        attn_rt_piece *piece) {
  const int32_t *offsets = call->batch.q_indptr;
  piece->program = span->program;
  if (attn_rt_is_cut(call))
    attn_rt_cut_views(call, index, index + 1, piece->views);
  piece->frame.first_key = 0;
  if (call->batch.part_begins)
    place_rows(call, index, piece);
  piece->frame.longest =
      attn_rt_takes_ragged(call->kernel) ? extents_of(call, index).keys : -1;
  piece->frame.partials = partials;
  piece->frame.first_token =
      offsets ? offsets[index] - offsets[span->begin] : 0;
  place_buffers(call, span, buffers, piece);
}

void attn_rt_open_tokens(const attn_rt_call *call, const attn_rt_span *span,
                         char *buffers, attn_rt_piece *piece) {
  piece->program = span->program;
  attn_rt_cut_views(call, span->begin, span->end, piece->views);
  piece->frame.longest = piece->frame.first_key = 0;
  piece->frame.partials = 0;
  piece->frame.first_token = 0;
  place_buffers(call, span, buffers, piece);
}
