//===- AttnAttributes.td - layers, masks and positions -----*- tablegen -*-===//
//
// The attributes of the dialect: masks and positions, each in a file of its
// own, and biases of scores.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNATTRIBUTES_TD
#define DIALECTS_ATTN_ATTNATTRIBUTES_TD

include "dialects/attn/AttnMasks.td"
include "dialects/attn/AttnModules.td"
include "dialects/attn/AttnRope.td"

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

def Attn_LayersAttr : Attn_Attr<"Layers", "layers"> {
  let summary = "layers of a model, by number";
  let description = [{
    `#attn.layers<0, 2, 4 to 9>`: both ends of a range count. As a field of an
    operation it reads `layers = [0, 2, 4 to 9]`; `layers = array<i64: 0, 2>` is
    read too.

    Constraints:
      C1: there is at least one number; numbers ascend from 0 to 65535 at most.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$numbers);
  let assemblyFormat = "`<` custom<LayerNumbers>($numbers) `>`";
  let genVerifyDecl = 1;
  let returnType = "::llvm::ArrayRef<int64_t>";
  let convertFromStorage = "$_self.getNumbers()";
  let constBuilderCall =
      "::attn::LayersAttr::get($_builder.getContext(), $0)";
}

def Attn_KernelScope : I32Enum<"KernelScope", "How much of a layer a kernel covers", [
      I32EnumCase<"Core", 0, "core">,
      I32EnumCase<"Attend", 1, "attend">,
      I32EnumCase<"Layer", 2, "layer">]> {
  let cppNamespace = "::attn";
}

def Attn_KernelScopeAttr : EnumAttr<Attn_Dialect, Attn_KernelScope, "scope"> {
  let summary = "how much of a declared layer a function or program covers";
  let assemblyFormat = "`<` $value `>`";
}


def Attn_StorageAttr : Attn_Attr<"Storage", "storage"> {
  let summary = "types that a layer's tensors are stored in";
  let description = [{
    `#attn.storage<activation = f32, key = f16, value = f16>`: what the kernels
    of a layer take and give: `activation` is the type of hidden states, heads,
    weights, sinks and outputs, `key` and `value` are those of the caches.

    Constraints:
      C1: each is f32, f16 or bf16.
  }];
  let parameters = (ins "::mlir::Type":$activation, "::mlir::Type":$key,
                        "::mlir::Type":$value);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Biases
//===----------------------------------------------------------------------===//

def Attn_Slopes : I32Enum<"Slopes", "How ALiBi slopes follow from the heads", [
      I32EnumCase<"FloorPower", 0, "floor_power">,
      I32EnumCase<"CeilPower", 1, "ceil_power">]> {
  let cppNamespace = "::attn";
}

def Attn_Distance : I32Enum<"Distance", "What an ALiBi slope multiplies", [
      I32EnumCase<"Signed", 0, "signed">,
      I32EnumCase<"Absolute", 1, "absolute">,
      I32EnumCase<"Key", 2, "key">]> {
  let cppNamespace = "::attn";
}

def Attn_AlibiAttr : Attn_Attr<"Alibi", "alibi", [
    DeclareAttrInterfaceMethods<Attn_BiasAttrInterface>]> {
  let summary = "attention with linear biases";
  let description = [{
    `bias = factor * slope(h) * d` (Press et al. 2021) with `d = j - p`
    (`signed`), `-|j - p|` (`absolute`) or `j` (`key`, as Bloom computes it:
    another function only after a softcap or with a sink). For `n` heads that are
    a power of two `slope(h) = 2^(-max_bias (h + 1) / n)`; for others
    `floor_power` takes the slopes of the next lower power and fills up with
    every second of twice as many heads (Bloom, Falcon), `ceil_power` those of
    the next higher power, every second first (MPT).

    With `rounding` the slope, `d` and their product are rounded to that type,
    each to the nearest, ties to even; Falcon does so, and its `factor` is the
    scale of the scores, which it applies behind the bias.

    Constraints:
      C1: max_bias is positive and finite.
      C2: factor is positive and finite.
      C3: rounding is bf16.
  }];
  let parameters = (ins
    DefaultValuedParameter<"::attn::Slopes",
                           "::attn::Slopes::FloorPower">:$slopes,
    DefaultValuedParameter<"::attn::Distance",
                           "::attn::Distance::Signed">:$distance,
    OptionalParameter<"::mlir::FloatAttr", "8 if absent">:$max_bias,
    OptionalParameter<"::mlir::FloatAttr", "1 if absent">:$factor,
    OptionalParameter<"::mlir::Type", "none if absent">:$rounding,
    DefaultValuedParameter<"::attn::Alignment",
                           "::attn::Alignment::BottomRight">:$alignment);
  let assemblyFormat = [{
    (`<` struct($slopes, $distance, custom<Number>($max_bias),
                custom<Number>($factor), $rounding, $alignment)^ `>`)?
  }];
  let extraClassDeclaration = [{
    /// The slope of each of `heads` heads, before factor and rounding.
    ::llvm::SmallVector<double> getHeadSlopes(int64_t heads) const;
    /// The factor of all biases: factor, or 1 when absent.
    double getBiasFactor() const;
  }];
  let genVerifyDecl = 1;
}

def Attn_BucketsAttr : Attn_Attr<"Buckets", "buckets", [
    DeclareAttrInterfaceMethods<Attn_BiasAttrInterface>]> {
  let summary = "learned bias of the bucketed distance";
  let description = [{
    The relative position buckets of T5 (Raffel et al. 2020): with `r = j - p`,
    half of the `count` buckets for each sign if `bidirectional`, else all for
    `r <= 0`; the first half of a sign's buckets hold one distance each, the
    rest grow logarithmically up to `max_distance`.

    Constraints:
      C1: count is at least 4 and even; max_distance exceeds the exact buckets.
  }];
  let parameters = (ins "int64_t":$count, "int64_t":$max_distance,
    DefaultValuedParameter<"bool", "false">:$bidirectional,
    DefaultValuedParameter<"::attn::Alignment",
                           "::attn::Alignment::BottomRight">:$alignment);
  let assemblyFormat = "`<` struct(params) `>`";
  let extraClassDeclaration = [{
    /// The bucket of the relative position `distance` = key - query.
    int64_t getBucket(int64_t distance) const;
  }];
  let genVerifyDecl = 1;
}

#endif // DIALECTS_ATTN_ATTNATTRIBUTES_TD
