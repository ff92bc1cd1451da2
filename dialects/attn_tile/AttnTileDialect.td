//===- AttnTileDialect.td - the attn_tile dialect ----------*- tablegen -*-===//
//
// The algorithm once, for every target: phases of independent tasks over
// blocks of queries and keys.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_TILE_ATTNTILEDIALECT_TD
#define DIALECTS_ATTN_TILE_ATTNTILEDIALECT_TD

include "dialects/attn/AttnFields.td"
include "mlir/IR/AttrTypeBase.td"

def AttnTile_Dialect : Dialect {
  let name = "attn_tile";
  let cppNamespace = "::attn::tile";
  let summary = "Attention as phases of independent tasks over tiles";
  let description = [{
    A *program* is a list of phases; a *phase* is a grid of independent tasks.
    A task loads tiles from views, steps over key blocks with the running state
    of an online softmax carried as SSA values, and stores its rows. No tile is
    mutated and none carries a layout: panels, fragments and swizzles belong to
    the target.

    The rows of a query tile are positions times the heads of one key/value
    group, position-major: row `r` is the query `first + r / group` of the head
    `kv_head * group + r % group`.

    Scores are base-2 logits: whatever scales them carries log2(e), and
    `attn_tile.finish` goes back to natural logarithms.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let dependentDialects = ["::attn::AttnDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect"];
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerTypes();
  }];
}

class AttnTile_Op<string mnemonic, list<Trait> traits = []>
    : Op<AttnTile_Dialect, mnemonic, [Attn_KnownFields] # traits>;

#endif // DIALECTS_ATTN_TILE_ATTNTILEDIALECT_TD
