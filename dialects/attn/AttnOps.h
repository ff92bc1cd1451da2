//===- AttnOps.h - operations of the attn dialect ---------------*- C++ -*-===//
//
// Declared, graph and fused operations; see AttnOps.td for their meaning.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_ATTN_ATTNOPS_H
#define DIALECTS_ATTN_ATTNOPS_H

#include "dialects/attn/AttnAttributes.h"
#include "dialects/attn/AttnDialect.h"
#include "dialects/attn/AttnFields.h"
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

/// The most heads that any operation takes, far above any model: counts of
/// rows and bytes stay within 64 bits.
inline constexpr int64_t kMaxHeads = 65536;

/// The two ways to compute a latent layer: with keys and values of every head,
/// or on the latent itself, which all heads share.
enum class LatentForm { Expanded, Absorbed };

/// The elements of what is computed of elements of both tensors: theirs, or f32
/// where they differ.
mlir::Type commonElement(mlir::Type lhs, mlir::Type rhs);

/// Whether kernels, which compute in f32, can hold a factor of scores: it is
/// finite in f32, also as a factor of base-2 logits.
bool isScoreFactor(double factor);

/// The same for a cap of scores, which also divides them: it is positive, and
/// not subnormal in f32.
bool isScoreCap(double cap);

/// Checks that `scale`, an attribute of `op`, is a factor that kernels can
/// hold.
mlir::LogicalResult verifyScale(mlir::Operation *op,
                                const llvm::APFloat &scale);

/// Checks that heads of `headSize` of `op` can rotate as `rope` says; a dynamic
/// size is not looked at.
mlir::LogicalResult verifyRope(mlir::Operation *op, RopeAttr rope,
                               int64_t headSize);

/// What the tensors of a declared layer are stored in: f32 if it says nothing.
StorageAttr storageOf(mlir::Operation *layer);

} // namespace attn

#define GET_OP_CLASSES
#include "dialects/attn/AttnOps.h.inc"

#endif // DIALECTS_ATTN_ATTNOPS_H
