//===- AttnAttrInterfaces.td - kinds of attributes ---------*- tablegen -*-===//
//
// What operations and passes ask of a mask, a bias or a scaling of rotations
// without knowing which one it is.
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

def Attn_RopeScalingInterface : AttrInterface<"RopeScalingInterface"> {
  let cppNamespace = "::attn";
  let description = [{
    A change of the frequencies `f_i = theta^(-2i/d)` of a rotation of `d` dims,
    and of the lengths of the vectors that it turns.
  }];
  let methods = [
    InterfaceMethod<"Changes `frequencies`, those of `theta`, one for each pair.",
                    "void", "scale",
                    (ins "double":$theta,
                         "::llvm::MutableArrayRef<double>":$frequencies)>,
    InterfaceMethod<"The factor of cosine and sine.", "double",
                    "getAmplitude", (ins), "", "return 1.0;">,
    InterfaceMethod<"Fails, and says why, if `pairs` pairs cannot be scaled so.",
                    "::llvm::LogicalResult", "checkPairs",
                    (ins "::llvm::function_ref<::mlir::InFlightDiagnostic()>":
                           $emitError,
                         "double":$theta, "int64_t":$pairs),
                    "", "return ::llvm::success();">,
    InterfaceMethod<[{What the declared maximum of positions decides: models
                      choose by each sequence's length, kernels once. Empty:
                      nothing depends on it.}],
                    "::std::string", "describeChoice", (ins), "", "return {};">
  ];
}

#endif // DIALECTS_ATTN_ATTNATTRINTERFACES_TD
