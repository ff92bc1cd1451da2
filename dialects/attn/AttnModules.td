//===- AttnModules.td - what stands around attention -------*- tablegen -*-===//
//
// Norms, projections and gates of a declared layer, as checkpoints hold them.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNMODULES_TD
#define DIALECTS_ATTN_ATTNMODULES_TD

include "dialects/attn/AttnDialect.td"
include "dialects/attn/AttnRope.td"
include "mlir/IR/EnumAttr.td"

def Attn_NormKind : I32Enum<"NormKind", "How a norm scales its rows", [
      I32EnumCase<"Rms", 0, "rms">,
      I32EnumCase<"Layer", 1, "layer">]> {
  let cppNamespace = "::attn";
}

def Attn_NormSpan : I32Enum<"NormSpan", "What a norm of heads takes for a row", [
      I32EnumCase<"Head", 0, "head">,
      I32EnumCase<"All", 1, "all">]> {
  let cppNamespace = "::attn";
}

def Attn_NormAttr : Attn_Attr<"Norm", "norm"> {
  let summary = "norm of queries and keys, or of values";
  let description = [{
    `attn.rms_norm` or `attn.layer_norm` of each `head`, or of the row that
    `all` heads make, with a weight unless `weighted` is false; `offset` is
    added to the weight of an `rms` norm.

    Constraints:
      C1: eps is finite and not negative, offset is finite and of an rms norm.
      C2: offset has a weight to be added to.
  }];
  let parameters = (ins
    DefaultValuedParameter<"::attn::NormKind", "::attn::NormKind::Rms">:$kind,
    Attn_Number<"added to the mean square">:$eps,
    Attn_OptionalNumber<"0 if absent">:$offset,
    DefaultValuedParameter<"::attn::NormSpan",
                           "::attn::NormSpan::Head">:$span,
    DefaultValuedParameter<"bool", "true">:$weighted);
  let assemblyFormat = [{
    `<` struct($kind, custom<Number>($eps), custom<Number>($offset), $span,
               $weighted) `>`
  }];
  let genVerifyDecl = 1;
}

def Attn_Packing : I32Enum<"Packing",
    "How one weight holds the projections to queries, keys and values", [
      I32EnumCase<"Stacked", 0, "stacked">,
      I32EnumCase<"Grouped", 1, "grouped">]> {
  let cppNamespace = "::attn";
}

def Attn_ProjectionsAttr : Attn_Attr<"Projections", "projections"> {
  let summary = "names and layout of a layer's weights in a checkpoint";
  let description = [{
    Queries, keys and values come from `q_proj`, `k_proj` and `v_proj`, or from
    the one weight `packed`, whose rows are all queries, all keys, all values
    (`stacked`), or for each key/value head its group of queries, its key and
    its value (`grouped`). `output` names the last projection. Weights are
    [out, in], or [in, out] with `input_major`.

    Constraints:
      C1: packing is given only with packed; no name is empty.
  }];
  let parameters = (ins
    OptionalParameter<"::mlir::StringAttr", "of one weight for all three">:$packed,
    DefaultValuedParameter<"::attn::Packing",
                           "::attn::Packing::Stacked">:$packing,
    OptionalParameter<"::mlir::StringAttr", "o_proj if absent">:$output,
    DefaultValuedParameter<"bool", "false">:$input_major);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Attn_GateFunction : I32Enum<"GateFunction", "What makes factors of a gate", [
      I32EnumCase<"Sigmoid", 0, "sigmoid">,
      I32EnumCase<"Silu", 1, "silu">,
      I32EnumCase<"Tanh", 2, "tanh">]> {
  let cppNamespace = "::attn";
}

def Attn_GateSpan : I32Enum<"GateSpan", "What one element of a gate multiplies", [
      I32EnumCase<"Element", 0, "element">,
      I32EnumCase<"Head", 1, "head">]> {
  let cppNamespace = "::attn";
}

def Attn_GateAttr : Attn_Attr<"Gate", "gate"> {
  let summary = "gate of attention's output";
  let description = [{
    `output = function(gate) * attention`, before the output projection: a gate
    has `value_dim` elements for each query head (`element`), or one (`head`).

    `projection` names the weight, [gates, hidden], that makes the gate of the
    hidden states, with a bias where `bias` says so. Without it the projection
    to queries makes the gate too: its rows are for each query head
    `[query, gate]`, whichever weight they stand in (Qwen3-Next).

    Constraints:
      C1: the name is not empty; bias is given only with projection.
  }];
  let parameters = (ins
    DefaultValuedParameter<"::attn::GateFunction",
                           "::attn::GateFunction::Sigmoid">:$function,
    DefaultValuedParameter<"::attn::GateSpan",
                           "::attn::GateSpan::Element">:$span,
    OptionalParameter<"::mlir::StringAttr", "that of queries if absent">:$projection,
    DefaultValuedParameter<"bool", "false">:$bias);
  let assemblyFormat = "(`<` struct(params)^ `>`)?";
  let genVerifyDecl = 1;
}

#endif // DIALECTS_ATTN_ATTNMODULES_TD
