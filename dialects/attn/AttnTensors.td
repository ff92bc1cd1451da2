//===- AttnTensors.td - tensors of the graph level ---------*- tablegen -*-===//
//
// The types that graph operations take, and what they all share.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNTENSORS_TD
#define DIALECTS_ATTN_ATTNTENSORS_TD

include "dialects/attn/AttnAttributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

// Results print under the names that papers give them.
def Attn_NamedResults
    : DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>;

// How callers store floats. What is computed of them is f32, and so is what lies
// between two operations: only a tensor of the caller's is rounded, where it is
// stored.
defvar Attn_Stored = [F32, F16, BF16];

// Any shape.
def Attn_Tensor : RankedTensorOf<Attn_Stored # [I1, I32]>;
def Attn_FloatTensor : RankedTensorOf<Attn_Stored>;
def Attn_BoolTensor : RankedTensorOf<[I1]>;
// [batch, sequence, heads, dim]
def Attn_StoredHeadsTensor : 4DTensorOf<Attn_Stored>;
// [batch, heads, queries, keys]
def Attn_ScoreTensor : 4DTensorOf<[F32]>;
// Scores or probabilities of any shape
def Attn_ScoresTensor : RankedTensorOf<[F32]>;
// [batch, queries, heads]
def Attn_LseTensor : 3DTensorOf<[F32]>;
// [batch or 1, heads or 1, queries or 1, keys]: true = attend, or added
def Attn_TensorMask : 4DTensorOf<Attn_Stored # [I1]>;
// [batch]: valid keys, or keys of a prefix, of each sequence
def Attn_LengthsTensor : 1DTensorOf<[I32]>;
// [batch, keys]: the document of each key; those of one follow each other
def Attn_DocumentsTensor : 2DTensorOf<[I32]>;
// [heads]: one extra logit per head
def Attn_SinksTensor : 1DTensorOf<Attn_Stored>;
// [rows, columns]: learned biases
def Attn_TableTensor : 2DTensorOf<[F32]>;
// [batch, sequence]: where tokens stand
def Attn_PositionsTensor : 2DTensorOf<[I32]>;

#endif // DIALECTS_ATTN_ATTNTENSORS_TD
