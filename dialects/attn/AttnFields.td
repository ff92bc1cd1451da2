//===- AttnFields.td - attributes that operations define ---*- tablegen -*-===//
//
// The trait of every operation of both dialects.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNFIELDS_TD
#define DIALECTS_ATTN_ATTNFIELDS_TD

include "mlir/IR/OpBase.td"

// A field that the operation does not define is an error.
def Attn_KnownFields : NativeOpTrait<"KnownFields"> {
  let cppNamespace = "::attn";
}

#endif // DIALECTS_ATTN_ATTNFIELDS_TD
