//===- AttnDialect.td - the attn dialect -------------------*- tablegen -*-===//
//
// Attention from the model card (declared) through the textbook graph to one
// flash operation (fused). Levels: shared design, section "The dialect".
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNDIALECT_TD
#define DIALECTS_ATTN_ATTNDIALECT_TD

include "dialects/attn/AttnFields.td"
include "mlir/IR/AttrTypeBase.td"

def Attn_Dialect : Dialect {
  let name = "attn";
  let cppNamespace = "::attn";
  let summary = "Attention layers: declared, as a graph, and fused";
  let description = [{
    Tensors are logically `[batch, sequence, heads, dim]`, scores
    `[batch, heads, queries, keys]`. Query heads share key/value heads in
    consecutive groups: `kv = h / (heads / kv_heads)`.

    Three levels live here. *Declared*: `attn.grouped` and `attn.latent` say
    what a model card says. *Graph*: `attn.repeat_kv`, `attn.score`, `attn.scale`,
    `attn.softcap`, `attn.mask`, `attn.softmax`, `attn.weighted_sum` spell the
    textbook out. *Fused*: `attn.masked_softmax`, then `attn.flash`.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect",
                           "::mlir::math::MathDialect"];
}

class Attn_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Attn_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

class Attn_Op<string mnemonic, list<Trait> traits = []>
    : Op<Attn_Dialect, mnemonic, [Attn_KnownFields] # traits>;

#endif // DIALECTS_ATTN_ATTNDIALECT_TD
