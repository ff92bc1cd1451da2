//===- Verify.cpp - attnc verify ------------------------------------------===//
//
// Compares compiled kernels with the float64 reference: those of a compiled
// folder, or of a config or .mlir file, which is compiled first.
//
//===----------------------------------------------------------------------===//

#include "compiler/Diagnostics.h"
#include "compiler/KernelLibrary.h"
#include "compiler/LayerNumbers.h"
#include "compiler/artifact/Artifact.h"
#include "compiler/commands/Commands.h"
#include "compiler/import/Import.h"
#include "compiler/verify/GraphCases.h"
#include "compiler/verify/KernelCases.h"
#include "compiler/verify/VerifyKernels.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <fmt/format.h>

using namespace attn;
using namespace attn::verify;
using namespace mlir;

/// Compiles `invocation.input` into the folder `directory`; the module that it
/// declares, null on failure.
static OwningOpRef<ModuleOp> compileInto(const Invocation &invocation,
                                         MLIRContext &context,
                                         StringRef directory) {
  OwningOpRef<ModuleOp> module =
      loadInput(context, invocation.input, invocation.compile);
  if (!module)
    return nullptr;
  FailureOr<Artifact> artifact = compile(*module, invocation.compile);
  if (failed(artifact) || failed(writeFolder(*artifact, directory)))
    return nullptr;
  return module;
}

/// Whether this machine runs an attention.
static bool runsAttentionHere(const Subject &subject) {
  KernelCase spec = *fitTo(kernelCases().front(), subject.arguments);
  std::vector<Buffer> buffers;
  SmallVector<const DLTensor *> tensors;
  buffers.reserve(subject.kernel->tensors.size());
  for (auto [elements, tensor] : llvm::zip_equal(
           elementsOf(subject, /*ofResults=*/false), makeInputs(spec, subject)))
    tensors.push_back(
        buffers.emplace_back(tensor, elements, Layout::Contiguous).dlTensor());
  tensors.resize(subject.kernel->tensors.size());
  return runsHere(*subject.kernel, subject.index, tensors);
}

/// Whether this machine runs the subject; says so if it does not.
static bool isRunnable(const Subject &subject) {
  if (subject.kernel->isAttention() ? runsAttentionHere(subject)
                                    : runsGraphHere(subject))
    return true;
  reportWarning(fmt::format("this machine does not run {} for {}, which is not "
                            "verified",
                            subject.kernel->symbol, subject.kernel->target));
  return false;
}

/// Verifies the folder `directory`: all of it, or the layer of --layer.
/// Messages name the places of `declared`, or of the manifest without it.
static int verifyFolder(StringRef directory, MLIRContext &context,
                        const Invocation &invocation,
                        OwningOpRef<ModuleOp> declared = nullptr) {
  llvm::Expected<std::unique_ptr<KernelLibrary>> library =
      KernelLibrary::open(directory);
  if (!library) {
    reportError(library.takeError());
    return 1;
  }
  if (!declared)
    declared = readDeclared(context, **library);
  if (!declared)
    return 1;
  if (!invocation.layer.empty())
    if (llvm::Error error = keepLayer(*declared, invocation.layer)) {
      reportError(std::move(error));
      return 1;
    }
  Report report;
  OwningOpRef<ModuleOp> functions = spellLayers(**library, *declared);
  if (!functions)
    return 1;
  std::vector<Subject> subjects = subjectsOf(**library, *declared, *functions);
  for (const Subject &subject : subjects)
    if (isRunnable(subject))
      llvm::append_range(report.cases, verifySubject(subject));
  if (report.cases.empty()) {
    bool isRefused = subjects.empty() && !invocation.layer.empty();
    reportError(isRefused
                    ? fmt::format("layer {} was not compiled", invocation.layer)
                    : "there is no kernel to verify on this machine");
    return 1;
  }
  if (invocation.json)
    printJson(report, llvm::outs());
  else
    printText(report, llvm::outs());
  return report.failed() != 0;
}

int attn::verifyCommand(const Invocation &invocation) {
  bool isCompiled = llvm::sys::fs::is_directory(invocation.input);
  if (llvm::Error error = isCompiled ? checkCompiled(invocation)
                                     : checkLowered(invocation.compile)) {
    reportError(std::move(error));
    return 1;
  }
  DialectRegistry registry = inputDialects();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  DiagnosticPrinter printer(&context);
  if (isCompiled)
    return verifyFolder(invocation.input, context, invocation);
  SmallString<128> temporary;
  if (std::error_code error =
          llvm::sys::fs::createUniqueDirectory("attnc-verify", temporary)) {
    reportError(
        fmt::format("cannot make a temporary folder: {}", error.message()));
    return 1;
  }
  llvm::scope_exit remove(
      [&] { llvm::sys::fs::remove_directories(temporary); });
  SmallString<128> directory(temporary);
  llvm::sys::path::append(directory, "kernels");
  OwningOpRef<ModuleOp> declared = compileInto(invocation, context, directory);
  if (!declared)
    return 1;
  return verifyFolder(directory, context, invocation, std::move(declared));
}
