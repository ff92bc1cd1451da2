//===- VerifyKernels.h - Compiled kernels against the reference -*- C++ -*-===//
//
// Tries every kernel of a compiled folder, on every target that this machine
// runs, on the table of cases.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_VERIFY_VERIFYKERNELS_H
#define COMPILER_VERIFY_VERIFYKERNELS_H

#include "compiler/verify/Subject.h"
#include "mlir/IR/BuiltinOps.h"

namespace attn::verify {

/// All checks of one kernel.
std::vector<CaseReport> verifySubject(const Subject &subject);

/// The layers of `declared` as functions of scope attend and layer, where
/// `library` has kernels of these; null after an error.
mlir::OwningOpRef<mlir::ModuleOp> spellLayers(const KernelLibrary &library,
                                              mlir::ModuleOp declared);

/// The kernels of `library` with what `declared`, the IR that they were
/// compiled from, says of them; one for each declaration, scope and target.
/// `functions` are its layers spelled out; kernels of scopes that are not among
/// them are left out.
std::vector<Subject> subjectsOf(const KernelLibrary &library,
                                mlir::ModuleOp declared,
                                mlir::ModuleOp functions);

} // namespace attn::verify

#endif // COMPILER_VERIFY_VERIFYKERNELS_H
