//===- AttnTileOps.h - operations of the attn_tile dialect ------*- C++ -*-===//
//
// Programs, phases and tile steps; see AttnTileOps.td for their meaning.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_TILE_ATTNTILEOPS_H
#define DIALECTS_ATTN_TILE_ATTNTILEOPS_H

#include "dialects/attn/AttnAttributes.h"
#include "dialects/attn/AttnFields.h"
#include "dialects/attn_tile/AttnTileDialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "dialects/attn_tile/AttnTileOps.h.inc"

#endif // DIALECTS_ATTN_TILE_ATTNTILEOPS_H
