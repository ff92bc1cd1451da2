//===- Interpreter.h - Float64 meaning of attn operations -------*- C++ -*-===//
//
// Interprets a declared layer, or a function at graph or fused level, straight
// from the written semantics. Shares no code with the passes and back ends
// that it checks.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REFERENCE_INTERPRETER_H
#define COMPILER_REFERENCE_INTERPRETER_H

#include "compiler/reference/Tensor.h"
#include "dialects/attn/AttnOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attn::reference {

/// What intermediate results are rounded to. F32 is the naive evaluation of
/// semantics, item 13: every step in float32, in ascending order. It rounds
/// what a function returns, or appends to a cache, to what that is stored in.
enum class Precision { F64, F32 };

/// What an interpretation saw on its way.
struct Trace {
  /// The largest finite magnitude of a score that entered a softmax.
  double maxScore = 0;
};

/// Results of `function` for `inputs`, one tensor per argument.
mlir::FailureOr<llvm::SmallVector<Tensor>>
interpret(mlir::func::FuncOp function, llvm::ArrayRef<Tensor> inputs,
          Precision precision = Precision::F64, Trace *trace = nullptr);

/// The same for tensors that several calls share.
mlir::FailureOr<llvm::SmallVector<Tensor>>
interpret(mlir::func::FuncOp function, llvm::ArrayRef<const Tensor *> inputs,
          Precision precision, Trace *trace);

/// Output and lse of a declared layer for query, key, value, kv_lengths and,
/// where the layer has them, sinks, bias_table and mask.
mlir::FailureOr<llvm::SmallVector<Tensor>>
interpret(GroupedOp layer, llvm::ArrayRef<Tensor> inputs,
          Precision precision = Precision::F64, Trace *trace = nullptr);

/// The same for one form of a latent layer: query, key, value and kv_lengths
/// expanded; query, latent, rope_key and kv_lengths absorbed; and a mask, where
/// the layer has one.
mlir::FailureOr<llvm::SmallVector<Tensor>>
interpret(LatentOp layer, LatentForm form, llvm::ArrayRef<Tensor> inputs,
          Precision precision = Precision::F64, Trace *trace = nullptr);

/// Whether every operation of `function` has a rule; functions below the fused
/// level have none.
bool isInterpretable(mlir::func::FuncOp function);

} // namespace attn::reference

#endif // COMPILER_REFERENCE_INTERPRETER_H
