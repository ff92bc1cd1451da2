//===- AttnGraphOps.td - the textbook graph ----------------*- tablegen -*-===//
//
// Graph level: attention as a person writes it in a framework, op by op.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNGRAPHOPS_TD
#define DIALECTS_ATTN_ATTNGRAPHOPS_TD

include "dialects/attn/AttnMaskOps.td"
include "dialects/attn/AttnShapeOps.td"

def Attn_RepeatKvOp : Attn_Op<"repeat_kv", [
    Pure, AllElementTypesMatch<["input", "result"]>, Attn_NamedResults]> {
  let summary = "key or value heads, each repeated in place";
  let description = [{
    `result[b, s, h, d] = input[b, s, h / times, d]`: each head `times` times
    in a row (repeat_interleave, not tile).

    Constraints:
      C1: times is positive.
      C2: the result has times as many heads; the other sizes agree.

    Example:

    ```mlir
    func.func @repeat(%key: tensor<?x?x8x128xf32>) -> tensor<?x?x32x128xf32> {
      %key_repeated = attn.repeat_kv %key {times = 4}
          : tensor<?x?x8x128xf32> -> tensor<?x?x32x128xf32>
      return %key_repeated : tensor<?x?x32x128xf32>
    }
    ```
  }];
  let arguments = (ins Attn_StoredHeadsTensor:$input, I64Attr:$times);
  let results = (outs Attn_StoredHeadsTensor:$result);
  let assemblyFormat = [{
    $input custom<Fields>(attr-dict, "getOperationName()")
    `:` type($input) `->` type($result)
  }];
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Attn_ScoreOp : Attn_Op<"score", [Pure, Attn_NamedResults]> {
  let summary = "unscaled scores of queries against keys";
  let description = [{
    `score[b, h, i, j] = sum_d query[b, i, h, d] * key[b, j, h / group, d]`
    with `group = heads / kv_heads`, in f32 whatever the two are stored in.

    Constraints:
      C1: batch and head size of query and key agree.
      C2: the key's heads divide the query's heads.
      C3: the result is [batch, query heads, queries, keys].

    Example:

    ```mlir
    func.func @score(%query: tensor<?x?x32x128xf32>, %key: tensor<?x?x8x128xf32>)
        -> tensor<?x32x?x?xf32> {
      %score = attn.score %query, %key
          : tensor<?x?x32x128xf32>, tensor<?x?x8x128xf32>
          -> tensor<?x32x?x?xf32>
      return %score : tensor<?x32x?x?xf32>
    }
    ```
  }];
  let arguments = (ins Attn_StoredHeadsTensor:$query,
                       Attn_StoredHeadsTensor:$key);
  let results = (outs Attn_ScoreTensor:$score);
  let assemblyFormat = [{
    $query `,` $key attr-dict `:` type($query) `,` type($key) `->` type($score)
  }];
  let hasVerifier = 1;
}

def Attn_SoftcapOp : Attn_Op<"softcap", [
    Pure, AllTypesMatch<["score", "result"]>, Attn_NamedResults]> {
  let summary = "scores bounded by a scaled tanh";
  let description = [{
    `result = cap * tanh(score / cap)`, elementwise.

    Constraints:
      C1: cap is positive and finite.

    Example:

    ```mlir
    func.func @softcap(%score: tensor<?x8x?x?xf32>) -> tensor<?x8x?x?xf32> {
      %capped = attn.softcap %score {cap = 50.0} : tensor<?x8x?x?xf32>
      return %capped : tensor<?x8x?x?xf32>
    }
    ```
  }];
  let arguments = (ins Attn_ScoresTensor:$score, F64Attr:$cap);
  let results = (outs Attn_ScoresTensor:$result);
  let assemblyFormat = [{
    $score custom<Fields>(attr-dict, "getOperationName()") `:` type($score)
  }];
  let hasVerifier = 1;
}

def Attn_MaskOp : Attn_Op<"mask", [
    Pure, AttrSizedOperandSegments, AllTypesMatch<["score", "result"]>,
    Attn_NamedResults]> {
  let summary = "scores with invisible keys at minus infinity";
  let description = [{
    `result[b, h, i, j] = score[b, h, i, j]` where `mask` lets row `i` see key
    `j` and `j < length(b)`, else -inf. `length(b)` is `lengths[b]`, or the
    number of keys without `lengths`; the row's position is `i + length - n`,
    or `i` for a top-left mask. `prefix` and `documents` are what `#attn.prefix`
    and `#attn.document` look at.

    Constraints:
      C1: lengths has one entry per batch row.
      C2: prefix has one entry per batch row, documents are [batch, keys]; each
          is given if and only if the mask looks at it.

    Example:

    ```mlir
    func.func @mask(%score: tensor<?x8x?x?xf32>, %lengths: tensor<?xi32>)
        -> tensor<?x8x?x?xf32> {
      %masked = attn.mask %score lengths(%lengths : tensor<?xi32>)
          {mask = #attn.window<left = 4096, right = 1>} : tensor<?x8x?x?xf32>
      return %masked : tensor<?x8x?x?xf32>
    }
    ```
  }];
  let arguments = (ins Attn_ScoreTensor:$score,
                       Optional<Attn_LengthsTensor>:$lengths,
                       Optional<Attn_LengthsTensor>:$prefix,
                       Optional<Attn_DocumentsTensor>:$documents,
                       Attn_MaskAttrInterface:$mask);
  let results = (outs Attn_ScoreTensor:$result);
  let assemblyFormat = [{
    $score (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    (`prefix` `(` $prefix^ `:` type($prefix) `)`)?
    (`documents` `(` $documents^ `:` type($documents) `)`)?
    custom<Fields>(attr-dict, "getOperationName()") `:` type($score)
  }];
  let hasVerifier = 1;
}

def Attn_SoftmaxOp : Attn_Op<"softmax", [Pure, Attn_NamedResults]> {
  let summary = "probabilities of each row, and the log of their denominator";
  let description = [{
    `m = max(score, sink)`, `denominator = sum_j exp(score_j - m) +
    exp(sink - m)`, `probability = exp(score - m) / denominator`,
    `lse = m + ln(denominator)`, along the last dimension, or along `dim`.

    A row whose scores are all -inf has probability 0, and lse -inf without a
    sink, the sink with one (never NaN).

    Constraints:
      C1: with sinks or lse, score is [batch, heads, queries, keys] and dim is
          absent; sinks has one entry per head.
      C2: lse is [batch, queries, heads].
      C3: probability has the sizes of score.
      C4: score has a dimension, and the dimension dim.

    Example:

    ```mlir
    func.func @softmax(%score: tensor<?x8x?x?xf32>, %sinks: tensor<8xf32>)
        -> (tensor<?x8x?x?xf32>, tensor<?x?x8xf32>) {
      %probability, %lse = attn.softmax %score sinks(%sinks : tensor<8xf32>)
          : tensor<?x8x?x?xf32> -> tensor<?x8x?x?xf32>, tensor<?x?x8xf32>
      %weights = attn.softmax %probability dim(2)
          : tensor<?x8x?x?xf32> -> tensor<?x8x?x?xf32>
      return %weights, %lse : tensor<?x8x?x?xf32>, tensor<?x?x8xf32>
    }
    ```
  }];
  let arguments = (ins Attn_ScoresTensor:$score,
                       Optional<Attn_SinksTensor>:$sinks,
                       OptionalAttr<I64Attr>:$dim);
  let results = (outs Attn_ScoresTensor:$probability,
                      Optional<Attn_LseTensor>:$lse);
  let assemblyFormat = [{
    $score (`sinks` `(` $sinks^ `:` type($sinks) `)`)? (`dim` `(` $dim^ `)`)?
    attr-dict `:` type($score) `->` type($probability) (`,` type($lse)^)?
  }];
  let extraClassDeclaration = [{
    /// The dimension that the probabilities sum to 1 along.
    int64_t getSoftmaxDim();
  }];
  let hasVerifier = 1;
}

def Attn_WeightedSumOp : Attn_Op<"weighted_sum", [
    Pure, Attn_NamedResults]> {
  let summary = "values weighted by probabilities";
  let description = [{
    `output[b, i, h, d] = sum_j probability[b, h, i, j] *
    value[b, j, h / group, d]`. A probability that a mask made 0
    contributes 0, whatever the value holds; one that underflowed to 0 may turn
    an infinite or NaN value into NaN. The sum, in f32, is rounded once to what
    the output is stored in.

    Constraints:
      C1: batch and keys of probability and value agree.
      C2: the value's heads divide the probability's heads.
      C3: the result is [batch, queries, heads, value size].

    Example:

    ```mlir
    func.func @weighted_sum(%probability: tensor<?x32x?x?xf32>,
                            %value: tensor<?x?x8x128xf32>)
        -> tensor<?x?x32x128xf32> {
      %output = attn.weighted_sum %probability, %value
          : tensor<?x32x?x?xf32>, tensor<?x?x8x128xf32>
          -> tensor<?x?x32x128xf32>
      return %output : tensor<?x?x32x128xf32>
    }
    ```
  }];
  let arguments = (ins Attn_ScoreTensor:$probability,
                       Attn_StoredHeadsTensor:$value);
  let results = (outs Attn_StoredHeadsTensor:$output);
  let assemblyFormat = [{
    $probability `,` $value attr-dict `:` type($probability) `,` type($value)
    `->` type($output)
  }];
  let hasVerifier = 1;
}

def Attn_RopeOp : Attn_Op<"rope", [
    Pure, AllTypesMatch<["input", "result"]>, Attn_NamedResults]> {
  let summary = "queries or keys rotated by their positions";
  let description = [{
    Rotates each pair of dims `(x, y)` of a head by `angle = position *
    frequency` (Su et al. 2021): `(x cos - y sin, x sin + y cos)`. `rope` says
    which dims pair and their frequencies; dims beyond the rotated ones pass.
    Without `positions` token `i` stands at `i`. The angle is rounded to f32
    (semantics, item 11).

    Constraints:
      C1: the input is [batch, sequence, heads, head size], or [batch, heads,
          sequence, head size] with `heads_first`.
      C2: positions are [batch, sequence], or [1, sequence].
      C3: rope fits the head size: no more dims rotate, in pairs, and its
          scaling is for that many.

    Example:

    ```mlir
    func.func @rope(%query: tensor<?x?x8x64xf32>, %positions: tensor<?x?xi32>)
        -> tensor<?x?x8x64xf32> {
      %rotated = attn.rope %query positions(%positions : tensor<?x?xi32>)
          {position = #attn.rope<theta = 1.0e4>} : tensor<?x?x8x64xf32>
      return %rotated : tensor<?x?x8x64xf32>
    }
    ```
  }];
  let arguments = (ins Attn_StoredHeadsTensor:$input,
                       Optional<Attn_PositionsTensor>:$positions,
                       Attn_RopeAttr:$position, UnitAttr:$heads_first);
  let results = (outs Attn_StoredHeadsTensor:$result);
  let assemblyFormat = [{
    $input (`positions` `(` $positions^ `:` type($positions) `)`)?
    custom<Fields>(attr-dict, "getOperationName()") `:` type($input)
  }];
  let hasVerifier = 1;
}

def Attn_CacheAppendOp : Attn_Op<"cache_append", [
    Pure, AllTypesMatch<["cache", "result"]>, Attn_NamedResults]> {
  let summary = "cache with new rows at the end of each sequence";
  let description = [{
    `result[b, j] = fresh[b, j - (lengths[b] - n)]` for the `n` positions that
    end at `lengths[b]`, else `cache[b, j]`: `lengths` counts the valid rows
    after the append. `cache` is the destination: the result takes its place,
    and no other byte changes. What is fresh is rounded to what the cache is
    stored in.

    Constraints:
      C1: cache and fresh are [batch, sequence, ...] and agree but in their
          sequences.
      C2: lengths has one entry per batch row.

    Example:

    ```mlir
    func.func @cache_append(%cache: tensor<?x?x8x64xf32>,
                            %key: tensor<?x?x8x64xf32>, %lengths: tensor<?xi32>)
        -> tensor<?x?x8x64xf32> {
      %keys = attn.cache_append %cache, %key lengths(%lengths : tensor<?xi32>)
          : tensor<?x?x8x64xf32>, tensor<?x?x8x64xf32>
      return %keys : tensor<?x?x8x64xf32>
    }
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$cache, Attn_FloatTensor:$fresh,
                       Attn_LengthsTensor:$lengths);
  let results = (outs Attn_FloatTensor:$result);
  let assemblyFormat = [{
    $cache `,` $fresh `lengths` `(` $lengths `:` type($lengths) `)` attr-dict
    `:` type($cache) `,` type($fresh)
  }];
  let hasVerifier = 1;
}

#endif // DIALECTS_ATTN_ATTNGRAPHOPS_TD
