//===- VerifyPrograms.h - what the CPU back end can lower -------*- C++ -*-===//
//
// The guard before emission: nothing that passes it reaches an assertion.
//
//===----------------------------------------------------------------------===//

#ifndef CODEGEN_CPU_VERIFYPROGRAMS_H
#define CODEGEN_CPU_VERIFYPROGRAMS_H

#include "codegen/cpu/CpuTarget.h"
#include "dialects/attn_tile/AttnTileOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace attn::cpu {

/// Succeeds if TaskEmitter can lower the program; else says why not.
mlir::LogicalResult verifyProgram(tile::ProgramOp program,
                                  const CpuTarget &target);

/// The target of that name, for a pass on `module`; an unknown one is diagnosed
/// there.
mlir::FailureOr<CpuTarget> findTarget(mlir::ModuleOp module,
                                      llvm::StringRef name);

} // namespace attn::cpu

#endif // CODEGEN_CPU_VERIFYPROGRAMS_H
