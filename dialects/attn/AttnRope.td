//===- AttnRope.td - rotary positions ----------------------*- tablegen -*-===//
//
// Frequencies of rotations (Su et al. 2021) and the ways in which models are
// stretched to longer contexts, each an attribute of its own.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNROPE_TD
#define DIALECTS_ATTN_ATTNROPE_TD

include "dialects/attn/AttnAttrInterfaces.td"
include "dialects/attn/AttnDialect.td"
include "mlir/IR/EnumAttr.td"

def Attn_Pairing : I32Enum<"Pairing", "Which dims of a head rotate together", [
      I32EnumCase<"Half", 0, "half">,
      I32EnumCase<"Interleaved", 1, "interleaved">]> {
  let cppNamespace = "::attn";
}

class Attn_RopeScaling<string name, string attrMnemonic,
                       list<string> methods = []>
    : Attn_Attr<name # "Scaling", attrMnemonic, [
        DeclareAttrInterfaceMethods<Attn_RopeScalingInterface, methods>]> {
  let genVerifyDecl = 1;
}

class Attn_Number<string description>
    : AttrParameter<"::mlir::FloatAttr", description>;
class Attn_OptionalNumber<string description>
    : OptionalParameter<"::mlir::FloatAttr", description>;

def Attn_LinearScalingAttr : Attn_RopeScaling<"Linear", "linear"> {
  let summary = "all frequencies divided by one factor";
  let description = [{
    `f_i / factor`.

    Constraints:
      C1: factor is positive and finite.
  }];
  let parameters = (ins Attn_Number<"of the context">:$factor);
  let assemblyFormat = "`<` struct(custom<Number>($factor)) `>`";
}

def Attn_DynamicScalingAttr
    : Attn_RopeScaling<"Dynamic", "dynamic", ["checkPairs", "describeChoice"]> {
  let summary = "a base that grows with the longest sequence";
  let description = [{
    `theta' = theta * (1 + factor * (max / original - 1))^(d / (d - 2))`, the
    base that a model takes for a sequence of `max` tokens. `max` is `original`
    when absent: the frequencies that hold up to there.

    Constraints:
      C1: factor is positive and finite.
      C2: original is positive, and max at least original.
      C3: at least two pairs rotate.
  }];
  let parameters = (ins
    Attn_Number<"of the base">:$factor, "int64_t":$original,
    DefaultValuedParameter<"int64_t", "0", "original if absent">:$max);
  let assemblyFormat = [{
    `<` struct(custom<Number>($factor), $original, $max) `>`
  }];
}

def Attn_NtkScalingAttr
    : Attn_RopeScaling<"Ntk", "ntk", ["checkPairs"]> {
  let summary = "a base that a constant stretches";
  let description = [{
    `theta' = theta * alpha^(d / (d - 2))` (hunyuan's `alpha`).

    Constraints:
      C1: alpha is positive and finite.
      C2: at least two pairs rotate.
  }];
  let parameters = (ins Attn_Number<"of the base">:$alpha);
  let assemblyFormat = "`<` struct(custom<Number>($alpha)) `>`";
}

def Attn_YarnScalingAttr
    : Attn_RopeScaling<"Yarn", "yarn", ["getAmplitude", "checkPairs"]> {
  let summary = "fast pairs as they are, slow ones stretched (YaRN)";
  let description = [{
    Peng et al. 2023: `f_i * (1 - r_i) + f_i / factor * r_i`, where the ramp
    `r_i` rises from 0 to 1 between the pairs that turn `beta_fast` and
    `beta_slow` times in `original` positions:
    `c(b) = d ln(original / (2 pi b)) / (2 ln theta)`, from `c(beta_fast)` to
    `c(beta_slow)`, rounded outwards unless `truncate` is false, kept within
    `[0, d - 1]`.

    Cosine and sine are multiplied by `attention_factor`; when absent, by
    `m(mscale) / m(mscale_all_dim)` if both are given, else by `m(1)`, with
    `m(k) = 0.1 k ln(factor) + 1`, or 1 for a factor of at most 1.

    Constraints:
      C1: factor is positive and finite, original is positive.
      C2: beta_slow is positive, and beta_fast at least beta_slow.
      C3: attention_factor, or what follows in its place, is positive and
          finite.
      C4: theta is above 1.
  }];
  let parameters = (ins
    Attn_Number<"of the context">:$factor, "int64_t":$original,
    Attn_OptionalNumber<"32 if absent">:$beta_fast,
    Attn_OptionalNumber<"1 if absent">:$beta_slow,
    Attn_OptionalNumber<"of the factor's logarithm">:$mscale,
    Attn_OptionalNumber<"what divides it">:$mscale_all_dim,
    Attn_OptionalNumber<"of cosine and sine">:$attention_factor,
    DefaultValuedParameter<"bool", "true">:$truncate);
  let assemblyFormat = [{
    `<` struct(custom<Number>($factor), $original, custom<Number>($beta_fast),
               custom<Number>($beta_slow), custom<Number>($mscale),
               custom<Number>($mscale_all_dim),
               custom<Number>($attention_factor), $truncate) `>`
  }];
}

def Attn_LongropeScalingAttr
    : Attn_RopeScaling<"Longrope", "longrope",
                       ["getAmplitude", "checkPairs", "describeChoice"]> {
  let summary = "each frequency divided by a factor of its own (LongRoPE)";
  let description = [{
    Ding et al. 2024: `f_i / long[i]` if `max` is over `original`, else
    `f_i / short[i]`. Cosine and sine are multiplied by `attention_factor`; when
    absent, by `sqrt(1 + ln(s) / ln(original))` with `s` the `factor`, or
    `max / original` without one; by 1 if `s` is at most 1.

    Constraints:
      C1: short and long have the same number of factors, all positive and
          finite.
      C2: original is at least 2, max is positive.
      C3: factor and attention_factor are positive and finite.
      C4: there is one factor for each pair.
  }];
  let parameters = (ins
    AttrParameter<"::mlir::DenseF64ArrayAttr", "for short contexts">:$short_factors,
    AttrParameter<"::mlir::DenseF64ArrayAttr", "for long ones">:$long_factors,
    "int64_t":$original, "int64_t":$max,
    Attn_OptionalNumber<"of the context">:$factor,
    Attn_OptionalNumber<"of cosine and sine">:$attention_factor);
  let assemblyFormat = [{
    `<` `short` `=` custom<Numbers>($short_factors) `,`
        `long` `=` custom<Numbers>($long_factors) `,`
        struct($original, $max, custom<Number>($factor),
               custom<Number>($attention_factor)) `>`
  }];
}

def Attn_Llama3ScalingAttr : Attn_RopeScaling<"Llama3", "llama3"> {
  let summary = "long waves stretched, short ones kept (Llama 3.1)";
  let description = [{
    With the wave length `w = 2 pi / f_i`: `f_i / factor` where
    `w > original / low`, `f_i` where `w < original / high`, and between them
    `(1 - t) f_i / factor + t f_i` with
    `t = (original / w - low) / (high - low)`.

    Constraints:
      C1: factor is positive and finite, original is positive.
      C2: low is positive, and high at least low.
  }];
  let parameters = (ins
    Attn_Number<"of the context">:$factor, Attn_Number<"waves that fit">:$low,
    Attn_Number<"waves that fit">:$high, "int64_t":$original);
  let assemblyFormat = [{
    `<` struct(custom<Number>($factor), custom<Number>($low),
               custom<Number>($high), $original) `>`
  }];
}

def Attn_ProportionalScalingAttr
    : Attn_RopeScaling<"Proportional", "proportional", ["checkPairs"]> {
  let summary = "the first pairs turn, the others stand";
  let description = [{
    `f_i / factor` for the first `pairs` pairs, 0 for the others: a partial
    rotation whose exponents and pairs are those of the whole head (Gemma 4).
    `factor` is 1 when absent.

    Constraints:
      C1: pairs and factor are positive.
      C2: there are at least so many pairs.
  }];
  let parameters = (ins "int64_t":$pairs,
                        Attn_OptionalNumber<"1 if absent">:$factor);
  let assemblyFormat = "`<` struct($pairs, custom<Number>($factor)) `>`";
}

def Attn_RopeAttr : Attn_Attr<"Rope", "rope"> {
  let summary = "rotary position embedding of queries and keys";
  let description = [{
    Pair `i` of the first `dims` dims of a head (all of them when absent) turns
    by `position * f_i`, `f_i = theta^(-2i/dims)` before `scaling`; the other
    dims pass. `half` pairs dim `i` with `i + dims/2`, `interleaved` `2i` with
    `2i + 1`. Frequencies are computed in f64 and kept in f32 (semantics,
    item 11).

    Constraints:
      C1: theta is positive and finite.
      C2: dims, if given, are positive and even.
      C3: scaling fits theta and the number of pairs.
  }];
  let parameters = (ins
    Attn_Number<"base of the frequencies">:$theta,
    DefaultValuedParameter<"int64_t", "0", "all dims if absent">:$dims,
    DefaultValuedParameter<"::attn::Pairing",
                           "::attn::Pairing::Half">:$pairing,
    OptionalParameter<"::attn::RopeScalingInterface">:$scaling);
  let assemblyFormat = [{
    `<` struct(custom<Number>($theta), custom<Dims>($dims), $pairing,
               custom<Scaling>($scaling)) `>`
  }];
  let extraClassDeclaration = [{
    /// The dims that rotate of a head of `headSize`.
    int64_t getRotatedDims(int64_t headSize) const {
      return getDims() ? getDims() : headSize;
    }
    /// One frequency for each pair of a head of `headSize`.
    ::llvm::SmallVector<float> getFrequencies(int64_t headSize) const;
    /// The factor of cosine and sine.
    double getAmplitude() const;
    /// Fails, and says why, if heads of `headSize` cannot rotate so.
    ::llvm::LogicalResult
    checkHead(::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError,
              int64_t headSize) const;
  }];
  let genVerifyDecl = 1;
}

#endif // DIALECTS_ATTN_ATTNROPE_TD
