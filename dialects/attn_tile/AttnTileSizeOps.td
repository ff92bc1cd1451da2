//===- AttnTileSizeOps.td - sizes, lengths and ranges ------*- tablegen -*-===//
//
// What views and lengths say about a call, as index arithmetic.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_TILE_ATTNTILESIZEOPS_TD
#define DIALECTS_ATTN_TILE_ATTNTILESIZEOPS_TD

include "dialects/attn_tile/AttnTileTypes.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def AttnTile_DimOp : AttnTile_Op<"dim", [Pure]> {
  let summary = "size of a view's dimension";
  let description = [{
    `view`'s size in `dimension`, as the caller gives it.

    Constraints:
      C1: the view has that dimension.

    Example:

    ```mlir
    func.func @dim(%query: !attn_tile.view<?x?x8x64xf32>) {
      %queries = attn_tile.dim %query, 1 : !attn_tile.view<?x?x8x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_ViewType:$view, I64Attr:$dimension);
  let results = (outs Index:$size);
  let assemblyFormat = "$view `,` $dimension attr-dict `:` type($view)";
  let hasVerifier = 1;
}

def AttnTile_LengthOp : AttnTile_Op<"length", [Pure]> {
  let summary = "valid keys of a sequence";
  let description = [{
    `lengths[batch]`, or the number of keys in `key` ([batch, keys, heads,
    dim], or [batch, keys, dim]) when there is no `lengths` view or it is
    absent.

    Example:

    ```mlir
    func.func @length(%key: !attn_tile.view<?x?x8x64xf32>, %batch: index,
                      %lengths: !attn_tile.view<?xi32>) {
      %length = attn_tile.length %key[%batch]
          lengths(%lengths : !attn_tile.view<?xi32>) : !attn_tile.view<?x?x8x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_KeysView:$key, Index:$batch,
                       Optional<AttnTile_VectorView>:$lengths);
  let results = (outs Index:$length);
  let assemblyFormat = [{
    $key `[` $batch `]` (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    attr-dict `:` type($key)
  }];
}

def AttnTile_EntryOp : AttnTile_Op<"entry", [Pure]> {
  let summary = "integer that a view holds for a sequence";
  let description = [{
    `view[batch]`: the caller's keys of a prefix, and the like.

    Constraints:
      C1: the view's elements are i32.

    Example:

    ```mlir
    func.func @entry(%prefix: !attn_tile.view<?xi32>, %batch: index) {
      %keys = attn_tile.entry %prefix[%batch] : !attn_tile.view<?xi32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_VectorView:$view, Index:$batch);
  let results = (outs Index:$value);
  let assemblyFormat = "$view `[` $batch `]` attr-dict `:` type($view)";
  let hasVerifier = 1;
}

def AttnTile_FirstKeyOp : AttnTile_Op<"first_key", [Pure]> {
  let summary = "number in its sequence of the first key of a call";
  let description = [{
    The keys of a sequence that stand before those of the call: 0 unless the
    call has a part of its keys. Programs count keys and positions from the
    call's own first key; this is the distance of what callers count from the
    sequence's.

    Example:

    ```mlir
    func.func @first_key(%batch: index, %first: index) {
      %first_key = attn_tile.first_key[%batch]
      %position = arith.subi %first, %first_key : index
      return
    }
    ```
  }];
  let arguments = (ins Index:$batch);
  let results = (outs Index:$number);
  let assemblyFormat = "`[` $batch `]` attr-dict";
}

def AttnTile_MaxLengthOp : AttnTile_Op<"max_length", [Pure]> {
  let summary = "largest number of valid keys of any sequence";
  let description = [{
    The largest `attn_tile.length` of all batch rows, 0 without any.

    Example:

    ```mlir
    func.func @max_length(%key: !attn_tile.view<?x?x8x64xf32>,
                          %lengths: !attn_tile.view<?xi32>) {
      %length = attn_tile.max_length %key
          lengths(%lengths : !attn_tile.view<?xi32>) : !attn_tile.view<?x?x8x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_KeysView:$key,
                       Optional<AttnTile_VectorView>:$lengths);
  let results = (outs Index:$length);
  let assemblyFormat = [{
    $key (`lengths` `(` $lengths^ `:` type($lengths) `)`)? attr-dict
    `:` type($key)
  }];
}

def AttnTile_SplitSizeOp : AttnTile_Op<"split_size", [Pure]> {
  let summary = "keys per split of a sequence";
  let description = [{
    The smallest `at_least * 2^n` that covers `length` keys in at most
    `at_most` splits.

    Example:

    ```mlir
    func.func @split_size(%length: index) {
      %size = attn_tile.split_size %length at_least 1024 at_most 32
      return
    }
    ```
  }];
  let arguments = (ins Index:$length, AttnTile_Count:$at_least, AttnTile_Count:$at_most);
  let results = (outs Index:$size);
  let assemblyFormat =
      "$length `at_least` $at_least `at_most` $at_most attr-dict";
}

def AttnTile_DocumentsOp : AttnTile_Op<"documents", [
    Pure, AllTypesMatch<["begins", "ends"]>]> {
  let summary = "keys of the documents that queries stand in";
  let description = [{
    Query `q` of `count` has the position `p = position + q`. Its document are
    the keys `begins[q] <= j < ends[q]`: the longest run of keys around `p`,
    below `length`, whose numbers `view[batch, j]` are equal. Both ends are 0
    for a `p` below 0 and `length` for one at or behind it; neither descends
    from one query to the next. With a `first_key` there are so many keys before
    key 0: numbers are `view[batch, first_key + j]`, and runs begin at
    `-first_key` at the earliest.

    Constraints:
      C1: the elements of the view and of the tiles are i32.

    Example:

    ```mlir
    func.func @documents(%document_ids: !attn_tile.view<?x?xi32>, %batch: index,
                         %position: index, %count: index, %length: index) {
      %begins, %ends = attn_tile.documents %document_ids[%batch]
          position %position count %count length %length
          : !attn_tile.view<?x?xi32> -> !attn_tile.tile<?xi32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_MatrixView:$view, Index:$batch, Index:$position,
                       Index:$count, Index:$length, Optional<Index>:$first_key);
  let results = (outs AttnTile_Rows:$begins, AttnTile_Rows:$ends);
  let assemblyFormat = [{
    $view `[` $batch `]` `position` $position `count` $count `length` $length
    (`first_key` $first_key^)? attr-dict `:` type($view) `->` type($begins)
  }];
  let hasVerifier = 1;
}

def AttnTile_KeyRangesOp : AttnTile_Op<"key_ranges", [
    Pure, AttrSizedOperandSegments]> {
  let summary = "keys that a block of queries sees: any of them, all of them";
  let description = [{
    The queries have the positions `position .. position + count - 1`; each
    sees the keys that `attn_tile.mask` leaves to a row at `p`. Neither end of
    what a query sees descends from one to the next.

    `[lo, hi)` holds every key that some query sees; `lo` is a multiple of
    `block`. The blocks that start in `[full_lo, full_hi)` are seen whole by
    every query; both are multiples of `block`, and
    `lo <= full_lo <= full_hi`. Where nothing is seen, all four are 0.

    Constraints:
      C1: there are begins of documents if and only if there are ends.

    Example:

    ```mlir
    func.func @key_ranges(%position: index, %count: index, %length: index,
                          %left: index, %right: index) {
      %lo, %full_lo, %full_hi, %hi = attn_tile.key_ranges position %position
          count %count length %length band(%left, %right) block 128
      return
    }
    ```
  }];
  let arguments = (ins Index:$position, Index:$count, Index:$length,
                       Index:$left, Index:$right, Optional<Index>:$chunk,
                       Optional<Index>:$prefix,
                       Optional<AttnTile_Rows>:$begins,
                       Optional<AttnTile_Rows>:$ends, AttnTile_Count:$block);
  let results = (outs Index:$lo, Index:$full_lo, Index:$full_hi, Index:$hi);
  let assemblyFormat = [{
    `position` $position `count` $count `length` $length
    `band` `(` $left `,` $right `)` (`chunk` $chunk^)? (`prefix` $prefix^)?
    (`documents` `(` $begins^ `,` $ends `:` type($begins) `,` type($ends) `)`)?
    `block` $block attr-dict
  }];
  let hasVerifier = 1;
}

#endif // DIALECTS_ATTN_TILE_ATTNTILESIZEOPS_TD
