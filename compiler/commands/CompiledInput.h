//===- CompiledInput.h - INPUT or DIR as loaded kernels ---------*- C++ -*-===//
//
// What verbs that call kernels start from: a folder that is compiled, or an
// input that is compiled into a folder of its own first.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_COMMANDS_COMPILEDINPUT_H
#define COMPILER_COMMANDS_COMPILEDINPUT_H

#include "compiler/KernelLibrary.h"
#include "compiler/Options.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <memory>

namespace attn {

/// Kernels, and the layers that they were compiled from.
struct CompiledInput {
  std::unique_ptr<KernelLibrary> library;
  mlir::OwningOpRef<mlir::ModuleOp> declared;
};

/// Loads the folder, or compiles and loads the input, of `invocation`; `what`
/// names the temporary folder, `selectors` the options that choose among the
/// kernels of a folder. Reports what is wrong, options that do not apply among
/// it.
mlir::FailureOr<CompiledInput>
openCompiled(const Invocation &invocation, mlir::MLIRContext &context,
             llvm::StringRef what,
             llvm::ArrayRef<std::string_view> selectors = {});

} // namespace attn

#endif // COMPILER_COMMANDS_COMPILEDINPUT_H
