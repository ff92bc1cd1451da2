//===- AttnOps.h - operations of the attn dialect ---------------*- C++ -*-===//
//
// Declared, graph and fused operations; see AttnOps.td for their meaning.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNOPS_H
#define DIALECTS_ATTN_ATTNOPS_H

#include "dialects/attn/AttnAttributes.h"
#include "dialects/attn/AttnDialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpAsmSupport.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace attn {

/// Checks that `layers`, an attribute of `op`, ascend from 0 and are not empty.
mlir::LogicalResult verifyLayers(mlir::Operation *op,
                                 llvm::ArrayRef<int64_t> layers);

} // namespace attn

#define GET_OP_CLASSES
#include "dialects/attn/AttnOps.h.inc"

#endif // DIALECTS_ATTN_ATTNOPS_H
