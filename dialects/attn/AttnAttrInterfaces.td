//===- AttnAttrInterfaces.td - kinds of attributes ---------*- tablegen -*-===//
//
// What operations and passes ask of a mask or a bias without knowing which one
// it is.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNATTRINTERFACES_TD
#define DIALECTS_ATTN_ATTNATTRINTERFACES_TD

include "mlir/IR/OpBase.td"

def Attn_MaskAttrInterface : AttrInterface<"MaskAttrInterface"> {
  let cppNamespace = "::attn";
  let description = [{
    A mask that shows the row at position `p` one interval of keys,
    `begin(p) <= j < end(p)`, where neither end descends as `p` grows: what a
    block of rows sees follows from its first and its last row.
  }];
  let methods = [
    InterfaceMethod<"The interval that this mask lets through.",
                    "::attn::KeyInterval", "getInterval">
  ];
}

def Attn_BiasAttrInterface : AttrInterface<"BiasAttrInterface"> {
  let cppNamespace = "::attn";
  let description = [{
    A bias of scores that follows from the positions of query and key alone.
  }];
  let methods = [
    InterfaceMethod<"Rows of the learned table that it reads; 0: none.",
                    "int64_t", "getTableRows">
  ];
}

#endif // DIALECTS_ATTN_ATTNATTRINTERFACES_TD
