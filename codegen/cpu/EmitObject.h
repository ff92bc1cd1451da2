//===- EmitObject.h - from MLIR to an object in memory ----------*- C++ -*-===//
//
// The last steps of the CPU back end: LLVM IR, machine code.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_EMITOBJECT_H
#define CODEGEN_CPU_EMITOBJECT_H

#include "codegen/cpu/CpuTarget.h"
#include "codegen/cpu/MachineCode.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace attn::cpu {

/// Writes a module of the LLVM dialect as an object (or its text) for `target`.
/// The same module gives the same bytes. Failures are diagnosed on the module.
mlir::FailureOr<std::string>
emitObject(mlir::ModuleOp module, const CpuTarget &target, ObjectForm form);

/// The same as `count` objects, made by as many threads. If there are several,
/// functions that were local are hidden and call each other across them: link
/// them into one object and make those local again. `count` decides the bytes,
/// the machine does not.
mlir::FailureOr<std::vector<std::string>>
emitParts(mlir::ModuleOp module, const CpuTarget &target, unsigned count);

} // namespace attn::cpu

#endif // CODEGEN_CPU_EMITOBJECT_H
