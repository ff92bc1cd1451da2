//===- AttnMasks.td - symbolic masks -----------------------*- tablegen -*-===//
//
// Masks are symbolic: each shows a row one interval of keys, so that blocks can
// be proved full, partial or empty (semantics, items 2 and 3).
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNMASKS_TD
#define DIALECTS_ATTN_ATTNMASKS_TD

include "dialects/attn/AttnAttrInterfaces.td"
include "dialects/attn/AttnDialect.td"
include "mlir/IR/EnumAttr.td"

def Attn_Alignment : I32Enum<"Alignment",
    "How a query's index becomes its position among the keys", [
      I32EnumCase<"BottomRight", 0, "bottom_right">,
      I32EnumCase<"TopLeft", 1, "top_left">]> {
  let cppNamespace = "::attn";
}

class Attn_MaskAttr<string name, string attrMnemonic>
    : Attn_Attr<name, attrMnemonic,
                [DeclareAttrInterfaceMethods<Attn_MaskAttrInterface>]>;

// A mask of positions that has no other parameter than their alignment.
class Attn_AlignedMaskAttr<string name, string attrMnemonic>
    : Attn_MaskAttr<name, attrMnemonic> {
  let parameters = (ins
    DefaultValuedParameter<"::attn::Alignment",
                           "::attn::Alignment::BottomRight">:$alignment);
  let assemblyFormat = "(`<` struct($alignment)^ `>`)?";
}

def Attn_BidirectionalAttr : Attn_MaskAttr<"Bidirectional", "bidirectional"> {
  let summary = "every row sees every valid key";
}

def Attn_CausalAttr : Attn_AlignedMaskAttr<"Causal", "causal"> {
  let summary = "a row sees the keys up to its own position";
  let description = [{
    `#attn.causal` aligns the last query with the last valid key
    (`p = i + L - n`); `#attn.causal<alignment = top_left>` the first with the
    first (`p = i`).
  }];
}

def Attn_WindowAttr : Attn_MaskAttr<"Window", "window"> {
  let summary = "a row sees a window of keys around its own position";
  let description = [{
    The row at `p` sees `p - left < j < p + right`: each side counts the
    query's own position, so a causal window of W keys is
    `#attn.window<left = W, right = 1>`. A side that is absent has no limit.

    Constraints:
      C1: left and right are positive.
  }];
  let parameters = (ins
    DefaultValuedParameter<"int64_t",
                           "::attn::KeyInterval::kUnbounded">:$left,
    DefaultValuedParameter<"int64_t",
                           "::attn::KeyInterval::kUnbounded">:$right,
    DefaultValuedParameter<"::attn::Alignment",
                           "::attn::Alignment::BottomRight">:$alignment);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Attn_ChunkAttr : Attn_MaskAttr<"Chunk", "chunk"> {
  let summary = "a row sees the keys of its own chunk up to its position";
  let description = [{
    The row at `p` sees the keys `j <= p` with `j / size == p / size` (chunked
    attention, causal within a chunk).

    Constraints:
      C1: size is positive.
  }];
  let parameters = (ins "int64_t":$size,
    DefaultValuedParameter<"::attn::Alignment",
                           "::attn::Alignment::BottomRight">:$alignment);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Attn_PrefixAttr : Attn_AlignedMaskAttr<"Prefix", "prefix"> {
  let summary = "a row sees a prefix of its sequence, and the keys before it";
  let description = [{
    The row at `p` sees `j <= p` and `j < prefix(b)`: a prefix language model,
    whose prompt is read in both directions. The operation that has the mask
    takes the lengths as its operand `prefix`, one for each sequence.
  }];
}

def Attn_DocumentAttr : Attn_AlignedMaskAttr<"Document", "document"> {
  let summary = "a row sees the keys of its own document";
  let description = [{
    The row at `p` sees the keys `j` with `documents(b, j) == documents(b, p)`:
    several documents packed into one sequence. Their numbers are any, but the
    keys of one document follow each other. The operation that has the mask
    takes them as its operand `documents`. A row that stands at no key sees
    nothing. Usually it stands with `#attn.causal` in an `#attn.all`.
  }];
}

def Attn_AllAttr : Attn_MaskAttr<"All", "all"> {
  let summary = "a row sees the keys that all of the masks let through";
  let description = [{
    The intersection: `#attn.all<[#attn.causal, #attn.document]>`. A window that
    cuts a prefix has no right side of its own:
    `#attn.all<[#attn.prefix, #attn.window<left = 512>]>`.

    Constraints:
      C1: there is at least one mask, and all are masks.
      C2: masks that look at positions have one alignment.
      C3: of two chunk sizes, one divides the other.
  }];
  let parameters = (ins "::mlir::ArrayAttr":$masks);
  let assemblyFormat = "`<` $masks `>`";
  let genVerifyDecl = 1;
}

#endif // DIALECTS_ATTN_ATTNMASKS_TD
