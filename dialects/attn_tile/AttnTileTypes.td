//===- AttnTileTypes.td - views, tiles, states, schedules --*- tablegen -*-===//
//
// What tasks read and write, what they compute on, and the sizes they use.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_TILE_ATTNTILETYPES_TD
#define DIALECTS_ATTN_TILE_ATTNTILETYPES_TD

include "dialects/attn_tile/AttnTileDialect.td"
include "mlir/IR/EnumAttr.td"

def AttnTile_Axis : I32EnumAttr<"Axis", "what a dimension of an argument counts", [
    I32EnumAttrCase<"None", 0, "">,
    I32EnumAttrCase<"Batch", 1, "batch">,
    I32EnumAttrCase<"QueryLength", 2, "query_length">,
    I32EnumAttrCase<"KvCapacity", 3, "kv_capacity">]> {
  let cppNamespace = "::attn::tile";
}

class AttnTile_Type<string name, string typeMnemonic>
    : TypeDef<AttnTile_Dialect, name> {
  let mnemonic = typeMnemonic;
}

class AttnTile_ShapedType<string name, string typeMnemonic>
    : AttnTile_Type<name, typeMnemonic> {
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1;
}

def AttnTile_ViewType : AttnTile_ShapedType<"View", "view"> {
  let summary = "caller's tensor, strided, possibly absent";
  let description = [{
    `!attn_tile.view<?x?x8x128xf32>`: a tensor in the caller's memory, or in
    that of the call. Views know their sizes and strides; an optional one may be
    absent.

    Constraints:
      C1: there are one to six dimensions of at least one element each.
  }];
  let genVerifyDecl = 1;
}

def AttnTile_TileType : AttnTile_ShapedType<"Tile", "tile"> {
  let summary = "block of values without a layout";
  let description = [{
    `!attn_tile.tile<?x128xf32>` has rows and columns, `!attn_tile.tile<?xf32>`
    one value per row.

    Constraints:
      C1: there are rows and at most one dimension of columns, of at least one
          element each.
      C2: elements are f32, i1 or i32.
  }];
  let genVerifyDecl = 1;
}

def AttnTile_StatesType : AttnTile_Type<"States", "states"> {
  let summary = "running states parked between two phases";
}

def AttnTile_ScheduleAttr : AttrDef<AttnTile_Dialect, "Schedule"> {
  let mnemonic = "schedule";
  let summary = "block sizes of a program, and the calls that it serves";
  let description = [{
    A program serves calls of at most `max_queries` queries per sequence; a
    task covers `query_block` of them (times the group). Keys are visited in
    blocks of `key_block`, and gathered in at most `max_splits` splits, the
    smallest power-of-two multiple of `split_keys` keys each. With
    `split_tasks` every split is a task of its own and a second phase merges
    them; without, a task merges its splits as it goes. Blocks and splits start
    at multiples of their size, so that the order of operations on a row does
    not depend on the schedule, as long as key_block, split_keys and max_splits
    agree. A task that multiplies by a weight takes `product_rows` rows, by
    default as many as there are queries in a task.

    Constraints:
      C1: all sizes are positive; product_rows may be left out.
      C2: key_block divides split_keys.
  }];
  let parameters = (ins
    StringRefParameter<"name of the program's variant">:$name,
    "int64_t":$max_queries, "int64_t":$query_block, "int64_t":$key_block,
    "int64_t":$split_keys, "int64_t":$max_splits, "bool":$split_tasks,
    DefaultValuedParameter<"int64_t", "0">:$product_rows);
  let extraClassDeclaration = [{
    /// max_queries where any number of queries will do.
    static constexpr int64_t kAnyQueries = (int64_t(1) << 31) - 1;
    bool takesAnyQueries() const { return getMaxQueries() >= kAnyQueries; }
    /// Rows of a task that multiplies by a weight, or more where that is less
    /// than what can share one look at the weight.
    int64_t getRowBlock() const {
      constexpr int64_t fewest = 8;
      return std::max(getProductRows() ? getProductRows() : getQueryBlock(),
                      fewest);
    }
  }];
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def AttnTile_FootprintAttr : AttrDef<AttnTile_Dialect, "Footprint"> {
  let mnemonic = "footprint";
  let summary = "memory of a program on one target";
  let description = [{
    What a target's lowering of a program asks of its caller: `scratch_bytes` of
    memory for each running task, `state_bytes` for each saved state. A function
    that stands for a lowered program carries it as `attn_tile.footprint`.

    Constraints:
      C1: neither is negative.
  }];
  let parameters = (ins "int64_t":$scratch_bytes, "int64_t":$state_bytes);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Shapes of operands
//===----------------------------------------------------------------------===//

class AttnTile_OfRanks<Type type, int least, int most, string what>
    : ConfinedType<type, [
        CPred<"::llvm::cast<" # type.cppType # ">($_self).getShape().size() >= "
              # least>,
        CPred<"::llvm::cast<" # type.cppType # ">($_self).getShape().size() <= "
              # most>], what, type.cppType>;
class AttnTile_OfRank<Type type, int rank, string what>
    : AttnTile_OfRanks<type, rank, rank, what>;

// [batch, sequence, heads, dim]
def AttnTile_HeadsView
    : AttnTile_OfRank<AttnTile_ViewType, 4, "view of four dimensions">;
// The same, or [batch, sequence, dim] for rows that all heads share
def AttnTile_KeysView
    : AttnTile_OfRanks<AttnTile_ViewType, 3, 4,
                       "view of three or four dimensions">;
// One element per batch row, or per head
def AttnTile_VectorView
    : AttnTile_OfRank<AttnTile_ViewType, 1, "view of one dimension">;
// [batch, keys], or rows and columns of a table
def AttnTile_MatrixView
    : AttnTile_OfRank<AttnTile_ViewType, 2, "view of two dimensions">;
// Rows and columns
def AttnTile_Matrix
    : AttnTile_OfRank<AttnTile_TileType, 2, "tile of rows and columns">;
// One value per row
def AttnTile_Rows
    : AttnTile_OfRank<AttnTile_TileType, 1, "tile of one value per row">;

def AttnTile_Count : ConfinedAttr<I64Attr, [IntPositive]>;

#endif // DIALECTS_ATTN_TILE_ATTNTILETYPES_TD
