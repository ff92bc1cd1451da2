//===- Passes.td - target-independent rewrites -------------*- tablegen -*-===//
//
// From declared layers to tile programs, one pass per rewrite, in the order
// of the pipeline.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_PASSES_TD
#define PASSES_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertAttnToAttnTile
    : Pass<"convert-attn-to-attn-tile", "::mlir::ModuleOp"> {
  let summary = "turn each fused function into one tile program per schedule";
  let description = [{
    Writes the online softmax over key blocks once per schedule. Tasks of
    queries walk their keys split by split; with `split_tasks` every split is a
    task and a second phase merges them, with the same operations in the same
    order. Scores become base-2 logits.

    Requires: every function is one `attn.flash` over its named arguments, with
    static heads and head sizes, and returns both results.
    Ensures: no function is left; one `attn_tile.program` named
    `<function>_<schedule>` stands for each function and schedule.

    ```mlir
    func.func @mha(%query: tensor<?x?x1x8xf32> {attn.name = "query"},
                   %key: tensor<?x?x1x8xf32> {attn.name = "key"},
                   %value: tensor<?x?x1x8xf32> {attn.name = "value"})
        -> (tensor<?x?x1x8xf32> {attn.name = "output"},
            tensor<?x?x1xf32> {attn.name = "lse"}) {
      %output, %lse = attn.flash %query, %key, %value
          {scale = 0.5, mask = #attn.causal}
          : tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>
          -> tensor<?x?x1x8xf32>, tensor<?x?x1xf32>
      return %output, %lse : tensor<?x?x1x8xf32>, tensor<?x?x1xf32>
    }
    // -----
    // After, shortened to its grid:
    attn_tile.program @mha_prefill(
        %query: !attn_tile.view<?x?x1x8xf32>, %key: !attn_tile.view<?x?x1x8xf32>,
        %value: !attn_tile.view<?x?x1x8xf32>,
        %output: !attn_tile.view<?x?x1x8xf32>, %lse: !attn_tile.view<?x?x1xf32>)
        attributes {
          argument_names = ["query", "key", "value", "output", "lse"],
          layers = array<i64: 0>, layer_rows = array<i64: 0>,
          schedule = #attn_tile.schedule<name = "prefill",
              max_queries = 2147483647, query_block = 64, key_block = 128,
              split_keys = 1024, max_splits = 32, split_tasks = false>} {
      %batches = attn_tile.dim %query, 0 : !attn_tile.view<?x?x1x8xf32>
      %kv_heads = arith.constant 1 : index
      %blocks = arith.constant 1 : index
      attn_tile.phase "attend" grid(%b = %batches, %h = %kv_heads, %t = %blocks) {
      }
    }
    ```
  }];
  let options = [
    Option<"schedules", "schedules", "std::string",
           [{"[#attn_tile.schedule<name = \"prefill\", max_queries = 2147483647, "
             "query_block = 64, key_block = 128, split_keys = 1024, "
             "max_splits = 32, split_tasks = false>]"}],
           "list of #attn_tile.schedule, one program each; the default is a "
           "generic prefill">
  ];
  let dependentDialects = ["::attn::tile::AttnTileDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect"];
}

def ShareLayerPrograms
    : Pass<"attn-share-layer-programs", "::mlir::ModuleOp"> {
  let summary = "let layers of equal geometry share a tile program";
  let description = [{
    Joins programs that are equal but for their names, layers and the values of
    their parameters: what differs between layers of one geometry (scale,
    window) is data, not code. The first program stays and gains a row of
    constants for every distinct set of values.

    Requires: programs as `convert-attn-to-attn-tile` leaves them.
    Ensures: no two programs of a module have the same body and schedule.

    ```mlir
    attn_tile.program @sliding(%query: !attn_tile.view<?x?x1x8xf32>) attributes {
        argument_names = ["query"], layers = array<i64: 0>, layer_rows = array<i64: 0>,
        schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
            query_block = 64, key_block = 128, split_keys = 1024,
            max_splits = 32, split_tasks = false>} {
      %left = attn_tile.parameter "left" = [128] : index
    }
    attn_tile.program @full(%query: !attn_tile.view<?x?x1x8xf32>) attributes {
        argument_names = ["query"], layers = array<i64: 1>, layer_rows = array<i64: 0>,
        schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
            query_block = 64, key_block = 128, split_keys = 1024,
            max_splits = 32, split_tasks = false>} {
      %left = attn_tile.parameter "left" = [2147483647] : index
    }
    // -----
    attn_tile.program @sliding(%query: !attn_tile.view<?x?x1x8xf32>) attributes {
        argument_names = ["query"], layers = array<i64: 0, 1>, layer_rows = array<i64: 0, 1>,
        schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
            query_block = 64, key_block = 128, split_keys = 1024,
            max_splits = 32, split_tasks = false>} {
      %left = attn_tile.parameter "left" = [128, 2147483647] : index
    }
    ```
  }];
  let dependentDialects = ["::attn::tile::AttnTileDialect"];
}

#endif // PASSES_PASSES_TD
