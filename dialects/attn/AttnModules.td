//===- AttnModules.td - what stands around attention -------*- tablegen -*-===//
//
// Norms and projections of a declared layer, as checkpoints hold them.
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
  let summary = "norm of queries and keys";
  let description = [{
    `attn.rms_norm` or `attn.layer_norm` of each `head`, or of the row that
    `all` heads make, with a weight; `offset` is added to the weight of an
    `rms` norm.

    Constraints:
      C1: eps is finite and not negative, offset is finite and of an rms norm.
  }];
  let parameters = (ins
    DefaultValuedParameter<"::attn::NormKind", "::attn::NormKind::Rms">:$kind,
    Attn_Number<"added to the mean square">:$eps,
    Attn_OptionalNumber<"0 if absent">:$offset,
    DefaultValuedParameter<"::attn::NormSpan",
                           "::attn::NormSpan::Head">:$span);
  let assemblyFormat = [{
    `<` struct($kind, custom<Number>($eps), custom<Number>($offset), $span) `>`
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

#endif // DIALECTS_ATTN_ATTNMODULES_TD
