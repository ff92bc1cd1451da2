//===- AttnMaskOps.td - masks and biases as tensors --------*- tablegen -*-===//
//
// Graph level: masks as frameworks build them, element by element, and biases
// that follow from positions alone.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNMASKOPS_TD
#define DIALECTS_ATTN_ATTNMASKOPS_TD

include "dialects/attn/AttnMathOps.td"

def Attn_FullOp : Attn_Op<"full", [Pure, Attn_NamedResults]> {
  let summary = "tensor of one value";
  let description = [{
    Every element is `value`: `torch.ones` is 1 or true, a mask of infinities
    0xFFF0000000000000 (-inf).

    Constraints:
      C1: all sizes are static.
      C2: value has the element type's kind: f64 for f32, i1 for i1.

    Example:

    ```mlir
    func.func @full() -> tensor<1024x1024xi1> {
      %ones = attn.full {value = true} : tensor<1024x1024xi1>
      %minus_infinity = attn.full {value = 0xFFF0000000000000 : f64}
          : tensor<16x16xf32>
      return %ones : tensor<1024x1024xi1>
    }
    ```
  }];
  let arguments = (ins AnyAttrOf<[F64Attr, BoolAttr]>:$value);
  let results = (outs AnyTypeOf<[Attn_FloatTensor, Attn_BoolTensor]>:$result);
  let assemblyFormat = [{
    custom<Fields>(attr-dict, "getOperationName()") `:` type($result)
  }];
  let hasVerifier = 1;
}

// Keeps the elements on one side of a diagonal.
class Attn_TriangleOp<string mnemonic>
    : Attn_Op<mnemonic, [Pure, AllTypesMatch<["input", "result"]>,
                         Attn_NamedResults]> {
  let arguments = (ins AnyTypeOf<[Attn_FloatTensor, Attn_BoolTensor]>:$input,
                       DefaultValuedAttr<I64Attr, "0">:$diagonal);
  let results = (outs AnyTypeOf<[Attn_FloatTensor, Attn_BoolTensor]>:$result);
  let assemblyFormat = [{
    $input custom<Fields>(attr-dict, "getOperationName()") `:` type($input)
  }];
  let hasVerifier = 1;
}

def Attn_TriuOp : Attn_TriangleOp<"triu"> {
  let summary = "elements on and above a diagonal";
  let description = [{
    `result[..., i, j] = input[..., i, j]` where `j - i >= diagonal`, else 0 or
    false.

    Constraints:
      C1: the input has at least two dimensions.

    Example:

    ```mlir
    func.func @triu(%ones: tensor<16x16xi1>) -> tensor<16x16xi1> {
      %future = attn.triu %ones {diagonal = 1} : tensor<16x16xi1>
      return %future : tensor<16x16xi1>
    }
    ```
  }];
}

def Attn_TrilOp : Attn_TriangleOp<"tril"> {
  let summary = "elements on and below a diagonal";
  let description = [{
    `result[..., i, j] = input[..., i, j]` where `j - i <= diagonal`, else 0 or
    false.

    Constraints:
      C1: the input has at least two dimensions.

    Example:

    ```mlir
    func.func @tril(%ones: tensor<16x16xf32>) -> tensor<16x16xf32> {
      %past = attn.tril %ones {diagonal = 0} : tensor<16x16xf32>
      return %past : tensor<16x16xf32>
    }
    ```
  }];
}

def Attn_NotOp : Attn_UnaryOp<"not", Attn_BoolTensor> {
  let summary = "negation of a mask";
  let description = [{
    `result = !input`.

    Example:

    ```mlir
    func.func @not(%padding: tensor<2x16xi1>) -> tensor<2x16xi1> {
      %valid = attn.not %padding : tensor<2x16xi1>
      return %valid : tensor<2x16xi1>
    }
    ```
  }];
}

def Attn_AndOp : Attn_BinaryOp<"and", Attn_BoolTensor> {
  let summary = "conjunction of two masks";
  let description = [{
    `result = lhs && rhs`.

    Constraints:
      C1: the result's sizes are the operands', aligned at the last dimension.

    Example:

    ```mlir
    func.func @and(%past: tensor<16x16xi1>, %valid: tensor<2x1x1x16xi1>)
        -> tensor<2x1x16x16xi1> {
      %visible = attn.and %past, %valid
          : tensor<16x16xi1>, tensor<2x1x1x16xi1> -> tensor<2x1x16x16xi1>
      return %visible : tensor<2x1x16x16xi1>
    }
    ```
  }];
}

def Attn_OrOp : Attn_BinaryOp<"or", Attn_BoolTensor> {
  let summary = "disjunction of two masks";
  let description = [{
    `result = lhs || rhs`.

    Constraints:
      C1: the result's sizes are the operands', aligned at the last dimension.

    Example:

    ```mlir
    func.func @or(%future: tensor<16x16xi1>, %padding: tensor<2x1x1x16xi1>)
        -> tensor<2x1x16x16xi1> {
      %hidden = attn.or %future, %padding
          : tensor<16x16xi1>, tensor<2x1x1x16xi1> -> tensor<2x1x16x16xi1>
      return %hidden : tensor<2x1x16x16xi1>
    }
    ```
  }];
}

def Attn_MaskedFillOp : Attn_Op<"masked_fill", [
    Pure, AllTypesMatch<["input", "result"]>, Attn_NamedResults]> {
  let summary = "tensor with a constant where a mask is true";
  let description = [{
    `result = value` where `where` is true, else `input`. The mask's sizes are
    aligned at the last dimension; 1 or a missing one is repeated.

    Constraints:
      C1: the mask's sizes, aligned, are the input's.

    Example:

    ```mlir
    func.func @masked_fill(%score: tensor<2x8x16x16xf32>,
                           %future: tensor<16x16xi1>) -> tensor<2x8x16x16xf32> {
      %masked = attn.masked_fill %score, %future
          {value = 0xFFF0000000000000 : f64}
          : tensor<2x8x16x16xf32>, tensor<16x16xi1>
      return %masked : tensor<2x8x16x16xf32>
    }
    ```
  }];
  let arguments = (ins Attn_FloatTensor:$input, Attn_BoolTensor:$where,
                       F64Attr:$value);
  let results = (outs Attn_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $where custom<Fields>(attr-dict, "getOperationName()")
    `:` type($input) `,` type($where)
  }];
  let hasVerifier = 1;
}

def Attn_WhereOp : Attn_Op<"where", [Pure, Attn_NamedResults]> {
  let summary = "elements of one tensor or another, as a mask says";
  let description = [{
    `result = condition ? lhs : rhs`; all three are aligned at the last
    dimension, and 1 or a missing one is repeated.

    Constraints:
      C1: the operands' sizes, aligned, are the result's.

    Example:

    ```mlir
    func.func @where(%visible: tensor<16x16xi1>, %score: tensor<2x8x16x16xf32>,
                     %hidden: tensor<1xf32>) -> tensor<2x8x16x16xf32> {
      %masked = attn.where %visible, %score, %hidden
          : tensor<16x16xi1>, tensor<2x8x16x16xf32>, tensor<1xf32>
          -> tensor<2x8x16x16xf32>
      return %masked : tensor<2x8x16x16xf32>
    }
    ```
  }];
  let arguments = (ins Attn_BoolTensor:$condition, Attn_FloatTensor:$lhs,
                       Attn_FloatTensor:$rhs);
  let results = (outs Attn_FloatTensor:$result);
  let assemblyFormat = [{
    $condition `,` $lhs `,` $rhs attr-dict
    `:` type($condition) `,` type($lhs) `,` type($rhs) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Attn_PositionBiasOp : Attn_Op<"position_bias", [
    Pure, AttrSizedOperandSegments, AllTypesMatch<["score", "result"]>,
    Attn_NamedResults]> {
  let summary = "scores plus a bias of the two positions";
  let description = [{
    `result[b, h, i, j] = score[b, h, i, j] + bias(h, p, j)` with the row's
    position `p = i + length - n` as in `attn.mask`. `#attn.alibi` has a slope
    per head, `#attn.buckets` reads `table[bucket(j - p), h]`.

    Constraints:
      C1: lengths has one entry per batch row.
      C2: table is [buckets, heads], and given if and only if the bias reads it.

    Example:

    ```mlir
    func.func @position_bias(%score: tensor<?x8x?x?xf32>,
                             %table: tensor<32x8xf32>) -> tensor<?x8x?x?xf32> {
      %biased = attn.position_bias %score {bias = #attn.alibi<>}
          : tensor<?x8x?x?xf32>
      %result = attn.position_bias %biased table(%table : tensor<32x8xf32>)
          {bias = #attn.buckets<count = 32, max_distance = 128>}
          : tensor<?x8x?x?xf32>
      return %result : tensor<?x8x?x?xf32>
    }
    ```
  }];
  let arguments = (ins Attn_ScoreTensor:$score,
                       Optional<Attn_LengthsTensor>:$lengths,
                       Optional<Attn_TableTensor>:$table,
                       Attn_BiasAttrInterface:$bias);
  let results = (outs Attn_ScoreTensor:$result);
  let assemblyFormat = [{
    $score (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    (`table` `(` $table^ `:` type($table) `)`)?
    custom<Fields>(attr-dict, "getOperationName()") `:` type($score)
  }];
  let hasVerifier = 1;
}

#endif // DIALECTS_ATTN_ATTNMASKOPS_TD
