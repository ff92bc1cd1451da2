//===- AttnTileOps.td - programs, phases and tile steps ----*- tablegen -*-===//
//
// The online softmax over key blocks (Milakov and Gimelshein 2018; Dao et al.
// 2022; split keys: Dao et al. 2023), as steps on values.
//
//===----------------------------------------------------------------------===//

include "dialects/attn/AttnAttributes.td"
include "dialects/attn_tile/AttnTileRowOps.td"
include "dialects/attn_tile/AttnTileSizeOps.td"
include "dialects/attn_tile/AttnTileViewOps.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

def AttnTile_ProgramOp : AttnTile_Op<"program", [
    Symbol, IsolatedFromAbove, NoTerminator, SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "kernel as a list of phases";
  let description = [{
    Index arithmetic before the phases sizes their grids; every phase may use
    it. `argument_names` are the tensors' names for callers, inputs first, then
    `output` and `lse`. `kernel` names the kernel that the program is one
    schedule of (by default a kernel of its own), `scope` how much of a declared
    layer that is.

    `layers [0 to 4, 6], [5]` are the model's layers that the program serves:
    those of the first list have the first value of each `attn_tile.parameter`,
    those of the second the second. As attributes, `layer_rows[i]` numbers the
    list of `layers[i]`. Without layers the program is a function of its own,
    with the first of the values.

    `argument_axes` says what the dimensions of each argument count, "" where
    nothing is to be said: sizes of one name are equal in every call. The last
    `result_count` arguments are written, and those of `updated` are read and
    written in place. These stand in programs of graphs.

    Constraints:
      C1: there is one name per argument, and all arguments are views.
      C2: layers ascend from 0 and have one layer row each.
      C3: layer rows are numbered from 0 without a gap, and every parameter has
          a value for each.
      C4: argument_axes has a list for every argument, and a name for every
          dimension; result_count is not beyond the arguments.
      C5: updated names arguments before the written ones, ascending.

    Example:

    ```mlir
    attn_tile.program @copy(%query: !attn_tile.view<?x?x8x64xf32>,
                            %output: !attn_tile.view<?x?x8x64xf32>)
        layers [0 to 31]
        attributes {
          argument_names = ["query", "output"],
          schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
              query_block = 64, key_block = 128, split_keys = 1024,
              max_splits = 32, split_tasks = false>} {
      %batches = attn_tile.dim %query, 0 : !attn_tile.view<?x?x8x64xf32>
      %queries = attn_tile.dim %query, 1 : !attn_tile.view<?x?x8x64xf32>
      attn_tile.phase "copy" grid(%batch = %batches) {
        %zero = arith.constant 0 : index
        %rows = attn_tile.load_queries %query[%batch, %zero, %zero]
            count %queries group 8
            : !attn_tile.view<?x?x8x64xf32> -> !attn_tile.tile<?x64xf32>
        attn_tile.store %rows, %output[%batch, %zero, %zero]
            count %queries group 8
            : !attn_tile.tile<?x64xf32>, !attn_tile.view<?x?x8x64xf32>
      }
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$argument_names,
                       AttnTile_ScheduleAttr:$schedule,
                       DenseI64ArrayAttr:$layers,
                       DenseI64ArrayAttr:$layer_rows,
                       OptionalAttr<StrAttr>:$kernel,
                       OptionalAttr<Attn_KernelScopeAttr>:$scope,
                       OptionalAttr<ArrayAttr>:$argument_axes,
                       OptionalAttr<I64Attr>:$result_count,
                       OptionalAttr<DenseI64ArrayAttr>:$updated);
  let regions = (region SizedRegion<1>:$body);
  let extraClassDeclaration = [{
    /// The kernel's name: programs that have it are schedules of one kernel.
    llvm::StringRef getKernelName() {
      return getKernel().value_or(getSymName());
    }
  }];
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def AttnTile_PhaseOp : AttnTile_Op<"phase", [
    NoTerminator, SingleBlock, HasParent<"ProgramOp">,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "grid of independent tasks";
  let description = [{
    Runs its body once for every point of the grid, in any order and on any
    number of threads; all tasks end before the next phase begins.

    Constraints:
      C1: there is one block argument of type index per extent.

    Example:

    ```mlir
    attn_tile.program @tasks(%query: !attn_tile.view<?x?x8x64xf32>,
                            %output: !attn_tile.view<?x?x8x64xf32>)
        attributes {
          argument_names = ["query", "output"],
          schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
              query_block = 64, key_block = 128, split_keys = 1024,
              max_splits = 32, split_tasks = false>} {
      %batches = attn_tile.dim %query, 0 : !attn_tile.view<?x?x8x64xf32>
      %queries = attn_tile.dim %query, 1 : !attn_tile.view<?x?x8x64xf32>
      attn_tile.phase "copy" grid(%batch = %batches, %row = %queries) {
        %length = attn_tile.length %query[%batch] : !attn_tile.view<?x?x8x64xf32>
      }
    }
    ```
  }];
  let arguments = (ins StrAttr:$phase_name, Variadic<Index>:$extents);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def AttnTile_ParameterOp : AttnTile_Op<"parameter", [Pure]> {
  let summary = "scalar that differs between layers of one geometry";
  let description = [{
    Reads the layer's constant. `values` lists one value per distinct set of
    constants. The side of a band that has no limit reads `unbounded`.

    Constraints:
      C1: there is at least one value.
      C2: the values of an index are i64, those of an f32 are f64.

    Example:

    ```mlir
    func.func @parameter() {
      %scale = attn_tile.parameter "scale" = [0.125, 0.25] : f32
      %left = attn_tile.parameter "left" = [4096, unbounded] : index
      return
    }
    ```
  }];
  let arguments = (ins StrAttr:$parameter_name, ArrayAttr:$values);
  let results = (outs AnyTypeOf<[F32, Index]>:$result);
  let assemblyFormat = [{
    $parameter_name `=` custom<Values>($values) attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def AttnTile_WorkspaceOp : AttnTile_Op<"workspace", [Pure]> {
  let summary = "room for running states between two phases";
  let description = [{
    Holds one state (maximum and denominator per row, weighted sum) of at most
    `rows` rows and `columns` columns for each point of `extents`.

    Constraints:
      C1: there are one to four extents; rows and columns are positive.

    Example:

    ```mlir
    func.func @workspace(%batches: index, %splits: index) {
      %states = attn_tile.workspace[%batches, %splits] rows 4 columns 64
          : !attn_tile.states
      return
    }
    ```
  }];
  let arguments = (ins Variadic<Index>:$extents, AttnTile_Count:$rows,
                       AttnTile_Count:$columns);
  let results = (outs AttnTile_StatesType:$states);
  let assemblyFormat = [{
    `[` $extents `]` `rows` $rows `columns` $columns attr-dict
    `:` type($states)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Loads and stores
//===----------------------------------------------------------------------===//

def AttnTile_LoadQueriesOp : AttnTile_Op<"load_queries", [Pure]> {
  let summary = "rows of one key/value group: positions times heads";
  let description = [{
    Row `r` is `view[batch, first + r / group, kv_head * group + r % group]`;
    there are `count * group` rows. Elements of 16 bits become the tile's f32.

    Constraints:
      C1: tile has a column for each element of a head.

    Example:

    ```mlir
    func.func @load_queries(%query: !attn_tile.view<?x?x8x64xf32>, %batch: index, %first: index,
                            %kv_head: index, %count: index) {
      %tile = attn_tile.load_queries %query[%batch, %first, %kv_head]
          count %count group 4
          : !attn_tile.view<?x?x8x64xf32> -> !attn_tile.tile<?x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_HeadsView:$view, Index:$batch, Index:$first,
                       Index:$kv_head, Index:$count, AttnTile_Count:$group);
  let results = (outs AttnTile_Matrix:$tile);
  let assemblyFormat = [{
    $view `[` $batch `,` $first `,` $kv_head `]` `count` $count `group` $group
    attr-dict `:` type($view) `->` type($tile)
  }];
  let hasVerifier = 1;
}

def AttnTile_LoadKeysOp : AttnTile_Op<"load_keys", [Pure]> {
  let summary = "block of keys or values, zero beyond the length";
  let description = [{
    Row `r` is `view[batch, first + r, kv_head]` for `first + r < length`; the
    others are zero and not read, whatever memory holds there. Several views
    stand side by side: the row has the elements of the first, then those of the
    next. A view of three dimensions has no heads: all share its rows. Elements
    of 16 bits become the tile's f32.

    Constraints:
      C1: tile has a column for each element of a row, and a static number of
          rows.
      C2: there is at least one view.

    Example:

    ```mlir
    func.func @load_keys(%key: !attn_tile.view<?x?x2x64xf32>,
                         %latent: !attn_tile.view<?x?x512xf32>,
                         %rope_key: !attn_tile.view<?x?x64xf32>, %batch: index,
                         %first: index, %kv_head: index, %length: index) {
      %tile = attn_tile.load_keys %key[%batch, %first, %kv_head] length %length
          : !attn_tile.view<?x?x2x64xf32> -> !attn_tile.tile<128x64xf32>
      %joined = attn_tile.load_keys %latent, %rope_key[%batch, %first, %kv_head]
          length %length
          : !attn_tile.view<?x?x512xf32>, !attn_tile.view<?x?x64xf32>
          -> !attn_tile.tile<128x576xf32>
      return
    }
    ```
  }];
  let arguments = (ins Variadic<AttnTile_KeysView>:$views, Index:$batch,
                       Index:$first, Index:$kv_head, Index:$length);
  let results = (outs AttnTile_Matrix:$tile);
  let assemblyFormat = [{
    $views `[` $batch `,` $first `,` $kv_head `]` `length` $length attr-dict
    `:` type($views) `->` type($tile)
  }];
  let hasVerifier = 1;
}

def AttnTile_ProjectOp : AttnTile_Op<"project", [Pure]> {
  let summary = "block of keys or values made of stored rows";
  let description = [{
    `product[r, n] = sum_k tile[r, k] * weight[n, k]`, `k` ascending, fused
    multiply-adds in f32 from zero on. What a cache holds of a key may be shorter
    than the key: a task makes the blocks that it needs, and no more of them
    exist at a time. Rows beyond the length are masked whatever they become.

    Constraints:
      C1: tile has a column for each column of weight.
      C2: product has the rows of tile, and a column for each row of weight.

    Example:

    ```mlir
    func.func @project(%latent: !attn_tile.view<?x?x512xf32>,
                       %up: !attn_tile.view<16x128x512xf32>, %batch: index,
                       %first: index, %kv_head: index, %length: index,
                       %row: index) {
      %zero = arith.constant 0 : index
      %size = arith.constant 128 : index
      %weight = attn_tile.load_rows %up[%row, %zero] count %size
          : !attn_tile.view<16x128x512xf32> -> !attn_tile.tile<128x512xf32>
      %rows = attn_tile.load_keys %latent[%batch, %first, %kv_head]
          length %length
          : !attn_tile.view<?x?x512xf32> -> !attn_tile.tile<128x512xf32>
      %keys = attn_tile.project %rows, %weight
          : !attn_tile.tile<128x512xf32>, !attn_tile.tile<128x512xf32>
          -> !attn_tile.tile<128x128xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_Matrix:$tile, AttnTile_Matrix:$weight);
  let results = (outs AttnTile_Matrix:$product);
  let assemblyFormat = [{
    $tile `,` $weight attr-dict `:` type($tile) `,` type($weight) `->`
    type($product)
  }];
  let hasVerifier = 1;
}

def AttnTile_JoinOp : AttnTile_Op<"join", [Pure]> {
  let summary = "blocks side by side";
  let description = [{
    A row of the result has the elements of the first tile's row, then those of
    the next: a key may have a part that is projected and a part that is stored.

    Constraints:
      C1: there are two tiles or more, with the rows of the result.
      C2: the result has the columns of all tiles.

    Example:

    ```mlir
    func.func @join(%projected: !attn_tile.tile<128x128xf32>,
                    %stored: !attn_tile.tile<128x64xf32>) {
      %key = attn_tile.join %projected, %stored
          : !attn_tile.tile<128x128xf32>, !attn_tile.tile<128x64xf32>
          -> !attn_tile.tile<128x192xf32>
      return
    }
    ```
  }];
  let arguments = (ins Variadic<AttnTile_Matrix>:$tiles);
  let results = (outs AttnTile_Matrix:$result);
  let assemblyFormat = [{
    $tiles attr-dict `:` type($tiles) `->` type($result)
  }];
  let hasVerifier = 1;
}

def AttnTile_StoreOp : AttnTile_Op<"store", [MemoryEffects<[MemWrite]>]> {
  let summary = "rows back to the caller's tensor";
  let description = [{
    The inverse of `attn_tile.load_queries`; a tile with one value per row goes
    to a view [batch, queries, heads]. Nothing happens when the view is absent.
    For a view of 16 bits elements are rounded to the nearest, ties to even; a
    NaN stays one.

    Constraints:
      C1: tile has rows and columns and view four dimensions, the last of which
          are equal; or tile has rows alone and view three dimensions.

    Example:

    ```mlir
    func.func @store(%lse: !attn_tile.tile<?xf32>, %view: !attn_tile.view<?x?x8xf32>,
                     %batch: index, %first: index, %kv_head: index, %count: index) {
      attn_tile.store %lse, %view[%batch, %first, %kv_head] count %count group 4
          : !attn_tile.tile<?xf32>, !attn_tile.view<?x?x8xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_TileType:$tile, AttnTile_ViewType:$view,
                       Index:$batch, Index:$first, Index:$kv_head,
                       Index:$count, AttnTile_Count:$group);
  let assemblyFormat = [{
    $tile `,` $view `[` $batch `,` $first `,` $kv_head `]` `count` $count
    `group` $group attr-dict `:` type($tile) `,` type($view)
  }];
  let hasVerifier = 1;
}

def AttnTile_SaveStateOp : AttnTile_Op<"save_state", [
    MemoryEffects<[MemWrite]>]> {
  let summary = "running state parked for the next phase";
  let description = [{
    Writes the state to the place of `indices`; other places are untouched.
    Tasks of a phase save to different places.

    Constraints:
      C1: there is one index for each extent of the workspace.
      C2: the state has the workspace's columns.
      C3: maximum, denominator and sum have the same rows.

    Example:

    ```mlir
    func.func @save_state(%maximum: !attn_tile.tile<?xf32>,
        %denominator: !attn_tile.tile<?xf32>, %sum: !attn_tile.tile<?x64xf32>, %split: index) {
      %states = attn_tile.workspace[%split] rows 4 columns 64 : !attn_tile.states
      attn_tile.save_state %maximum, %denominator, %sum, %states[%split]
          : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_Rows:$maximum,
                       AttnTile_Rows:$denominator,
                       AttnTile_Matrix:$sum, AttnTile_StatesType:$states,
                       Variadic<Index>:$indices);
  let assemblyFormat = [{
    $maximum `,` $denominator `,` $sum `,` $states `[` $indices `]` attr-dict
    `:` type($maximum) `,` type($denominator) `,` type($sum)
  }];
  let hasVerifier = 1;
}

def AttnTile_LoadStateOp : AttnTile_Op<"load_state", [
    MemoryEffects<[MemRead]>]> {
  let summary = "running state parked by an earlier phase";
  let description = [{
    The first `rows` rows of the state that `attn_tile.save_state` put at
    `indices`.

    Constraints:
      C1: there is one index for each extent of the workspace.
      C2: the state has the workspace's columns.
      C3: maximum, denominator and sum have the same rows.

    Example:

    ```mlir
    func.func @load_state(%split: index, %rows: index) {
      %states = attn_tile.workspace[%split] rows 4 columns 64 : !attn_tile.states
      %maximum, %denominator, %sum = attn_tile.load_state %states[%split] rows %rows
          : !attn_tile.tile<?xf32>, !attn_tile.tile<?xf32>, !attn_tile.tile<?x64xf32>
      return
    }
    ```
  }];
  let arguments = (ins AttnTile_StatesType:$states, Variadic<Index>:$indices,
                       Index:$rows);
  let results = (outs AttnTile_Rows:$maximum,
                      AttnTile_Rows:$denominator, AttnTile_Matrix:$sum);
  let assemblyFormat = [{
    $states `[` $indices `]` `rows` $rows attr-dict
    `:` type($maximum) `,` type($denominator) `,` type($sum)
  }];
  let hasVerifier = 1;
}

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
