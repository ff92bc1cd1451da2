//===- AttnTileRowOps.td - steps on rows of tensors --------*- tablegen -*-===//
//
// Graphs: what stands around attention, row by row: products with weights,
// norms, rotations, elementwise functions.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_TILE_ATTNTILEROWOPS_TD
#define DIALECTS_ATTN_TILE_ATTNTILEROWOPS_TD

include "dialects/attn_tile/AttnTileTypes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Loads and stores
//===----------------------------------------------------------------------===//

def AttnTile_LoadRowsOp : AttnTile_Op<"load_rows", [Pure]> {
  let summary = "block of a tensor's rows";
  let description = [{
    The rows of a view are its elements along the last dimension; they are
    numbered in the order of the dimensions before it, the last of which runs
    fastest. Row `r`, column `c` of the tile is element `column + c` of the
    view's row `row + r` for `r < count` and `column + c` within the view; the
    others are zero (false) and not read. Rows `row` to `row + count` exist.
    Elements of 16 bits become the tile's f32.

    A tile of one value per row takes a view whose last dimension has one
    element.

    Constraints:
      C1: the tile has the view's elements, or f32 for those of 16 bits.
      C2: the tile has columns, of a static number, or the view's last
          dimension has one element.

    Example:

    ```mlir
    func.func @load_rows(%x: !attn_tile.view<?x?x64xf32>, %row: index,
                         %column: index, %count: index) {
      %tile = attn_tile.load_rows %x[%row, %column] count %count
          : !attn_tile.view<?x?x64xf32> -> !attn_tile.tile<?x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_ViewType:$view, Index:$row, Index:$column,
                       Index:$count);
  let results = (outs AttnTile_TileType:$tile);
  let assemblyFormat = [{
    $view `[` $row `,` $column `]` `count` $count attr-dict
    `:` type($view) `->` type($tile)
  }];
  let hasVerifier = 1;
}

def AttnTile_StoreRowsOp : AttnTile_Op<"store_rows", [
    MemoryEffects<[MemWrite]>]> {
  let summary = "block of rows back to a tensor";
  let description = [{
    The inverse of `attn_tile.load_rows`: `count` rows, and the columns that
    lie within the view. The tile's f32 is rounded to elements of 16 bits.

    Constraints:
      C1: the tile has the view's elements, or f32 for those of 16 bits.
      C2: the tile has columns, of a static number, or the view's last
          dimension has one element.
      C3: no two elements of the view share a place.

    Example:

    ```mlir
    func.func @store_rows(%tile: !attn_tile.tile<?x64xf32>,
                          %result: !attn_tile.view<?x?x64xf32>, %row: index,
                          %column: index, %count: index) {
      attn_tile.store_rows %tile, %result[%row, %column] count %count
          : !attn_tile.tile<?x64xf32>, !attn_tile.view<?x?x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_TileType:$tile, AttnTile_ViewType:$view,
                       Index:$row, Index:$column, Index:$count);
  let assemblyFormat = [{
    $tile `,` $view `[` $row `,` $column `]` `count` $count attr-dict
    `:` type($tile) `,` type($view)
  }];
  let hasVerifier = 1;
}

def AttnTile_CoordinatesOp : AttnTile_Op<"coordinates", [Pure]> {
  let summary = "where the elements of a block stand along a dimension";
  let description = [{
    The index along `dimension` of every element that `attn_tile.load_rows`
    would load from the view: one per row, or, along the last dimension,
    `column + c`.

    Constraints:
      C1: the view has the dimension; elements are i32.
      C2: the tile has one value per row, or columns for the last dimension.

    Example:

    ```mlir
    func.func @coordinates(%x: !attn_tile.view<?x?x8x64xf32>, %row: index,
                           %column: index, %count: index) {
      %position = attn_tile.coordinates %x, 1 [%row, %column] count %count
          : !attn_tile.view<?x?x8x64xf32> -> !attn_tile.tile<?xi32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_ViewType:$view, I64Attr:$dimension, Index:$row,
                       Index:$column, Index:$count);
  let results = (outs AttnTile_TileType:$tile);
  let assemblyFormat = [{
    $view `,` $dimension `[` $row `,` $column `]` `count` $count attr-dict
    `:` type($view) `->` type($tile)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Steps on values
//===----------------------------------------------------------------------===//

def AttnTile_FillOp : AttnTile_Op<"fill", [Pure]> {
  let summary = "tile of one value";
  let description = [{
    Every element of `count` rows is `value`.

    Constraints:
      C1: value has the type of the tile's elements.

    Example:

    ```mlir
    func.func @fill(%count: index) {
      %zero = arith.constant 0.0 : f32
      %sum = attn_tile.fill %zero rows %count : f32 -> !attn_tile.tile<?x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins AnyTypeOf<[F32, I1]>:$value, Index:$count);
  let results = (outs AttnTile_TileType:$tile);
  let assemblyFormat =
      "$value `rows` $count attr-dict `:` type($value) `->` type($tile)";
  let hasVerifier = 1;
}

def AttnTile_MapRowsOp : AttnTile_Op<"map_rows", [Pure, SingleBlock]> {
  let summary = "function of the elements that stand at the same place";
  let description = [{
    `result[r, c] = f(tile_0[r, c], tile_1[r, c], ...)`; a tile of one value
    per row has that value in every column. The region is `f`, of arith and
    math operations.

    Constraints:
      C1: the region takes one argument per tile, of its element type, and
          yields the result's.
      C2: the tiles have the result's rows; those with columns have the
          result's.

    Example:

    ```mlir
    func.func @map_rows(%x: !attn_tile.tile<?x64xf32>,
                        %factor: !attn_tile.tile<?xf32>) {
      %scaled = attn_tile.map_rows %x, %factor
          : !attn_tile.tile<?x64xf32>, !attn_tile.tile<?xf32>
          -> !attn_tile.tile<?x64xf32> {
      ^bb0(%a: f32, %b: f32):
        %product = arith.mulf %a, %b : f32
        attn_tile.yield %product : f32
      }
      return
    }
    ```
  }];
  let arguments = (ins Variadic<AttnTile_TileType>:$tiles);
  let results = (outs AttnTile_TileType:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $tiles attr-dict `:` type($tiles) `->` type($result) $body
  }];
  let hasVerifier = 1;
}

def AttnTile_SumRowsOp : AttnTile_Op<"sum_rows", [Pure]> {
  let summary = "sum of each row";
  let description = [{
    `sum[r] = sum_c tile[r, c]` in f32. The order is the target's, the same for
    every row and every call.

    Constraints:
      C1: tile and sum have the same rows, of f32.

    Example:

    ```mlir
    func.func @sum_rows(%tile: !attn_tile.tile<?x64xf32>) {
      %sum = attn_tile.sum_rows %tile
          : !attn_tile.tile<?x64xf32> -> !attn_tile.tile<?xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_Matrix:$tile);
  let results = (outs AttnTile_Rows:$sum);
  let assemblyFormat = "$tile attr-dict `:` type($tile) `->` type($sum)";
  let hasVerifier = 1;
}

def AttnTile_RotateOp : AttnTile_Op<"rotate", [
    Pure, AllTypesMatch<["tile", "result"]>]> {
  let summary = "rows rotated by their positions";
  let description = [{
    With `n` frequencies the first `2 n` columns form pairs: `(i, i + n)`, or
    `(2 i, 2 i + 1)` with `interleaved`. Each pair `(x, y)` becomes
    `(x cos - y sin, x sin + y cos)` of `angle = f32(position) * frequency`,
    rounded to f32, with `amplitude` times both. The other columns pass.

    Constraints:
      C1: there is one position per row, of i32.
      C2: there is a frequency, and the tile has two columns for each.

    Example:

    ```mlir
    func.func @rotate(%tile: !attn_tile.tile<?x4xf32>,
                      %position: !attn_tile.tile<?xi32>) {
      %rotated = attn_tile.rotate %tile, %position by [1.0, 0.01]
          : !attn_tile.tile<?x4xf32>, !attn_tile.tile<?xi32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_Matrix:$tile, AttnTile_Rows:$position,
                       DenseF32ArrayAttr:$frequencies,
                       DefaultValuedAttr<F32Attr, "1.0f">:$amplitude,
                       UnitAttr:$interleaved);
  let results = (outs AttnTile_Matrix:$result);
  let assemblyFormat = [{
    $tile `,` $position `by` $frequencies (`interleaved` $interleaved^)?
    attr-dict `:` type($tile) `,` type($position)
  }];
  let hasVerifier = 1;
}

def AttnTile_MultiplyOp : AttnTile_Op<"multiply", [
    Pure, AllTypesMatch<["sum", "new_sum"]>]> {
  let summary = "product of rows and a block of weights, added to a sum";
  let description = [{
    `sum'[r, n] = sum[r, n] + sum_k rows[r, k] * weight[k, n]`, or
    `weight[n, k]` with `transposed`; `k` ascending, fused multiply-adds in f32
    onto the sum.

    Constraints:
      C1: sum and rows have the same rows.
      C2: rows has a column for each `k` of weight.
      C3: sum has a column for each `n` of weight.

    Example:

    ```mlir
    func.func @multiply(%sum: !attn_tile.tile<?x128xf32>,
                        %rows: !attn_tile.tile<?x64xf32>,
                        %weight: !attn_tile.tile<128x64xf32>) {
      %new_sum = attn_tile.multiply %sum, %rows, %weight transposed
          : !attn_tile.tile<?x128xf32>, !attn_tile.tile<?x64xf32>,
          !attn_tile.tile<128x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_Matrix:$sum, AttnTile_Matrix:$rows,
                       AttnTile_Matrix:$weight, UnitAttr:$transposed);
  let results = (outs AttnTile_Matrix:$new_sum);
  let assemblyFormat = [{
    $sum `,` $rows `,` $weight (`transposed` $transposed^)? attr-dict
    `:` type($sum) `,` type($rows) `,` type($weight)
  }];
  let hasVerifier = 1;
}

def AttnTile_TensorMaskOp : AttnTile_Op<"tensor_mask", [
    Pure, AllTypesMatch<["score", "result"]>]> {
  let summary = "scores under a block of a mask tensor";
  let description = [{
    Row `r` is the query `first + r / group` of the head
    `kv_head * group + r % group`; column `c` is the key `j = key + c`. With
    `m = mask[batch, head, query, j]` the result is `score + log2(e) * m` for a
    mask of floats, and -inf where `m` is that, whatever the score; for one of i1
    the score where `m` is true, else -inf. Columns with `j >= length` stay, and their
    masks are not read. With a `first_key`, `m` is that of key `first_key + j`.

    Constraints:
      C1: the mask has elements of i1, f32, f16 or bf16.

    Example:

    ```mlir
    func.func @tensor_mask(%score: !attn_tile.tile<?x128xf32>,
        %mask: !attn_tile.view<?x8x?x?xi1>, %batch: index, %first: index,
        %key: index, %kv_head: index, %length: index) {
      %result = attn_tile.tensor_mask %score,
          %mask[%batch, %first, %key, %kv_head] length %length group 4
          : !attn_tile.tile<?x128xf32>, !attn_tile.view<?x8x?x?xi1>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_Matrix:$score, AttnTile_HeadsView:$mask,
                       Index:$batch, Index:$first, Index:$key, Index:$kv_head,
                       Index:$length, Optional<Index>:$first_key,
                       AttnTile_Count:$group);
  let results = (outs AttnTile_Matrix:$result);
  let assemblyFormat = [{
    $score `,` $mask `[` $batch `,` $first `,` $key `,` $kv_head `]`
    `length` $length (`first_key` $first_key^)? `group` $group attr-dict
    `:` type($score) `,` type($mask)
  }];
  let hasVerifier = 1;
}

#endif // DIALECTS_ATTN_TILE_ATTNTILEROWOPS_TD
