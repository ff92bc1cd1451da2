//===- AttnTileStepOps.td - steps on scores and states -----*- tablegen -*-===//
//
// The online softmax over key blocks (Milakov and Gimelshein 2018; Dao et al.
// 2022; split keys: Dao et al. 2023), as steps on values.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_TILE_ATTNTILESTEPOPS_TD
#define DIALECTS_ATTN_TILE_ATTNTILESTEPOPS_TD

include "dialects/attn_tile/AttnTileTypes.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/OpAsmInterface.td"

//===----------------------------------------------------------------------===//
// Steps on values
//===----------------------------------------------------------------------===//

def AttnTile_StartOp : AttnTile_Op<"start", [Pure]> {
  let summary = "state of a softmax that has seen no key";
  let description = [{
    Maximum -inf, denominator 0, weighted sum 0, in each of `rows` rows.

    Constraints:
      C1: maximum, denominator and sum have the same rows.

    Example:

    ```mlir
    func.func @start(%rows: index) {
      %maximum, %denominator, %sum = attn_tile.start rows %rows
          : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins Index:$rows);
  let results = (outs AttnTile_Rows:$maximum,
                      AttnTile_Rows:$denominator, AttnTile_Matrix:$sum);
  let assemblyFormat = [{
    `rows` $rows attr-dict
    `:` type($maximum) `,` type($denominator) `,` type($sum)
  }];
  let hasVerifier = 1;
}

def AttnTile_ContractOp : AttnTile_Op<"contract", [Pure]> {
  let summary = "scaled scores of a query tile against a key block";
  let description = [{
    `score[r, j] = scale * sum_d query[r, d] * key[j, d]`, `d` ascending from
    an accumulator of 0, fused multiply-adds in f32; scaled once, at the end.

    Constraints:
      C1: query and key have the same columns.
      C2: score has the query's rows and one column per key.

    Example:

    ```mlir
    func.func @contract(%query: !attn_tile.tile<?x64xf32>,
                        %key: !attn_tile.tile<128x64xf32>, %scale: f32) {
      %score = attn_tile.contract %query, %key scale %scale
          : !attn_tile.tile<?x64xf32>, !attn_tile.tile<128x64xf32>
          -> !attn_tile.tile<?x128xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_Matrix:$query, AttnTile_Matrix:$key,
                       F32:$scale);
  let results = (outs AttnTile_Matrix:$score);
  let assemblyFormat = [{
    $query `,` $key `scale` $scale attr-dict
    `:` type($query) `,` type($key) `->` type($score)
  }];
  let hasVerifier = 1;
}

def AttnTile_MapOp : AttnTile_Op<"map", [
    Pure, SingleBlock, AttrSizedOperandSegments,
    AllTypesMatch<["score", "result"]>]> {
  let summary = "elementwise function of scores and where they stand";
  let description = [{
    The region maps a score, its row (query index `first + r / group`), column
    (key index `key + c`) and head (`kv_head * group + r % group`); with
    `position` its row's position too, `position + r / group`.
    `attn_tile.lookup` reads `table` there.

    Constraints:
      C1: the region takes (f32, index, index, index), one index more with
          `position`, and yields one f32.

    Example:

    ```mlir
    func.func @map(%score: !attn_tile.tile<?x128xf32>, %first: index,
                   %key: index, %kv_head: index) {
      %result = attn_tile.map %score first %first key %key kv_head %kv_head group 4
          : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32> {
      ^bb0(%value: f32, %row: index, %column: index, %head: index):
        %bounded = math.tanh %value : f32
        attn_tile.yield %bounded : f32
      }
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_Matrix:$score, Index:$first, Index:$key,
                       Index:$kv_head, Optional<Index>:$position,
                       Optional<AttnTile_MatrixView>:$table,
                       AttnTile_Count:$group);
  let results = (outs AttnTile_Matrix:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $score `first` $first `key` $key `kv_head` $kv_head
    (`position` $position^)? (`table` `(` $table^ `:` type($table) `)`)?
    `group` $group attr-dict `:` type($score) `->` type($result) $body
  }];
  let hasVerifier = 1;
}

def AttnTile_LookupOp : AttnTile_Op<"lookup", [Pure, HasParent<"MapOp">]> {
  let summary = "element of the table beside an attn_tile.map region";
  let description = [{
    `element = table[row, column]` of the map around it; an index beyond the
    table counts as its last one, a negative one as 0.

    Constraints:
      C1: the map has a table.

    Example:

    ```mlir
    func.func @lookup(%score: !attn_tile.tile<?x128xf32>, %first: index,
                      %key: index, %kv_head: index,
                      %table: !attn_tile.view<32x8xf32>) {
      %result = attn_tile.map %score first %first key %key kv_head %kv_head
          table(%table : !attn_tile.view<32x8xf32>) group 4
          : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32> {
      ^bb0(%value: f32, %row: index, %column: index, %head: index):
        %bias = attn_tile.lookup[%column, %head]
        %biased = arith.addf %value, %bias : f32
        attn_tile.yield %biased : f32
      }
      return
    }
    ```
  }];
  let arguments = (ins Index:$row, Index:$column);
  let results = (outs F32:$element);
  let assemblyFormat = "`[` $row `,` $column `]` attr-dict";
  let hasVerifier = 1;
}

def AttnTile_YieldOp : AttnTile_Op<"yield", [
    Pure, Terminator, ReturnLike, ParentOneOf<["MapOp", "MapRowsOp"]>]> {
  let summary = "result of an attn_tile.map or attn_tile.map_rows region";
  let description = [{
    Ends the region with the value that replaces the score, or the element.

    Example:

    ```mlir
    func.func @yield(%score: !attn_tile.tile<?x128xf32>, %first: index,
                   %key: index, %kv_head: index) {
      %result = attn_tile.map %score first %first key %key kv_head %kv_head group 4
          : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32> {
      ^bb0(%value: f32, %row: index, %column: index, %head: index):
        attn_tile.yield %value : f32
      }
      return
    }
    ```
  }];
  let arguments = (ins AnyTypeOf<[F32, I1, I32]>:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

def AttnTile_MaskOp : AttnTile_Op<"mask", [
    Pure, AttrSizedOperandSegments, AllTypesMatch<["score", "result"]>]> {
  let summary = "scores with invisible keys at minus infinity";
  let description = [{
    Row `r` has the position `p = position + r / group`; column `c` is the key
    `j = key + c`. The score stays where `p - left < j < p + right` and
    `j < length`, and is -inf elsewhere. A `chunk` hides the keys before
    `p - p mod chunk` (before 0 for a `p` below it) too, a `prefix` those that
    are neither `j <= p` nor `j < prefix`, `documents` those that are not in
    `begins[r / group] <= j < ends[r / group]`.

    Constraints:
      C1: there are begins of documents if and only if there are ends.

    Example:

    ```mlir
    func.func @mask(%score: !attn_tile.tile<?x128xf32>, %position: index,
                    %key: index, %length: index, %left: index, %right: index,
                    %chunk: index) {
      %result = attn_tile.mask %score position %position key %key length %length
          band(%left, %right) chunk %chunk group 4
          : !attn_tile.tile<?x128xf32> -> !attn_tile.tile<?x128xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_Matrix:$score, Index:$position, Index:$key,
                       Index:$length, Index:$left, Index:$right,
                       Optional<Index>:$chunk, Optional<Index>:$prefix,
                       Optional<AttnTile_Rows>:$begins,
                       Optional<AttnTile_Rows>:$ends, AttnTile_Count:$group);
  let results = (outs AttnTile_Matrix:$result);
  let assemblyFormat = [{
    $score `position` $position `key` $key `length` $length
    `band` `(` $left `,` $right `)` (`chunk` $chunk^)? (`prefix` $prefix^)?
    (`documents` `(` $begins^ `,` $ends `:` type($begins) `,` type($ends) `)`)?
    `group` $group attr-dict
    `:` type($score) `->` type($result)
  }];
  let hasVerifier = 1;
}

def AttnTile_SoftmaxStepOp : AttnTile_Op<"softmax_step", [
    Pure, AllTypesMatch<["score", "weight"]>,
    AllTypesMatch<["maximum", "denominator", "new_maximum", "new_denominator",
                   "alpha"]>]> {
  let summary = "weights of a block of scores under the running maximum";
  let description = [{
    With `m' = max(maximum, max_j score[j])` and `b = m'`, or 0 where `m'` is
    -inf: `weight[j] = 2^(score[j] - b)`, `alpha = 2^(maximum - b)`,
    `denominator' = denominator * alpha + sum_j weight[j]`.

    Constraints:
      C1: score and maximum have the same rows.

    Example:

    ```mlir
    func.func @softmax_step(%score: !attn_tile.tile<?x128xf32>,
        %maximum: !attn_tile.tile<?xf32>, %denominator: !attn_tile.tile<?xf32>) {
      %weight, %new_maximum, %new_denominator, %alpha
          = attn_tile.softmax_step %score, %maximum, %denominator
          : !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>
          -> !attn_tile.tile<?x128xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>,
          !attn_tile.tile<?xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_Matrix:$score, AttnTile_Rows:$maximum,
                       AttnTile_Rows:$denominator);
  let results = (outs AttnTile_Matrix:$weight, AttnTile_Rows:$new_maximum,
                      AttnTile_Rows:$new_denominator,
                      AttnTile_Rows:$alpha);
  let assemblyFormat = [{
    $score `,` $maximum `,` $denominator attr-dict
    `:` type($score) `,` type($maximum) `,` type($denominator)
    `->` type($weight) `,` type($new_maximum) `,` type($new_denominator) `,`
    type($alpha)
  }];
  let hasVerifier = 1;
}

def AttnTile_AccumulateOp : AttnTile_Op<"accumulate", [
    Pure, AllTypesMatch<["sum", "new_sum"]>]> {
  let summary = "weighted values added to the rescaled sum";
  let description = [{
    `sum'[r, d] = alpha[r] * sum[r, d] + sum_j weight[r, j] * value[j, d]`, `j`
    ascending, fused multiply-adds in f32 onto the rescaled sum. A weight that
    the mask made 0 adds nothing, whatever the value holds; that of any other
    score of -inf adds nothing to a row unless the value is NaN.

    Constraints:
      C1: sum, alpha and weight have the same rows.
      C2: weight has a column for each row of value.
      C3: sum and value have the same columns.

    Example:

    ```mlir
    func.func @accumulate(%sum: !attn_tile.tile<?x64xf32>, %alpha: !attn_tile.tile<?xf32>,
        %weight: !attn_tile.tile<?x128xf32>, %value: !attn_tile.tile<128x64xf32>) {
      %new_sum = attn_tile.accumulate %sum, %alpha, %weight, %value
          : !attn_tile.tile<?x64xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x128xf32>,
          !attn_tile.tile<128x64xf32> -> !attn_tile.tile<?x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_Matrix:$sum, AttnTile_Rows:$alpha,
                       AttnTile_Matrix:$weight, AttnTile_Matrix:$value);
  let results = (outs AttnTile_Matrix:$new_sum);
  let assemblyFormat = [{
    $sum `,` $alpha `,` $weight `,` $value attr-dict
    `:` type($sum) `,` type($alpha) `,` type($weight) `,` type($value)
    `->` type($new_sum)
  }];
  let hasVerifier = 1;
}

def AttnTile_MergeOp : AttnTile_Op<"merge", [
    Pure, AllTypesMatch<["maximum", "other_maximum", "new_maximum"]>,
    AllTypesMatch<["denominator", "other_denominator", "new_denominator"]>,
    AllTypesMatch<["sum", "other_sum", "new_sum"]>]> {
  let summary = "states of two disjoint sets of keys, joined";
  let description = [{
    With `m' = max(m1, m2)`, `b = m'`, or 0 where `m'` is -inf, `a1 = 2^(m1 -
    b)`, `a2 = 2^(m2 - b)`: `l' = l1 * a1 + l2 * a2`, `o' = o1 * a1 + o2 * a2`.

    Constraints:
      C1: maximum, denominator and sum have the same rows.

    Example:

    ```mlir
    func.func @merge(%maximum: !attn_tile.tile<?xf32>,
        %denominator: !attn_tile.tile<?xf32>, %sum: !attn_tile.tile<?x64xf32>) {
      %m, %l, %o = attn_tile.merge(%maximum, %denominator, %sum),
          (%maximum, %denominator, %sum)
          : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins
    AttnTile_Rows:$maximum, AttnTile_Rows:$denominator,
    AttnTile_Matrix:$sum, AttnTile_Rows:$other_maximum,
    AttnTile_Rows:$other_denominator, AttnTile_Matrix:$other_sum);
  let results = (outs AttnTile_Rows:$new_maximum,
                      AttnTile_Rows:$new_denominator,
                      AttnTile_Matrix:$new_sum);
  let assemblyFormat = [{
    `(` $maximum `,` $denominator `,` $sum `)` `,`
    `(` $other_maximum `,` $other_denominator `,` $other_sum `)` attr-dict
    `:` type($maximum) `,` type($denominator) `,` type($sum)
  }];
  let hasVerifier = 1;
}

def AttnTile_FinishOp : AttnTile_Op<"finish", [
    Pure, AllTypesMatch<["sum", "output"]>,
    AllTypesMatch<["maximum", "lse"]>]> {
  let summary = "output rows and their natural log-sum-exp";
  let description = [{
    `output = sum / denominator`, `lse = ln(2) * maximum + ln(denominator)`. A
    present `sinks` view ([heads]) adds the logit of the row's head to the
    denominator first: with `z = log2(e) * sinks[kv_head * group + r % group]`
    and `m' = max(maximum, z)` the sum and denominator are rescaled to `m'` and
    the denominator gains `2^(z - m')`. A row with denominator 0 has output 0
    and lse -inf.

    Constraints:
      C1: maximum, denominator and sum have the same rows.

    Example:

    ```mlir
    func.func @finish(%maximum: !attn_tile.tile<?xf32>,
        %denominator: !attn_tile.tile<?xf32>, %sum: !attn_tile.tile<?x64xf32>,
        %kv_head: index, %sinks: !attn_tile.view<8xf32>) {
      %output, %lse = attn_tile.finish %maximum, %denominator, %sum
          kv_head %kv_head sinks(%sinks : !attn_tile.view<8xf32>) group 4
          : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins
    AttnTile_Rows:$maximum, AttnTile_Rows:$denominator,
    AttnTile_Matrix:$sum, Index:$kv_head,
    Optional<AttnTile_VectorView>:$sinks, AttnTile_Count:$group);
  let results = (outs AttnTile_Matrix:$output, AttnTile_Rows:$lse);
  let assemblyFormat = [{
    $maximum `,` $denominator `,` $sum `kv_head` $kv_head
    (`sinks` `(` $sinks^ `:` type($sinks) `)`)? `group` $group attr-dict
    `:` type($maximum) `,` type($denominator) `,` type($sum)
  }];
  let hasVerifier = 1;
}

#endif // DIALECTS_ATTN_TILE_ATTNTILESTEPOPS_TD
