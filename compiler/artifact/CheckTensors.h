//===- CheckTensors.h - What the ABI asks of a function ---------*- C++ -*-===//
//
// Callers and the runtime know a tensor's part in attention by its name, so
// the names that a function gives must tell the truth.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_CHECKTENSORS_H
#define COMPILER_ARTIFACT_CHECKTENSORS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attn::artifact {

/// Reports the first tensor of the fused `function` that is not one operand or
/// result of its attn.flash, called as what it is there: query, key, value,
/// latent, rope_key, kv_lengths, sinks, output or lse.
llvm::LogicalResult checkTensors(mlir::func::FuncOp function);

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_CHECKTENSORS_H
