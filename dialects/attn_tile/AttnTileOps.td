//===- AttnTileOps.td - programs, phases, loads and stores -*- tablegen -*-===//
//
// What a kernel is made of, and what its tasks read and write.
//
//===----------------------------------------------------------------------===//

include "dialects/attn/AttnAttributes.td"
include "dialects/attn_tile/AttnTileRowOps.td"
include "dialects/attn_tile/AttnTileSizeOps.td"
include "dialects/attn_tile/AttnTileStepOps.td"
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
    written in place. These stand in programs of graphs. `lengths` is the
    argument, one entry for each sequence, that says how many keys are valid
    with those of the call; callers may leave it out.

    Constraints:
      C1: there is one name per argument, and all arguments are views.
      C2: layers ascend from 0 and have one layer row each.
      C3: layer rows are numbered from 0 without a gap, and every parameter has
          a value for each.
      C4: argument_axes has a list for every argument, and "", batch,
          query_length or kv_capacity for every dimension; result_count is not
          beyond the arguments.
      C5: updated names arguments before the written ones, ascending.
      C6: lengths is an argument before the written ones of one dimension, of
          i32.

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
                       OptionalAttr<DenseI64ArrayAttr>:$updated,
                       OptionalAttr<I64Attr>:$lengths);
  let regions = (region SizedRegion<1>:$body);
  let extraClassDeclaration = [{
    /// What the dimension of the argument counts, as far as that is said.
    Axis axisOf(unsigned argument, unsigned dimension);
    /// The first argument, and its first dimension, that counts `axis`.
    std::optional<std::pair<unsigned, unsigned>> findAxis(Axis axis);
    bool isUpdated(unsigned argument);

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
