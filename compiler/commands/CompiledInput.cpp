//===- CompiledInput.cpp - INPUT or DIR as loaded kernels -----------------===//
//
// See CompiledInput.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/commands/CompiledInput.h"

#include "compiler/Diagnostics.h"
#include "compiler/artifact/Artifact.h"
#include "compiler/import/Import.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <fmt/format.h>

using namespace attn;
using namespace mlir;

/// The kernels of a folder; messages name the places of `declared`, or of the
/// manifest without it.
static FailureOr<CompiledInput> openFolder(StringRef directory,
                                           MLIRContext &context,
                                           OwningOpRef<ModuleOp> declared) {
  auto library = KernelLibrary::open(directory);
  if (!library) {
    reportError(library.takeError());
    return failure();
  }
  if (!declared)
    declared = readDeclared(context, **library);
  if (!declared)
    return failure();
  return CompiledInput{std::move(*library), std::move(declared)};
}

FailureOr<CompiledInput>
attn::openCompiled(const Invocation &invocation, MLIRContext &context,
                   StringRef what, ArrayRef<std::string_view> selectors) {
  bool isCompiled = llvm::sys::fs::is_directory(invocation.input);
  if (llvm::Error error = isCompiled ? checkCompiled(invocation, selectors)
                                     : checkLowered(invocation.compile)) {
    reportError(std::move(error));
    return failure();
  }
  if (isCompiled)
    return openFolder(invocation.input, context, nullptr);
  SmallString<128> temporary;
  if (std::error_code error =
          llvm::sys::fs::createUniqueDirectory("attnc-" + what, temporary)) {
    reportError(
        fmt::format("cannot make a temporary folder: {}", error.message()));
    return failure();
  }
  // What is loaded stays mapped when its file is gone.
  llvm::scope_exit remove(
      [&] { llvm::sys::fs::remove_directories(temporary); });
  SmallString<128> directory(temporary);
  llvm::sys::path::append(directory, "kernels");
  OwningOpRef<ModuleOp> module =
      loadInput(context, invocation.input, invocation.compile);
  if (!module)
    return failure();
  FailureOr<Artifact> artifact = compile(*module, invocation.compile);
  if (failed(artifact) || failed(writeFolder(*artifact, directory)))
    return failure();
  return openFolder(directory, context, std::move(module));
}
