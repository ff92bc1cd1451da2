//===- AttnTileViewOps.td - tensors between phases ---------*- tablegen -*-===//
//
// Graphs: where tensors that no caller sees are kept, and other shapes of the
// same memory. All of it stands before the phases.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_TILE_ATTNTILEVIEWOPS_TD
#define DIALECTS_ATTN_TILE_ATTNTILEVIEWOPS_TD

include "dialects/attn_tile/AttnTileTypes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def AttnTile_BufferOp : AttnTile_Op<"buffer", [MemoryEffects<[MemAlloc]>]> {
  let summary = "room for a tensor between two phases";
  let description = [{
    A view of memory of the call's own, row-major. Its elements are what the
    phases before have stored there, and anything where none has. A target may
    give the same memory to buffers that no phase needs at the same time.

    Constraints:
      C1: there is one size for each dynamic dimension.

    Example:

    ```mlir
    func.func @buffer(%batches: index, %queries: index) {
      %hidden = attn_tile.buffer[%batches, %queries]
          : !attn_tile.view<?x?x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes);
  let results = (outs AttnTile_ViewType:$view);
  let assemblyFormat = "`[` $sizes `]` attr-dict `:` type($view)";
  let hasVerifier = 1;
}

// One view in, one out: the same memory, or a part of it.
class AttnTile_ViewOp<string mnemonic, dag attributes, string format>
    : AttnTile_Op<mnemonic, [Pure]> {
  let arguments = !con((ins AttnTile_ViewType:$view), attributes);
  let results = (outs AttnTile_ViewType:$result);
  let assemblyFormat =
      format # " attr-dict `:` type($view) `->` type($result)";
  let hasVerifier = 1;
}

def AttnTile_PermuteOp : AttnTile_ViewOp<"permute",
    (ins DenseI64ArrayAttr:$permutation), "$view $permutation"> {
  let summary = "dimensions of a view in another order";
  let description = [{
    Dimension `i` of the result is dimension `permutation[i]` of the view.

    Constraints:
      C1: both have the same element type.
      C2: permutation names every dimension once, and the result has their
          sizes.

    Example:

    ```mlir
    func.func @permute(%query: !attn_tile.view<?x?x8x64xf32>) {
      %heads_first = attn_tile.permute %query [0, 2, 1, 3]
          : !attn_tile.view<?x?x8x64xf32> -> !attn_tile.view<?x8x?x64xf32>
      return
    }
    ```
  }];
}

def AttnTile_SplitDimOp : AttnTile_ViewOp<"split_dim",
    (ins I64Attr:$dimension), "$view `,` $dimension"> {
  let summary = "one dimension of a view as two";
  let description = [{
    The dimension becomes the result's `dimension` and `dimension + 1`, the
    second running faster.

    Constraints:
      C1: both have the same element type.
      C2: the view has the dimension; the product of the two sizes is its size,
          of which one at least is static; the other sizes agree.

    Example:

    ```mlir
    func.func @split_dim(%query: !attn_tile.view<?x?x512xf32>) {
      %heads = attn_tile.split_dim %query, 2
          : !attn_tile.view<?x?x512xf32> -> !attn_tile.view<?x?x8x64xf32>
      return
    }
    ```
  }];
}

def AttnTile_MergeDimsOp : AttnTile_ViewOp<"merge_dims",
    (ins I64Attr:$dimension), "$view `,` $dimension"> {
  let summary = "two neighbouring dimensions of a view as one";
  let description = [{
    The inverse of `attn_tile.split_dim`. The two must follow each other in memory:
    the stride of the first is that of the second times the second's size, or
    one of them has one element. Buffers are so, a caller's tensor need not be.

    Constraints:
      C1: both have the same element type.
      C2: the view has the dimension and the next; their product is the merged
          size; the other sizes agree.

    Example:

    ```mlir
    func.func @merge_dims(%batches: index) {
      %heads = attn_tile.buffer[%batches] : !attn_tile.view<?x8x64xf32>
      %merged = attn_tile.merge_dims %heads, 1
          : !attn_tile.view<?x8x64xf32> -> !attn_tile.view<?x512xf32>
      return
    }
    ```
  }];
}

def AttnTile_SliceOp : AttnTile_ViewOp<"slice",
    (ins I64Attr:$dimension, I64Attr:$offset),
    "$view `,` $dimension `from` $offset"> {
  let summary = "contiguous part of a view's dimension";
  let description = [{
    The elements from `offset` on along the dimension, as many as the result
    has there.

    Constraints:
      C1: both have the same element type.
      C2: the view has the dimension; the result's size there is static and
          lies in the view with the offset; the other sizes agree.

    Example:

    ```mlir
    func.func @slice(%qkv: !attn_tile.view<?x?x192xf32>) {
      %key = attn_tile.slice %qkv, 2 from 64
          : !attn_tile.view<?x?x192xf32> -> !attn_tile.view<?x?x64xf32>
      return
    }
    ```
  }];
}

def AttnTile_BroadcastOp : AttnTile_Op<"broadcast", [Pure]> {
  let summary = "view repeated along dimensions of one element";
  let description = [{
    Sizes are aligned at the last dimension; a missing dimension, or one of a
    single element, is repeated as often as the result says. Nothing is copied:
    the stride is 0. `sizes` are the result's dynamic sizes, in order.

    Constraints:
      C1: both have the same element type.
      C2: the view has no more dimensions than the result, and each has the
          result's size or 1.
      C3: there is one size for each dynamic dimension of the result.

    Example:

    ```mlir
    func.func @broadcast(%bias: !attn_tile.view<64xf32>, %rows: index) {
      %repeated = attn_tile.broadcast %bias[%rows]
          : !attn_tile.view<64xf32> -> !attn_tile.view<?x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_ViewType:$view, Variadic<Index>:$sizes);
  let results = (outs AttnTile_ViewType:$result);
  let assemblyFormat = [{
    $view `[` $sizes `]` attr-dict `:` type($view) `->` type($result)
  }];
  let hasVerifier = 1;
}

#endif // DIALECTS_ATTN_TILE_ATTNTILEVIEWOPS_TD
