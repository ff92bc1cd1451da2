//===- AttnOps.td - all operations of the attn dialect -----*- tablegen -*-===//
//
// Declared, graph and fused level in one place for the generators.
//
//===----------------------------------------------------------------------===//

include "dialects/attn/AttnDeclaredOps.td"
include "dialects/attn/AttnFusedOps.td"
include "dialects/attn/AttnGraphOps.td"
include "dialects/attn/AttnMaskOps.td"
include "dialects/attn/AttnMathOps.td"
include "dialects/attn/AttnShapeOps.td"
