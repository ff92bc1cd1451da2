//===- AttnDeclaredOps.td - what a model card says ---------*- tablegen -*-===//
//
// Declared level: whole layers, and nothing about how they are computed.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNDECLAREDOPS_TD
#define DIALECTS_ATTN_ATTNDECLAREDOPS_TD

include "dialects/attn/AttnAttributes.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"

def Attn_GroupedOp : Attn_Op<"grouped", [Symbol]> {
  let summary = "attention layer with grouped heads (MHA, GQA, MQA)";
  let description = [{
    Computes `output = softmax(mask(scale * query . key)) . value` for `heads`
    query heads that share `kv_heads` key/value heads in consecutive groups.
    `kv_heads = heads` is multi-head, `kv_heads = 1` multi-query attention.
    `position_bias` is added to the scores before the mask, as by
    `attn.position_bias`: `#attn.alibi`, or `#attn.buckets` with a learned
    table, the tensor `bias_table` of [buckets, heads]. With `mask_operand`
    calls bring a tensor `mask` of [batch, heads, queries, keys] too, booleans
    (true = attend) or numbers that are added; all of its sizes but the last may
    be 1.

    `scale` is `1/sqrt(head_dim)` when absent, `value_dim` is `head_dim` when
    absent; `sinks` adds one learned logit per head to the denominator.
    `layers` lists the model's layers that this declaration stands for; `storage`
    says what their tensors are stored in, f32 when absent.

    Around it, in this order: projections of `hidden` elements, with biases
    where `qkv_bias` says so; `qk_norm` of queries and keys, `value_norm` of
    values; `position`; and behind it `gate` and the output projection, with
    `output_bias`. Caches hold keys after norm and position, values after theirs.
    `projections` tells how a checkpoint spells the weights.

    Constraints:
      C1: heads, kv_heads, head_dim and value_dim are positive; heads is at
          most 65536.
      C2: kv_heads divides heads.
      C3: head_dim and value_dim are at most 576.
      C4: scale is finite; softcap is positive and finite, both in f32.
      C5: position fits head_dim, as in `attn.rope`.
      C6: no other projection is called as that of gate.
      C7: mask_operand is i1, f32, f16 or bf16.

    Example:

    ```mlir
    attn.grouped @llama_3_8b {
      hidden = 4096, heads = 32, kv_heads = 8, head_dim = 128,
      layers = [0 to 31],
      position = #attn.rope<theta = 5.0e5>, mask = #attn.causal}

    attn.grouped @gated {
      hidden = 64, heads = 4, kv_heads = 2, head_dim = 16, layers = [32],
      position_bias = #attn.alibi, mask = #attn.causal,
      gate = #attn.gate<span = head, projection = "g_proj">}
    ```
  }];
  let arguments = (ins
    SymbolNameAttr:$sym_name,
    I64Attr:$hidden, I64Attr:$heads, I64Attr:$kv_heads, I64Attr:$head_dim,
    OptionalAttr<I64Attr>:$value_dim,
    Attn_LayersAttr:$layers,
    OptionalAttr<Attn_ProjectionsAttr>:$projections,
    UnitAttr:$qkv_bias, UnitAttr:$output_bias,
    OptionalAttr<Attn_NormAttr>:$qk_norm,
    OptionalAttr<Attn_NormAttr>:$value_norm,
    OptionalAttr<Attn_RopeAttr>:$position,
    OptionalAttr<Attn_BiasAttrInterface>:$position_bias,
    Attn_MaskAttrInterface:$mask, OptionalAttr<TypeAttr>:$mask_operand,
    OptionalAttr<F64Attr>:$scale, OptionalAttr<F64Attr>:$softcap,
    UnitAttr:$sinks, OptionalAttr<Attn_GateAttr>:$gate,
    OptionalAttr<Attn_StorageAttr>:$storage);
  let extraClassDeclaration = [{
    /// The largest head size that any back end compiles (semantics, item 14).
    static constexpr int64_t kMaxHeadDim = 576;
    /// Head size of values: value_dim, or head_dim when absent.
    int64_t getValueSize();
    /// Factor of the scores: scale, or 1/sqrt(head_dim) when absent.
    double getScoreScale();
    /// Rows of the tensor bias_table; 0: there is none.
    int64_t getTableRows();
    /// Elements of the gate of a query head; 0: there is no gate.
    int64_t getGateSize();
    /// Elements that the projection to queries makes for each head: a query
    /// and, where it makes that too, its gate.
    int64_t getQuerySize();
  }];
  let assemblyFormat = [{
    $sym_name custom<Fields>(attr-dict, "getOperationName()")
  }];
  let hasVerifier = 1;
}

def Attn_LatentOp : Attn_Op<"latent", [Symbol]> {
  let summary = "attention layer over a latent that heads share (MLA)";
  let description = [{
    Multi-head latent attention (DeepSeek-AI 2024): `latent = rms_norm(x . W_a)`
    of `kv_rank` elements and one rotated key part of `rope_dim` elements are
    all that a token leaves in the cache. With `[W_uk; W_uv]` of each head,
    `key = [latent . W_uk, rope_key]`, `value = latent . W_uv` and queries of
    `nope_dim + rope_dim` elements, `output = softmax(mask(scale * query . key))
    . value`. Queries come from a compressed row of `query_rank` elements, or
    straight from x when it is absent.

    The same function without expanding the latent (absorbed): `[query_nope .
    W_uk^T, query_rope]` attends to `[latent, rope_key]`, which all heads share,
    and `W_uv` follows the weighted sum.

    `scale` is `1/sqrt(nope_dim + rope_dim)` when absent. With `mask_operand`
    calls bring a `mask`, as those of `attn.grouped` do. `layers` lists the
    model's layers that this declaration stands for; `storage` says what their
    tensors are stored in, f32 when absent. `norm_eps` is that of the
    norms of latent and compressed query, 1e-6 when absent; with
    `projection_bias` the projections from and to `hidden` elements have
    biases, but for a query that is not compressed.

    Constraints:
      C1: heads and all ranks and sizes are positive; heads is at most 65536.
      C2: rope_dim is even.
      C3: nope_dim + rope_dim, kv_rank + rope_dim and value_dim are at most 576.
      C4: scale is finite in f32.
      C5: position fits rope_dim, as in `attn.rope`.
      C6: norm_eps is finite and not negative.
      C7: storage has one type for keys and values: the latent is both.
      C8: mask_operand is i1, f32, f16 or bf16.

    Example:

    ```mlir
    attn.latent @deepseek_v3 {
      hidden = 7168, heads = 128, query_rank = 1536, kv_rank = 512,
      nope_dim = 128, rope_dim = 64, value_dim = 128,
      layers = [0, 1],
      position = #attn.rope<theta = 1.0e4, pairing = interleaved>,
      mask = #attn.causal}
    ```
  }];
  let arguments = (ins
    SymbolNameAttr:$sym_name,
    I64Attr:$hidden, I64Attr:$heads,
    OptionalAttr<I64Attr>:$query_rank, I64Attr:$kv_rank,
    I64Attr:$nope_dim, I64Attr:$rope_dim, I64Attr:$value_dim,
    Attn_LayersAttr:$layers,
    UnitAttr:$projection_bias, OptionalAttr<F64Attr>:$norm_eps,
    OptionalAttr<Attn_RopeAttr>:$position,
    Attn_MaskAttrInterface:$mask, OptionalAttr<TypeAttr>:$mask_operand,
    OptionalAttr<F64Attr>:$scale,
    OptionalAttr<Attn_StorageAttr>:$storage);
  let extraClassDeclaration = [{
    /// Head size of expanded queries and keys: nope_dim + rope_dim.
    int64_t getExpandedSize() { return getNopeDim() + getRopeDim(); }
    /// Head size of absorbed queries, and elements of a cached token:
    /// kv_rank + rope_dim.
    int64_t getAbsorbedSize() { return getKvRank() + getRopeDim(); }
    /// Of the norms of latent and compressed query.
    double getNormEpsilon();
    /// Factor of the scores: scale, or 1/sqrt(nope_dim + rope_dim).
    double getScoreScale();
  }];
  let assemblyFormat = [{
    $sym_name custom<Fields>(attr-dict, "getOperationName()")
  }];
  let hasVerifier = 1;
}

def Attn_RefusedOp : Attn_Op<"refused", [Symbol]> {
  let summary = "attention layer that is not compiled, and why";
  let description = [{
    Stands for layers of a known model that attnc understands but does not
    compile. `why` is shown to the user.

    Example:

    ```mlir
    attn.refused @falcon_rw_1b "alibi positions are not supported" {
      layers = [0, 1]}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$why,
                       Attn_LayersAttr:$layers);
  let assemblyFormat = [{
    $sym_name $why custom<Fields>(attr-dict, "getOperationName()")
  }];
}

#endif // DIALECTS_ATTN_ATTNDECLAREDOPS_TD
