//===- AttnFusedOps.td - one op, one meaning ---------------*- tablegen -*-===//
//
// Fused level: masked softmax, then the whole of attention as one operation
// (Milakov and Gimelshein 2018; Dao et al. 2022).
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNFUSEDOPS_TD
#define DIALECTS_ATTN_ATTNFUSEDOPS_TD

include "dialects/attn/AttnGraphOps.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

def Attn_MaskedSoftmaxOp : Attn_Op<"masked_softmax", [
    Pure, AttrSizedOperandSegments, Attn_NamedResults]> {
  let summary = "scale, softcap, mask and softmax in one step";
  let description = [{
    `softmax(mask(cap * tanh(scale * score / cap) + tensor_mask))`; without
    `softcap` `softmax(mask(scale * score + tensor_mask))`. The order is fixed:
    scale, softcap, bias, mask, sink. A boolean `tensor_mask` adds nothing where
    it is true and makes the score -inf where it is false. Edge cases are those
    of `attn.mask` and `attn.softmax`.

    Constraints:
      C1: lengths has one entry per batch row.
      C2: sinks has one entry per head.
      C3: lse is [batch, queries, heads].
      C4: scale is finite; softcap is positive and finite.
      C5: probability has the sizes of score.
      C6: tensor_mask is [batch, heads, queries, keys], each but keys or 1.
      C7: prefix and documents are as in `attn.mask`.

    Example:

    ```mlir
    func.func @masked_softmax(%score: tensor<?x8x?x?xf32>,
                              %lengths: tensor<?xi32>) -> tensor<?x8x?x?xf32> {
      %probability, %lse = attn.masked_softmax %score
          lengths(%lengths : tensor<?xi32>)
          {scale = 0.125, softcap = 50.0, mask = #attn.causal}
          : tensor<?x8x?x?xf32> -> tensor<?x8x?x?xf32>, tensor<?x?x8xf32>
      return %probability : tensor<?x8x?x?xf32>
    }
    ```
  }];
  let arguments = (ins Attn_ScoreTensor:$score,
                       Optional<Attn_LengthsTensor>:$lengths,
                       Optional<Attn_LengthsTensor>:$prefix,
                       Optional<Attn_DocumentsTensor>:$documents,
                       Optional<Attn_SinksTensor>:$sinks,
                       Optional<Attn_TensorMask>:$tensor_mask,
                       F64Attr:$scale, OptionalAttr<F64Attr>:$softcap,
                       Attn_MaskAttrInterface:$mask);
  let results = (outs Attn_ScoreTensor:$probability, Attn_LseTensor:$lse);
  let assemblyFormat = [{
    $score (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    (`prefix` `(` $prefix^ `:` type($prefix) `)`)?
    (`documents` `(` $documents^ `:` type($documents) `)`)?
    (`sinks` `(` $sinks^ `:` type($sinks) `)`)?
    (`tensor_mask` `(` $tensor_mask^ `:` type($tensor_mask) `)`)?
    custom<Fields>(attr-dict, "getOperationName()")
    `:` type($score) `->` type($probability) `,` type($lse)
  }];
  let hasVerifier = 1;
}

def Attn_FlashOp : Attn_Op<"flash", [
    Pure, AttrSizedOperandSegments, IsolatedFromAbove, SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, [
      "getAsmResultNames", "getAsmBlockArgumentNames"]>]> {
  let summary = "attention with grouped heads and an online softmax";
  let description = [{
    `output = softmax(mask(score_mod(scale * query . key) + tensor_mask)) .
    value` and the logarithm of the denominator. Without a `score_mod` region the scores pass
    as they are; with one, it maps each score, given its row (query index),
    column (key index) and head, and where it asks for it the row's position
    `p = row + length - n`. `attn.lookup` reads `table` there. A boolean
    `tensor_mask` makes scores -inf where it is false, one of floats, of 16 bits
    too, where it is -inf, whatever the score is. The sink joins the denominator once.

    A row that sees no key has output 0 and lse -inf, or lse = sink.

    Query, key, value and sinks are f32, f16 or bf16, each its own; scores, softmax
    and sums are f32, and the output is rounded once to its type.

    Constraints:
      C1: batch and head size of query and key agree, batch and keys of key
          and value.
      C2: key and value have equal heads, which divide the query's heads.
      C3: output is [batch, queries, heads, value size], lse
          [batch, queries, heads].
      C4: lengths has one entry per batch row, sinks one per head.
      C5: scale is finite.
      C6: score_mod takes (f32, index, index, index), or one index more for the
          position, and yields one f32.
      C7: tensor_mask is [batch, heads, queries, keys], each but keys or 1.
      C8: score_mod uses its arguments and constants of its own alone.
      C9: prefix and documents are as in `attn.mask`.
      C10: table has static sizes of at least 1.

    Example:

    ```mlir
    func.func @flash(%query: tensor<?x?x8x64xf32>, %key: tensor<?x?x2x64xf32>,
                     %value: tensor<?x?x2x64xf32>) -> tensor<?x?x8x64xf32> {
      %output, %lse = attn.flash %query, %key, %value
          {scale = 0.125, mask = #attn.causal}
          : tensor<?x?x8x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>
          -> tensor<?x?x8x64xf32>, tensor<?x?x8xf32>
          score_mod (%score: f32, %row: index, %column: index, %head: index) {
        %two = arith.constant 2.0 : f32
        %doubled = arith.mulf %score, %two : f32
        attn.yield %doubled : f32
      }
      return %output : tensor<?x?x8x64xf32>
    }
    ```
  }];
  let arguments = (ins Attn_StoredHeadsTensor:$query,
                       Attn_StoredHeadsTensor:$key,
                       Attn_StoredHeadsTensor:$value,
                       Optional<Attn_LengthsTensor>:$lengths,
                       Optional<Attn_LengthsTensor>:$prefix,
                       Optional<Attn_DocumentsTensor>:$documents,
                       Optional<Attn_SinksTensor>:$sinks,
                       Optional<Attn_TensorMask>:$tensor_mask,
                       Optional<Attn_TableTensor>:$table,
                       F64Attr:$scale, Attn_MaskAttrInterface:$mask);
  let results = (outs Attn_StoredHeadsTensor:$output, Attn_LseTensor:$lse);
  let regions = (region MaxSizedRegion<1>:$score_mod);
  let assemblyFormat = [{
    $query `,` $key `,` $value
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    (`prefix` `(` $prefix^ `:` type($prefix) `)`)?
    (`documents` `(` $documents^ `:` type($documents) `)`)?
    (`sinks` `(` $sinks^ `:` type($sinks) `)`)?
    (`tensor_mask` `(` $tensor_mask^ `:` type($tensor_mask) `)`)?
    (`table` `(` $table^ `:` type($table) `)`)?
    custom<Fields>(attr-dict, "getOperationName()")
    `:` type($query) `,` type($key) `,` type($value)
    `->` type($output) `,` type($lse)
    `` custom<ScoreMod>($score_mod)
  }];
  let hasVerifier = 1;
}

def Attn_YieldOp : Attn_Op<"yield", [
    Pure, Terminator, ReturnLike, HasParent<"::attn::FlashOp">]> {
  let summary = "modified score of a score_mod region";
  let arguments = (ins F32:$score);
  let assemblyFormat = "$score attr-dict `:` type($score)";
}

def Attn_LookupOp : Attn_Op<"lookup", [
    Pure, HasParent<"::attn::FlashOp">]> {
  let summary = "element of the table beside a score_mod region";
  let description = [{
    `element = table[row, column]` of the `attn.flash` around it; an index
    beyond the table counts as its last one, a negative one as 0.

    Constraints:
      C1: the `attn.flash` has a table.

    Example:

    ```mlir
    func.func @lookup(%query: tensor<?x?x8x64xf32>, %key: tensor<?x?x8x64xf32>,
                      %value: tensor<?x?x8x64xf32>, %table: tensor<32x8xf32>)
        -> tensor<?x?x8x64xf32> {
      %output, %lse = attn.flash %query, %key, %value
          table(%table : tensor<32x8xf32>)
          {scale = 1.0, mask = #attn.bidirectional}
          : tensor<?x?x8x64xf32>, tensor<?x?x8x64xf32>, tensor<?x?x8x64xf32>
          -> tensor<?x?x8x64xf32>, tensor<?x?x8xf32>
          score_mod (%score: f32, %row: index, %column: index, %head: index) {
        %bias = attn.lookup[%column, %head]
        %biased = arith.addf %score, %bias : f32
        attn.yield %biased : f32
      }
      return %output : tensor<?x?x8x64xf32>
    }
    ```
  }];
  let arguments = (ins Index:$row, Index:$column);
  let results = (outs F32:$element);
  let assemblyFormat = "`[` $row `,` $column `]` attr-dict";
  let hasVerifier = 1;
}

#endif // DIALECTS_ATTN_ATTNFUSEDOPS_TD
