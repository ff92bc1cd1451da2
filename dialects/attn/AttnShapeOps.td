//===- AttnShapeOps.td - the same elements in another shape -*- tablegen -*-===//
//
// Graph level: what frameworks write between the steps of attention. Ranks are
// free; sizes agree where both are static.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNSHAPEOPS_TD
#define DIALECTS_ATTN_ATTNSHAPEOPS_TD

include "dialects/attn/AttnTensors.td"

// One tensor in, one out, attributes between.
class Attn_ShapeOp<string mnemonic, dag attributes>
    : Attn_Op<mnemonic, [Pure, AllElementTypesMatch<["input", "result"]>,
                         Attn_NamedResults]> {
  let arguments = !con((ins Attn_Tensor:$input), attributes);
  let results = (outs Attn_Tensor:$result);
  let assemblyFormat = [{
    $input custom<Fields>(attr-dict, "getOperationName()")
    `:` type($input) `->` type($result)
  }];
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Attn_TransposeOp
    : Attn_ShapeOp<"transpose", (ins DenseI64ArrayAttr:$permutation)> {
  let summary = "dimensions in another order";
  let description = [{
    Dimension `i` of the result is dimension `permutation[i]` of the input.

    Constraints:
      C1: permutation names every dimension of the input once.
      C2: the result's sizes are the input's in that order.

    Example:

    ```mlir
    func.func @transpose(%query: tensor<2x?x8x64xf32>) -> tensor<2x8x?x64xf32> {
      %heads_first = attn.transpose %query {permutation = array<i64: 0, 2, 1, 3>}
          : tensor<2x?x8x64xf32> -> tensor<2x8x?x64xf32>
      return %heads_first : tensor<2x8x?x64xf32>
    }
    ```
  }];
}

def Attn_FlattenOp : Attn_ShapeOp<"flatten", (ins I64Attr:$dim)> {
  let summary = "two neighbouring dimensions as one";
  let description = [{
    Merges dimensions `dim` and `dim + 1`, the second running faster: merging
    heads is `{dim = 2}` on [batch, sequence, heads, head size].

    Constraints:
      C1: the input has the dimensions dim and dim + 1.
      C2: the merged size is their product; the other sizes agree.

    Example:

    ```mlir
    func.func @flatten(%context: tensor<2x?x8x64xf32>) -> tensor<2x?x512xf32> {
      %merged = attn.flatten %context {dim = 2}
          : tensor<2x?x8x64xf32> -> tensor<2x?x512xf32>
      return %merged : tensor<2x?x512xf32>
    }
    ```
  }];
}

def Attn_UnflattenOp : Attn_ShapeOp<"unflatten", (ins I64Attr:$dim)> {
  let summary = "one dimension as two";
  let description = [{
    Splits dimension `dim` into the result's dimensions `dim` and `dim + 1`, the
    second running faster: the inverse of `attn.flatten`. Splitting heads is
    `{dim = 2}` on [batch, sequence, width].

    Constraints:
      C1: the input has the dimension dim.
      C2: the product of the two sizes is the split one; the others agree.
      C3: at most one of the two sizes is dynamic.

    Example:

    ```mlir
    func.func @unflatten(%query: tensor<2x?x512xf32>) -> tensor<2x?x8x64xf32> {
      %heads = attn.unflatten %query {dim = 2}
          : tensor<2x?x512xf32> -> tensor<2x?x8x64xf32>
      return %heads : tensor<2x?x8x64xf32>
    }
    ```
  }];
}

def Attn_ExpandOp : Attn_ShapeOp<"expand", (ins I64Attr:$dim)> {
  let summary = "tensor repeated along a new dimension";
  let description = [{
    Puts a dimension in front of the input's dimension `dim` (behind the last
    for `dim` = rank); its size is the result's. All of its elements are the
    same: frameworks write `unsqueeze(dim).expand(...)`.

    Constraints:
      C1: dim is at most the input's rank.
      C2: the new dimension's size is static and at least 1; the others agree.

    Example:

    ```mlir
    func.func @expand(%key: tensor<2x4x?x64xf32>) -> tensor<2x4x2x?x64xf32> {
      %repeated = attn.expand %key {dim = 2}
          : tensor<2x4x?x64xf32> -> tensor<2x4x2x?x64xf32>
      return %repeated : tensor<2x4x2x?x64xf32>
    }
    ```
  }];
}

def Attn_SliceOp : Attn_ShapeOp<"slice", (ins I64Attr:$dim, I64Attr:$offset)> {
  let summary = "contiguous part of a dimension";
  let description = [{
    The elements from `offset` on along `dim`, as many as the result has there.

    Constraints:
      C1: the input has the dimension dim; the other sizes agree.
      C2: the result's size is static, and offset to offset + size lies in the
          input.

    Example:

    ```mlir
    func.func @slice(%qkv: tensor<2x?x192xf32>) -> tensor<2x?x64xf32> {
      %key = attn.slice %qkv {dim = 2, offset = 64}
          : tensor<2x?x192xf32> -> tensor<2x?x64xf32>
      return %key : tensor<2x?x64xf32>
    }
    ```
  }];
}

def Attn_RepeatInterleaveOp
    : Attn_ShapeOp<"repeat_interleave", (ins I64Attr:$dim, I64Attr:$times)> {
  let summary = "every element of a dimension, repeated in place";
  let description = [{
    Element `i` of the result along `dim` is element `i / times` of the input.
    `attn.repeat_kv` is the same along the heads of [batch, sequence, heads,
    head size].

    Constraints:
      C1: the input has the dimension dim, and times is positive.
      C2: the result is times as large along dim; the other sizes agree.

    Example:

    ```mlir
    func.func @repeat(%key: tensor<2x4x?x64xf32>) -> tensor<2x8x?x64xf32> {
      %repeated = attn.repeat_interleave %key {times = 2, dim = 1}
          : tensor<2x4x?x64xf32> -> tensor<2x8x?x64xf32>
      return %repeated : tensor<2x8x?x64xf32>
    }
    ```
  }];
}

def Attn_TileOp
    : Attn_ShapeOp<"tile", (ins I64Attr:$dim, I64Attr:$times)> {
  let summary = "a dimension as a whole, several times in a row";
  let description = [{
    Element `i` of the result along `dim` is element `i mod size` of the input.
    On heads this is not grouped attention: query head `h` reads head
    `h mod kv_heads`.

    Constraints:
      C1: the input has the dimension dim, and times is positive.
      C2: the result is times as large along dim; the other sizes agree.

    Example:

    ```mlir
    func.func @tile(%key: tensor<2x4x?x64xf32>) -> tensor<2x8x?x64xf32> {
      %tiled = attn.tile %key {times = 2, dim = 1}
          : tensor<2x4x?x64xf32> -> tensor<2x8x?x64xf32>
      return %tiled : tensor<2x8x?x64xf32>
    }
    ```
  }];
}

def Attn_ConcatOp : Attn_Op<"concat", [Pure, Attn_NamedResults]> {
  let summary = "tensors one after the other along a dimension";
  let description = [{
    The inputs' elements along `dim`, in order. Floats may be stored otherwise
    than the result's: what lies between operations is f32.

    Constraints:
      C1: there is an input; all have the result's rank, and its element type
          unless both are floats.
      C2: dim is a dimension; sizes along it sum to the result's, the other
          sizes agree.

    Example:

    ```mlir
    func.func @concat(%nope: tensor<2x?x8x128xf32>, %rope: tensor<2x?x8x64xf32>)
        -> tensor<2x?x8x192xf32> {
      %query = attn.concat %nope, %rope {dim = 3}
          : tensor<2x?x8x128xf32>, tensor<2x?x8x64xf32>
          -> tensor<2x?x8x192xf32>
      return %query : tensor<2x?x8x192xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Attn_Tensor>:$inputs, I64Attr:$dim);
  let results = (outs Attn_Tensor:$result);
  let assemblyFormat = [{
    $inputs custom<Fields>(attr-dict, "getOperationName()")
    `:` type($inputs) `->` type($result)
  }];
  let hasFolder = 1;
  let hasVerifier = 1;
}

#endif // DIALECTS_ATTN_ATTNSHAPEOPS_TD
