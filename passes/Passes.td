//===- Passes.td - target-independent passes ---------------*- tablegen -*-===//
//
// Names, options and documentation of the passes between the levels of the
// attn dialect, in the order in which they run.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_PASSES_TD
#define PASSES_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// Declared to graph
//===----------------------------------------------------------------------===//

def ExpandLayers : Pass<"attn-expand-layers", "::mlir::ModuleOp"> {
  let summary = "write declared layers out as graph functions";
  let description = [{
    Turns each `attn.grouped @NAME` into the function `@NAME_core`: attention of
    rotated queries against cached keys and values, with the tensors' names in
    `attn.name`, the model's layers in `attn.layers`, and `attn.scope` core:
    projections and rotation belong to the caller. An `attn.latent @NAME`
    becomes two functions, since callers choose the form: `@NAME_expanded_core`
    with keys and values of every head, and `@NAME_absorbed_core`, whose one key
    head is `[latent, rope_key]` and whose value is the latent. `attn.refused`
    stays.

    Scope `attend` is the function `@NAME_attend` of projected queries, keys and
    values: biases, norms and rotation, the append to the caches, attention.
    Scope `layer` is `@NAME_layer` of hidden states, with the projections around
    that. Caches are updated in place: a result has `attn.updates`, the name of
    the argument whose place it takes, and no name of its own.

    Where absorbed attention is less work for some calls of a latent layer, its
    scope attend has the steps of it too, whose products an engine may replace:
    `@NAME_absorb_query_attend` multiplies queries by the up-projection of keys,
    `@NAME_absorbed_attend` attends to the latents, and
    `@NAME_expand_output_attend` multiplies by the up-projection of values. What
    is between them is f32.

    Requires: no symbol that a layer becomes exists yet.
    Ensures: no `attn.grouped` and no `attn.latent` is left
    (`attn-verify-graph`).

    ```mlir
    attn.grouped @tiny {hidden = 64, heads = 4, kv_heads = 2, head_dim = 16,
        layers = [0, 1], mask = #attn.causal}
    // -----
    func.func @tiny_core(
        %query: tensor<?x?x4x16xf32> {attn.name = "query"},
        %key: tensor<?x?x2x16xf32> {attn.name = "key"},
        %value: tensor<?x?x2x16xf32> {attn.name = "value"},
        %kv_lengths: tensor<?xi32> {attn.name = "kv_lengths"})
        -> (tensor<?x?x4x16xf32> {attn.name = "output"},
            tensor<?x?x4xf32> {attn.name = "lse"})
        attributes {attn.layers = #attn.layers<0, 1>,
                    attn.scope = #attn.scope<core>} {
      %keys = attn.repeat_kv %key {times = 2}
          : tensor<?x?x2x16xf32> -> tensor<?x?x4x16xf32>
      %values = attn.repeat_kv %value {times = 2}
          : tensor<?x?x2x16xf32> -> tensor<?x?x4x16xf32>
      %score = attn.score %query, %keys
          : tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32> -> tensor<?x4x?x?xf32>
      %scaled = attn.scale %score {by = 0.25} : tensor<?x4x?x?xf32>
      %masked = attn.mask %scaled lengths(%kv_lengths : tensor<?xi32>)
          {mask = #attn.causal} : tensor<?x4x?x?xf32>
      %probability, %lse = attn.softmax %masked
          : tensor<?x4x?x?xf32> -> tensor<?x4x?x?xf32>, tensor<?x?x4xf32>
      %output = attn.weighted_sum %probability, %values
          : tensor<?x4x?x?xf32>, tensor<?x?x4x16xf32> -> tensor<?x?x4x16xf32>
      return %output, %lse : tensor<?x?x4x16xf32>, tensor<?x?x4xf32>
    }
    ```
  }];
  let options = [
    ListOption<"scopes", "scopes", "std::string",
               "core, attend or layer, a function for each; the default is "
               "core, which needs no weights">,
    Option<"steps", "steps", "bool", "true",
           "the steps of absorbed attention are functions of their own, which "
           "engines may replace">
  ];
  let dependentDialects = ["::attn::AttnDialect", "::mlir::func::FuncDialect"];
}

def VerifyGraph : Pass<"attn-verify-graph", "::mlir::ModuleOp"> {
  let summary = "check that no declared layer is left";
  let description = [{
    Stands between the declared and the graph level.

    Requires: nothing.
    Ensures: every layer is a function, or refused by name.

    ```mlir
    attn.refused @rwkv "linear attention is not supported" {
      layers = [0]}
    // -----
    attn.refused @rwkv "linear attention is not supported" {
      layers = [0]}
    ```
  }];
}

//===----------------------------------------------------------------------===//
// Upstream dialects to graph
//===----------------------------------------------------------------------===//

def ConvertLinalgToAttn : Pass<"convert-linalg-to-attn", "::mlir::ModuleOp"> {
  let summary = "write structured operations with the graph level's names";
  let description = [{
    Contractions whose bodies add products, and do nothing else, become
    `attn.matmul`, elementwise operations those of the graph level, comparisons
    of coordinates triangles, and reshapes views. A softmax
    may be `linalg.softmax` or spelled out, `exp(s - max(s)) / sum(exp(s -
    max(s)))`, over any number of operations: elements are compared, not
    operations. In a row of infinities alone that divides 0 by 0, where
    `attn.softmax` has 0.

    Requires: tensors, float32 and booleans.
    Ensures: what is left of linalg and tensor has no counterpart; a remark
    names the step.

    ```mlir
    func.func @score(%query: tensor<6x4xf32>, %key: tensor<6x4xf32>)
        -> tensor<6x6xf32> {
      %zero = arith.constant 0.0 : f32
      %empty = tensor.empty() : tensor<6x6xf32>
      %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<6x6xf32>)
          -> tensor<6x6xf32>
      %empty_1 = tensor.empty() : tensor<4x6xf32>
      %transposed = linalg.transpose ins(%key : tensor<6x4xf32>)
          outs(%empty_1 : tensor<4x6xf32>) permutation = [1, 0]
      %score = linalg.matmul
          ins(%query, %transposed : tensor<6x4xf32>, tensor<4x6xf32>)
          outs(%init : tensor<6x6xf32>) -> tensor<6x6xf32>
      return %score : tensor<6x6xf32>
    }
    // -----
    func.func @score(%query: tensor<6x4xf32>, %key: tensor<6x4xf32>)
        -> tensor<6x6xf32> {
      %transposed = attn.transpose %key {permutation = array<i64: 1, 0>}
          : tensor<6x4xf32> -> tensor<4x6xf32>
      %score = attn.matmul %query, %transposed
          : tensor<6x4xf32>, tensor<4x6xf32> -> tensor<6x6xf32>
      return %score : tensor<6x6xf32>
    }
    ```
  }];
  let options = [
    Option<"strict", "strict", "bool", "false",
           "what stays is an error, one for each function: no kernel is "
           "compiled from it">
  ];
  let dependentDialects = ["::attn::AttnDialect"];
}

//===----------------------------------------------------------------------===//
// Graph to fused
//===----------------------------------------------------------------------===//

def UnfoldHeads : Pass<"attn-unfold-heads", "::mlir::ModuleOp"> {
  let summary = "make heads that are folded into the batch a dimension";
  let description = [{
    Products of [batch * heads, ...] that come from [batch, heads, ...] are
    written on the latter, and so are the steps between them; the folding moves
    down until it meets what unfolds it again. Masks beside folded scores are
    unfolded with them.

    Requires: nothing.
    Ensures: the function is the same. Heads that are folded where batch or
    heads are dynamic stay in the batch.

    ```mlir
    func.func @score(%query: tensor<2x3x6x4xf32>, %key: tensor<2x3x4x6xf32>)
        -> tensor<6x6x6xf32> {
      %folded = attn.flatten %query {dim = 0}
          : tensor<2x3x6x4xf32> -> tensor<6x6x4xf32>
      %transposed = attn.flatten %key {dim = 0}
          : tensor<2x3x4x6xf32> -> tensor<6x4x6xf32>
      %score = attn.matmul %folded, %transposed
          : tensor<6x6x4xf32>, tensor<6x4x6xf32> -> tensor<6x6x6xf32>
      return %score : tensor<6x6x6xf32>
    }
    // -----
    func.func @score(%query: tensor<2x3x6x4xf32>, %key: tensor<2x3x4x6xf32>)
        -> tensor<6x6x6xf32> {
      %score = attn.matmul %query, %key
          : tensor<2x3x6x4xf32>, tensor<2x3x4x6xf32> -> tensor<2x3x6x6xf32>
      %folded = attn.flatten %score {dim = 0}
          : tensor<2x3x6x6xf32> -> tensor<6x6x6xf32>
      return %folded : tensor<6x6x6xf32>
    }
    ```
  }];
  let dependentDialects = ["::attn::AttnDialect"];
}

def RaiseAttention : Pass<"attn-raise-attention", "::mlir::ModuleOp"> {
  let summary = "write attention that frameworks spell as the textbook does";
  let description = [{
    Recognises a product, a softmax along its last dimension and another product,
    with scales, one softcap and masks between them in any spelling, and writes
    `attn.score` to `attn.weighted_sum` on [batch, sequence, heads, dim]. Ranks
    2 ([sequence, dim]), 3 (with a batch) and 4 (with heads) get what they lack
    as dimensions of size 1; transposes that cancel out go.

    Scales of queries, keys and scores, multiplied or divided, become one.
    Constant masks are evaluated exactly, row by row, however they are composed;
    a set of keys that is a band becomes `#attn.causal` or `#attn.window`, which
    a square mask aligns top-left. Masks of other sets, and those that come in
    at run time, stay tensors: filled in, or added. Probabilities that are
    masked and divided by their sums are those of masked scores, because the
    first denominator cancels out, provided that each row sees a key.

    A finite fill `f` equals -inf if each row sees a key and `f <= -(2 B + 104)`,
    where `B` bounds the scores: the softcap, or 1e30 (semantics, item 7). A
    visible score is at least `-B`, a hidden one at most `B + f`, and `exp(-104)`
    is 0 in float32. With tensors left, rows without a key are possible.

    Requires: nothing.
    Ensures: the function is the same, up to rounding. Attention that is not
    proven stays, with a remark that says why.

    ```mlir
    func.func @causal(%query: tensor<2x6x4xf32>, %key: tensor<2x6x4xf32>,
                      %value: tensor<2x6x4xf32>) -> tensor<2x6x4xf32> {
      %transposed = attn.transpose %key {permutation = array<i64: 0, 2, 1>}
          : tensor<2x6x4xf32> -> tensor<2x4x6xf32>
      %score = attn.matmul %query, %transposed
          : tensor<2x6x4xf32>, tensor<2x4x6xf32> -> tensor<2x6x6xf32>
      %ones = attn.full {value = true} : tensor<6x6xi1>
      %future = attn.triu %ones {diagonal = 1} : tensor<6x6xi1>
      %masked = attn.masked_fill %score, %future
          {value = 0xFFF0000000000000 : f64} : tensor<2x6x6xf32>, tensor<6x6xi1>
      %scaled = attn.scale %masked {by = 0.5} : tensor<2x6x6xf32>
      %weights = attn.softmax %scaled : tensor<2x6x6xf32> -> tensor<2x6x6xf32>
      %output = attn.matmul %weights, %value
          : tensor<2x6x6xf32>, tensor<2x6x4xf32> -> tensor<2x6x4xf32>
      return %output : tensor<2x6x4xf32>
    }
    // -----
    func.func @causal(%query: tensor<2x6x4xf32>, %key: tensor<2x6x4xf32>,
                      %value: tensor<2x6x4xf32>) -> tensor<2x6x4xf32> {
      %queries = attn.expand %query {dim = 2}
          : tensor<2x6x4xf32> -> tensor<2x6x1x4xf32>
      %keys = attn.expand %key {dim = 2}
          : tensor<2x6x4xf32> -> tensor<2x6x1x4xf32>
      %score = attn.score %queries, %keys
          : tensor<2x6x1x4xf32>, tensor<2x6x1x4xf32> -> tensor<2x1x6x6xf32>
      %scaled = attn.scale %score {by = 0.5} : tensor<2x1x6x6xf32>
      %masked = attn.mask %scaled {mask = #attn.causal<alignment = top_left>}
          : tensor<2x1x6x6xf32>
      %weights = attn.softmax %masked
          : tensor<2x1x6x6xf32> -> tensor<2x1x6x6xf32>
      %values = attn.expand %value {dim = 2}
          : tensor<2x6x4xf32> -> tensor<2x6x1x4xf32>
      %context = attn.weighted_sum %weights, %values
          : tensor<2x1x6x6xf32>, tensor<2x6x1x4xf32> -> tensor<2x6x1x4xf32>
      %output = attn.flatten %context {dim = 2}
          : tensor<2x6x1x4xf32> -> tensor<2x6x4xf32>
      return %output : tensor<2x6x4xf32>
    }
    ```
  }];
  let dependentDialects = ["::attn::AttnDialect"];
}

def EliminateKvRepeat : Pass<"attn-eliminate-kv-repeat", "::mlir::ModuleOp"> {
  let summary = "read grouped key and value heads instead of repeating them";
  let description = [{
    `attn.score`, `attn.weighted_sum` and `attn.flash` know grouped heads, so
    that a repeated tensor need not be stored: query head `h` reads head
    `h / group` of the original. Heads may be repeated by `attn.repeat_kv`, by
    `attn.repeat_interleave`, by an expansion that is flattened, or by an
    expansion of a single head, and views, scales and rotations may follow.
    `attn.tile`, and an expansion in front of the heads, put head `h mod n`
    where a group has `h / group`: they stay, with a remark.

    Requires: nothing.
    Ensures: no repetition feeds an operation that knows groups. One that feeds
    anything else stays, with a remark that names the user.

    ```mlir
    func.func @grouped(%query: tensor<?x?x32x128xf32>,
                       %key: tensor<?x?x8x128xf32>) -> tensor<?x32x?x?xf32> {
      %keys = attn.repeat_kv %key {times = 4}
          : tensor<?x?x8x128xf32> -> tensor<?x?x32x128xf32>
      %score = attn.score %query, %keys
          : tensor<?x?x32x128xf32>, tensor<?x?x32x128xf32>
          -> tensor<?x32x?x?xf32>
      return %score : tensor<?x32x?x?xf32>
    }
    // -----
    func.func @grouped(%query: tensor<?x?x32x128xf32>,
                       %key: tensor<?x?x8x128xf32>) -> tensor<?x32x?x?xf32> {
      %score = attn.score %query, %key
          : tensor<?x?x32x128xf32>, tensor<?x?x8x128xf32>
          -> tensor<?x32x?x?xf32>
      return %score : tensor<?x32x?x?xf32>
    }
    ```
  }];
  let dependentDialects = ["::attn::AttnDialect"];
}

def FuseMaskedSoftmax : Pass<"attn-fuse-masked-softmax", "::mlir::ModuleOp"> {
  let summary = "join scale, softcap, mask and softmax";
  let description = [{
    Follows a softmax's scores upwards through at most one mask, one boolean and
    one added tensor, one softcap and one scale, in the order that the semantics
    fix. What is missing becomes neutral: scale 1, no softcap,
    `#attn.bidirectional`. What stands before an `attn.position_bias` waits for
    `attn-form-flash`.

    Requires: nothing.
    Ensures: every `attn.softmax` whose scores take these steps in this order,
    and are used nowhere else, is an `attn.masked_softmax`. Another order is
    another function: it stays, with a remark that names the steps.

    ```mlir
    func.func @causal(%score: tensor<?x8x?x?xf32>) -> tensor<?x8x?x?xf32> {
      %scaled = attn.scale %score {by = 0.125} : tensor<?x8x?x?xf32>
      %masked = attn.mask %scaled {mask = #attn.causal} : tensor<?x8x?x?xf32>
      %probability, %lse = attn.softmax %masked
          : tensor<?x8x?x?xf32> -> tensor<?x8x?x?xf32>, tensor<?x?x8xf32>
      return %probability : tensor<?x8x?x?xf32>
    }
    // -----
    func.func @causal(%score: tensor<?x8x?x?xf32>) -> tensor<?x8x?x?xf32> {
      %probability, %lse = attn.masked_softmax %score
          {scale = 0.125, mask = #attn.causal}
          : tensor<?x8x?x?xf32> -> tensor<?x8x?x?xf32>, tensor<?x?x8xf32>
      return %probability : tensor<?x8x?x?xf32>
    }
    ```
  }];
  let dependentDialects = ["::attn::AttnDialect"];
}

def AbsorbProjections : Pass<"attn-absorb-projections", "::mlir::ModuleOp"> {
  let summary = "attend to shared latents instead of projecting keys and values";
  let description = [{
    Where keys and values of every head are products of the same rows with
    weights, the products can move: `q . (W c) = (q W) . c`, and `sum_j p_j (W
    c_j) = W sum_j p_j c_j`. All heads then share one key head, the rows, beside
    a part of the key that they share anyway (a rotated one), and keys and
    values are never stored (DeepSeek-AI 2024). The pass looks at operations
    alone: heads may be split before or after the weights' parts, swapped with
    the sequence, repeated by any operation; products may be `attn.linear` or
    `attn.matmul`, of keys and values together or apart.

    With N heads, L elements of a row, P + R of a query and V of a value, a call
    of `q` queries on `k` keys has `2 N q k (P + R + V) + 2 N L k (P + V)` FLOPs
    expanded and `2 N q k (2 L + R) + 2 N L q (P + V)` absorbed; it moves the
    rows and weights, and expanded the keys and values too, written and read.
    The form with less work is chosen, a byte counted as 8 FLOPs.

    Requires: `attn-fuse-masked-softmax` ran.
    Ensures: attention whose keys and values are projected from shared rows has
    the chosen form, with a remark that gives the numbers. Projections that
    something else needs too, rotated parts that differ by head, and keys and
    values of different rows stay, with a remark that says so.

    ```mlir
    func.func @decode(%query: tensor<1x1x4x6xf32>, %latent: tensor<1x64x16xf32>,
                      %rope: tensor<1x64x1x2xf32>, %weight: tensor<32x16xf32>)
        -> tensor<1x1x4x4xf32> {
      %kv = attn.linear %latent, %weight
          : tensor<1x64x16xf32>, tensor<32x16xf32> -> tensor<1x64x32xf32>
      %heads = attn.unflatten %kv {dim = 2} : tensor<1x64x32xf32> -> tensor<1x64x4x8xf32>
      %nope = attn.slice %heads {dim = 3, offset = 0}
          : tensor<1x64x4x8xf32> -> tensor<1x64x4x4xf32>
      %value = attn.slice %heads {dim = 3, offset = 4}
          : tensor<1x64x4x8xf32> -> tensor<1x64x4x4xf32>
      %ropes = attn.repeat_kv %rope {times = 4} : tensor<1x64x1x2xf32> -> tensor<1x64x4x2xf32>
      %key = attn.concat %nope, %ropes {dim = 3}
          : tensor<1x64x4x4xf32>, tensor<1x64x4x2xf32> -> tensor<1x64x4x6xf32>
      %score = attn.score %query, %key
          : tensor<1x1x4x6xf32>, tensor<1x64x4x6xf32> -> tensor<1x4x1x64xf32>
      %probability, %lse = attn.masked_softmax %score {scale = 0.4, mask = #attn.causal}
          : tensor<1x4x1x64xf32> -> tensor<1x4x1x64xf32>, tensor<1x1x4xf32>
      %output = attn.weighted_sum %probability, %value
          : tensor<1x4x1x64xf32>, tensor<1x64x4x4xf32> -> tensor<1x1x4x4xf32>
      return %output : tensor<1x1x4x4xf32>
    }
    // -----
    func.func @decode(%query: tensor<1x1x4x6xf32>, %latent: tensor<1x64x16xf32>,
                      %rope: tensor<1x64x1x2xf32>, %weight: tensor<32x16xf32>)
        -> tensor<1x1x4x4xf32> {
      %nope = attn.slice %query {dim = 3, offset = 0}
          : tensor<1x1x4x6xf32> -> tensor<1x1x4x4xf32>
      %query_rope = attn.slice %query {dim = 3, offset = 4}
          : tensor<1x1x4x6xf32> -> tensor<1x1x4x2xf32>
      %heads = attn.unflatten %weight {dim = 0} : tensor<32x16xf32> -> tensor<4x8x16xf32>
      %up = attn.slice %heads {dim = 1, offset = 0} : tensor<4x8x16xf32> -> tensor<4x4x16xf32>
      %absorbed = attn.head_linear %nope, %up {transposed}
          : tensor<1x1x4x4xf32>, tensor<4x4x16xf32> -> tensor<1x1x4x16xf32>
      %queries = attn.concat %absorbed, %query_rope {dim = 3}
          : tensor<1x1x4x16xf32>, tensor<1x1x4x2xf32> -> tensor<1x1x4x18xf32>
      %head = attn.expand %latent {dim = 2} : tensor<1x64x16xf32> -> tensor<1x64x1x16xf32>
      %key = attn.concat %head, %rope {dim = 3}
          : tensor<1x64x1x16xf32>, tensor<1x64x1x2xf32> -> tensor<1x64x1x18xf32>
      %score = attn.score %queries, %key
          : tensor<1x1x4x18xf32>, tensor<1x64x1x18xf32> -> tensor<1x4x1x64xf32>
      %probability, %lse = attn.masked_softmax %score {scale = 0.4, mask = #attn.causal}
          : tensor<1x4x1x64xf32> -> tensor<1x4x1x64xf32>, tensor<1x1x4xf32>
      %sum = attn.weighted_sum %probability, %head
          : tensor<1x4x1x64xf32>, tensor<1x64x1x16xf32> -> tensor<1x1x4x16xf32>
      %heads_1 = attn.unflatten %weight {dim = 0} : tensor<32x16xf32> -> tensor<4x8x16xf32>
      %down = attn.slice %heads_1 {dim = 1, offset = 4} : tensor<4x8x16xf32> -> tensor<4x4x16xf32>
      %output = attn.head_linear %sum, %down
          : tensor<1x1x4x16xf32>, tensor<4x4x16xf32> -> tensor<1x1x4x4xf32>
      return %output : tensor<1x1x4x4xf32>
    }
    ```
  }];
  let options = [
    Option<"form", "form", "::attn::AbsorbForm", "::attn::AbsorbForm::Auto",
           "form to leave: auto is the one with less work, absorbed and "
           "expanded are for comparison",
           [{::llvm::cl::values(
               clEnumValN(::attn::AbsorbForm::Auto, "auto", "less work"),
               clEnumValN(::attn::AbsorbForm::Absorbed, "absorbed",
                          "on the latents"),
               clEnumValN(::attn::AbsorbForm::Expanded, "expanded",
                          "on every head's own"))}]>,
    Option<"queryLength", "query-length", "int64_t", "1",
           "query tokens of a call where the IR leaves them open and the rows "
           "are cached; the default is decode">,
    Option<"kvLength", "kv-length", "int64_t", "4096",
           "keys of a call where the IR leaves them open, and queries too "
           "where the rows are not cached; the default is a few pages of "
           "text">
  ];
  let dependentDialects = ["::attn::AttnDialect"];
}

def FormFlash : Pass<"attn-form-flash", "::mlir::ModuleOp"> {
  let summary = "join scores, masked softmax and weighted sum";
  let description = [{
    Turns the three steps into one `attn.flash`, whose scores never exist as a
    tensor. A softcap and a bias of positions become its `score_mod` region:
    slopes of `#attn.alibi`, and buckets of `#attn.buckets`, which are counted up
    at thresholds and looked up in the table. The region is given a row's
    position, unless the sizes fix it, under the lengths of the mask. Of a bias
    with others a row's index does, which moves all of its scores alike, where
    that does not show; otherwise attention stays as it is, and a remark says so.

    Requires: `attn-eliminate-kv-repeat` ran, or key and value have the same
    number of heads anyway.
    Ensures: no `attn.masked_softmax` is left between an `attn.score` and an
    `attn.weighted_sum` that are its only neighbours.

    ```mlir
    func.func @attend(%query: tensor<?x?x8x64xf32>, %key: tensor<?x?x2x64xf32>,
                      %value: tensor<?x?x2x64xf32>) -> tensor<?x?x8x64xf32> {
      %score = attn.score %query, %key
          : tensor<?x?x8x64xf32>, tensor<?x?x2x64xf32> -> tensor<?x8x?x?xf32>
      %probability, %lse = attn.masked_softmax %score
          {scale = 0.125, mask = #attn.causal}
          : tensor<?x8x?x?xf32> -> tensor<?x8x?x?xf32>, tensor<?x?x8xf32>
      %output = attn.weighted_sum %probability, %value
          : tensor<?x8x?x?xf32>, tensor<?x?x2x64xf32> -> tensor<?x?x8x64xf32>
      return %output : tensor<?x?x8x64xf32>
    }
    // -----
    func.func @attend(%query: tensor<?x?x8x64xf32>, %key: tensor<?x?x2x64xf32>,
                      %value: tensor<?x?x2x64xf32>) -> tensor<?x?x8x64xf32> {
      %output, %lse = attn.flash %query, %key, %value
          {scale = 0.125, mask = #attn.causal}
          : tensor<?x?x8x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>
          -> tensor<?x?x8x64xf32>, tensor<?x?x8xf32>
      return %output : tensor<?x?x8x64xf32>
    }
    ```
  }];
  let dependentDialects = ["::attn::AttnDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def MergeStackedHeads : Pass<"attn-merge-stacked-heads", "::mlir::ModuleOp"> {
  let summary = "make one attention of single heads that are concatenated";
  let description = [{
    Heads that project the same inputs with weights of their own and are joined
    along the last dimension are one attention over weights joined along their
    outputs, and so are biases, in projections or added behind them. The weights
    are arguments: putting them together costs their bytes once a call, which the
    remark counts.

    Requires: `attn-form-flash` ran: a head is an `attn.flash`.
    Ensures: the function is the same. Heads that differ in more than their
    weights stay, and so do those whose projection something else reads.

    ```mlir
    !x = tensor<2x6x3xf32>
    !w = tensor<2x3xf32>
    !p = tensor<2x6x2xf32>
    !h = tensor<2x6x1x2xf32>
    func.func @stacked(%x: !x, %q0: !w, %k0: !w, %v0: !w) -> tensor<2x6x4xf32> {
      %query = attn.linear %x, %q0 : !x, !w -> !p
      %queries = attn.expand %query {dim = 2} : !p -> !h
      %key = attn.linear %x, %k0 : !x, !w -> !p
      %keys = attn.expand %key {dim = 2} : !p -> !h
      %value = attn.linear %x, %v0 : !x, !w -> !p
      %values = attn.expand %value {dim = 2} : !p -> !h
      %output, %lse = attn.flash %queries, %keys, %values
          {scale = 0.5, mask = #attn.causal}
          : !h, !h, !h -> !h, tensor<2x6x1xf32>
      %head = attn.flatten %output {dim = 2} : !h -> !p
      // Shortened: the second head stands for one of %q1, %k1 and %v1.
      %heads = attn.concat %head, %head {dim = 2} : !p, !p -> tensor<2x6x4xf32>
      return %heads : tensor<2x6x4xf32>
    }
    // -----
    !w = tensor<2x3xf32>
    !h = tensor<2x6x2x2xf32>
    func.func @stacked(%x: tensor<2x6x3xf32>, %q0: !w, %q1: !w, %keys: !h,
                       %values: !h) -> tensor<2x6x4xf32> {
      %w = attn.concat %q0, %q1 {dim = 0} : !w, !w -> tensor<4x3xf32>
      %query = attn.linear %x, %w
          : tensor<2x6x3xf32>, tensor<4x3xf32> -> tensor<2x6x4xf32>
      %queries = attn.unflatten %query {dim = 2} : tensor<2x6x4xf32> -> !h
      // Keys and values likewise.
      %output, %lse = attn.flash %queries, %keys, %values
          {scale = 0.5, mask = #attn.causal}
          : !h, !h, !h -> !h, tensor<2x6x2xf32>
      %heads = attn.flatten %output {dim = 2} : !h -> tensor<2x6x4xf32>
      return %heads : tensor<2x6x4xf32>
    }
    ```
  }];
  let dependentDialects = ["::attn::AttnDialect"];
}

def MergeProjections : Pass<"attn-merge-projections", "::mlir::ModuleOp"> {
  let summary = "project one input once instead of several times";
  let description = [{
    Several `attn.linear` of one input are one with more outputs, which reads
    the input once. That saves little: the second product finds the input in
    cache. Weights are arguments, and joining them copies them in every call,
    unless they are neighbours in one tensor, as packed ones are.

    Requires: nothing.
    Ensures: the function is the same. Projections of one input whose weights
    are neighbours are one; others stay, and the remark has the bytes.

    ```mlir
    func.func @packed(%x: tensor<2x?x8xf32>, %w: tensor<16x8xf32>)
        -> (tensor<2x?x8xf32>, tensor<2x?x8xf32>) {
      %wq = attn.slice %w {dim = 0, offset = 0}
          : tensor<16x8xf32> -> tensor<8x8xf32>
      %wk = attn.slice %w {dim = 0, offset = 8}
          : tensor<16x8xf32> -> tensor<8x8xf32>
      %query = attn.linear %x, %wq
          : tensor<2x?x8xf32>, tensor<8x8xf32> -> tensor<2x?x8xf32>
      %key = attn.linear %x, %wk
          : tensor<2x?x8xf32>, tensor<8x8xf32> -> tensor<2x?x8xf32>
      return %query, %key : tensor<2x?x8xf32>, tensor<2x?x8xf32>
    }
    // -----
    func.func @packed(%x: tensor<2x?x8xf32>, %w: tensor<16x8xf32>)
        -> (tensor<2x?x8xf32>, tensor<2x?x8xf32>) {
      %both = attn.linear %x, %w
          : tensor<2x?x8xf32>, tensor<16x8xf32> -> tensor<2x?x16xf32>
      %query = attn.slice %both {dim = 2, offset = 0}
          : tensor<2x?x16xf32> -> tensor<2x?x8xf32>
      %key = attn.slice %both {dim = 2, offset = 8}
          : tensor<2x?x16xf32> -> tensor<2x?x8xf32>
      return %query, %key : tensor<2x?x8xf32>, tensor<2x?x8xf32>
    }
    ```
  }];
  let options = [
    Option<"force", "force", "bool", "false",
           "join weights that lie apart too; off because that copies them in "
           "every call">
  ];
  let dependentDialects = ["::attn::AttnDialect"];
}

def AnalyzeMask : Pass<"attn-analyze-mask", "::mlir::ModuleOp"> {
  let summary = "prove what a mask shows, and say it in its shortest form";
  let description = [{
    From a mask and the static sizes beside it: limits that cut no key of any
    row are dropped (a causal mask with one query, which stands at the last
    key; a window or chunk longer than the keys), operands that nothing looks
    at any more with them, intersections are joined (a window within a causal
    mask is a causal window), and a top-left mask of as many queries as keys is
    the usual one.

    A remark on every `attn.flash` says how many blocks of keys each block of
    queries sees whole, in part and not at all; where sizes, lengths or
    operands are known to the call alone, it states the ranges instead.

    Requires: nothing.
    Ensures: no limit of a mask of `attn.flash` or `attn.masked_softmax` is
    provably idle.

    ```mlir
    func.func @decode(%query: tensor<4x1x8x64xf32>, %key: tensor<4x?x2x64xf32>,
                      %value: tensor<4x?x2x64xf32>, %lengths: tensor<4xi32>)
        -> tensor<4x1x8x64xf32> {
      %output, %lse = attn.flash %query, %key, %value
          lengths(%lengths : tensor<4xi32>) {scale = 0.125,
          mask = #attn.all<[#attn.causal, #attn.window<left = 128>]>}
          : tensor<4x1x8x64xf32>, tensor<4x?x2x64xf32>, tensor<4x?x2x64xf32>
          -> tensor<4x1x8x64xf32>, tensor<4x1x8xf32>
      return %output : tensor<4x1x8x64xf32>
    }
    // -----
    func.func @decode(%query: tensor<4x1x8x64xf32>, %key: tensor<4x?x2x64xf32>,
                      %value: tensor<4x?x2x64xf32>, %lengths: tensor<4xi32>)
        -> tensor<4x1x8x64xf32> {
      %output, %lse = attn.flash %query, %key, %value
          lengths(%lengths : tensor<4xi32>)
          {scale = 0.125, mask = #attn.window<left = 128>}
          : tensor<4x1x8x64xf32>, tensor<4x?x2x64xf32>, tensor<4x?x2x64xf32>
          -> tensor<4x1x8x64xf32>, tensor<4x1x8xf32>
      return %output : tensor<4x1x8x64xf32>
    }
    ```
  }];
  let options = [
    Option<"queryBlock", "query-block", "int64_t", "64",
           "queries of a block in remarks; the default is that of the generic "
           "schedule">,
    Option<"keyBlock", "key-block", "int64_t", "128",
           "keys of a block in remarks; the default is that of all schedules">
  ];
  let dependentDialects = ["::attn::AttnDialect"];
}

def SortByUse : Pass<"attn-sort-by-use", "::mlir::ModuleOp"> {
  let summary = "put operations in the order in which results need them";
  let description = [{
    Two spellings of one graph, fused, differ in the order of independent
    operations alone. Sorted from the results up, operands in order, they are
    the same text; and what is computed is used soon.

    Requires: nothing.
    Ensures: in functions without side effects, each operation stands where the
    first operation that needs it asks for it.

    ```mlir
    func.func @sum(%x: tensor<4xf32>) -> tensor<4xf32> {
      %second = attn.tanh %x : tensor<4xf32>
      %first = attn.relu %x : tensor<4xf32>
      %sum = attn.add %first, %second
          : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
      return %sum : tensor<4xf32>
    }
    // -----
    func.func @sum(%x: tensor<4xf32>) -> tensor<4xf32> {
      %first = attn.relu %x : tensor<4xf32>
      %second = attn.tanh %x : tensor<4xf32>
      %sum = attn.add %first, %second
          : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
      return %sum : tensor<4xf32>
    }
    ```
  }];
}

def VerifyFused : Pass<"attn-verify-fused", "::mlir::ModuleOp"> {
  let summary = "check that all attention is fused";
  let description = [{
    Stands between the fused level and the tiles. An operation of the graph
    level that is left is an error.

    Requires: nothing.
    Ensures: of the attn dialect, functions hold `attn.flash` alone, and what
    arranges the rows of its key and value: `attn.expand` to one head and
    `attn.concat` of heads' elements, which move nothing.

    ```mlir
    func.func @nothing_to_fuse(%output: tensor<?x?x8x64xf32>)
        -> tensor<?x?x8x64xf32> {
      return %output : tensor<?x?x8x64xf32>
    }
    // -----
    func.func @nothing_to_fuse(%output: tensor<?x?x8x64xf32>)
        -> tensor<?x?x8x64xf32> {
      return %output : tensor<?x?x8x64xf32>
    }
    ```
  }];
}

//===----------------------------------------------------------------------===//
// Fused to tiles
//===----------------------------------------------------------------------===//

def ConvertAttnToAttnTile
    : Pass<"convert-attn-to-attn-tile", "::mlir::ModuleOp"> {
  let summary = "turn each function into one tile program per schedule";
  let description = [{
    Writes the online softmax over key blocks once per schedule: those of the
    function's `attn_tile.schedules`, else those of the pass. Tasks of queries walk their keys split by split; with `split_tasks` every split is a
    task and a second phase merges them, with the same operations in the same
    order. Scores become base-2 logits.

    A function that is one `attn.flash` over arguments called after their parts
    (`query`, `key` ...), and returns both results, is only that. Keys may be the
    rows of several arguments side by side, `[batch, keys, size]` where all heads
    share them (`attn.expand`, `attn.concat`): they are loaded from where they
    are. In any other graph, shape operations become views, a tensor that the
    caller does not see a buffer, and products, norms, rotations and elementwise
    functions phases of their own, which take in what only they read: attention
    norms and rotates its queries where a task loads them. Keys are read by many
    tasks and are made before, but for products of a cache's rows, which would
    grow with the context: tasks multiply the blocks that they read, and cover
    many queries for it. Remarks tell of all three, and what has to be copied.

    Requires: attention is fused; arguments and results have names, at most
    three dynamic sizes among them, and 1 to 4 dimensions of f32, i1 or i32.
    Ensures: no function is left; one `attn_tile.program` named
    `<function>_<schedule>` stands for each function and schedule, a schedule of
    the kernel `<function>` with the function's layers and scope.

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
          kernel = "mha",
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
           "list of #attn_tile.schedule, one program each, for functions "
           "without attn_tile.schedules; the default is a generic prefill">
  ];
  let dependentDialects = ["::attn::tile::AttnTileDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::scf::SCFDialect"];
}

def ShareLayerPrograms
    : Pass<"attn-share-layer-programs", "::mlir::ModuleOp"> {
  let summary = "let layers of equal geometry share a tile program";
  let description = [{
    Joins programs of layers that are equal but for their names, layers and the
    values of their parameters: what differs between layers of one geometry (scale,
    window) is data, not code. The first program stays and gains a row of
    constants for every distinct set of values. Where one kernel is left in a
    named module, it and its programs lose the part of their name that told
    layers apart (NAME_KIND_SCOPE becomes NAME_SCOPE). A program without a scope
    is what a caller wrote and knows by name: it stays as it is.

    Requires: programs as `convert-attn-to-attn-tile` leaves them.
    Ensures: no two programs of layers have the same body and schedule.

    ```mlir
    attn_tile.program @sliding(%query: !attn_tile.view<?x?x1x8xf32>) layers [0] attributes {
        argument_names = ["query"], scope = #attn.scope<core>,
        schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
            query_block = 64, key_block = 128, split_keys = 1024,
            max_splits = 32, split_tasks = false>} {
      %left = attn_tile.parameter "left" = [128] : index
    }
    attn_tile.program @full(%query: !attn_tile.view<?x?x1x8xf32>) layers [1] attributes {
        argument_names = ["query"], scope = #attn.scope<core>,
        schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
            query_block = 64, key_block = 128, split_keys = 1024,
            max_splits = 32, split_tasks = false>} {
      %left = attn_tile.parameter "left" = [unbounded] : index
    }
    // -----
    attn_tile.program @sliding(%query: !attn_tile.view<?x?x1x8xf32>) layers [0], [1] attributes {
        argument_names = ["query"], scope = #attn.scope<core>,
        schedule = #attn_tile.schedule<name = "prefill", max_queries = 64,
            query_block = 64, key_block = 128, split_keys = 1024,
            max_splits = 32, split_tasks = false>} {
      %left = attn_tile.parameter "left" = [128, unbounded] : index
    }
    ```
  }];
  let dependentDialects = ["::attn::tile::AttnTileDialect"];
}

def VerifyTiles : Pass<"attn-verify-tiles", "::mlir::ModuleOp"> {
  let summary = "check that only programs and refused layers are left";
  let description = [{
    Stands between the tile level and the back ends, so that a back end meets
    nothing but `attn_tile.program`.

    Requires: nothing.
    Ensures: of the attn dialect, only `attn.refused` is left, and no function.

    ```mlir
    attn.refused @rwkv "linear attention is not supported" {
      layers = [0]}
    // -----
    attn.refused @rwkv "linear attention is not supported" {
      layers = [0]}
    ```
  }];
}

#endif // PASSES_PASSES_TD
