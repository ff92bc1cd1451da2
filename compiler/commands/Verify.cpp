//===- Verify.cpp - attnc verify ------------------------------------------===//
//
// Compares compiled kernels with the float64 reference: those of a compiled
// folder, or of a config or .mlir file, which is compiled first.
//
//===----------------------------------------------------------------------===//

#include "compiler/Diagnostics.h"
#include "compiler/LayerNumbers.h"
#include "compiler/commands/Commands.h"
#include "compiler/commands/CompiledInput.h"
#include "compiler/import/Import.h"
#include "compiler/verify/GraphCases.h"
#include "compiler/verify/KernelCases.h"
#include "compiler/verify/VerifyKernels.h"

#include <fmt/format.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

using namespace attn;
using namespace attn::verify;
using namespace mlir;

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

/// Of a folder's kernels, --scope and --target choose.
static bool isChosen(const LibraryKernel &kernel,
                     const CompileOptions &options) {
  bool isOfScope = llvm::any_of(options.scopes, [&](Scope scope) {
    return kernel.scope == StringRef(spell(scope));
  });
  return (options.scopes.empty() || isOfScope) &&
         (options.targets.empty() ||
          llvm::is_contained(options.targets, kernel.target));
}

/// Verifies all kernels, or those of the layer of --layer.
static int verifyInput(const CompiledInput &input,
                       const Invocation &invocation) {
  if (!invocation.layer.empty())
    if (llvm::Error error = keepLayer(*input.declared, invocation.layer)) {
      reportError(std::move(error));
      return 1;
    }
  Report report;
  OwningOpRef<ModuleOp> functions =
      spellLayers(*input.library, *input.declared);
  if (!functions)
    return 1;
  std::vector<Subject> subjects =
      subjectsOf(*input.library, *input.declared, *functions);
  for (const Subject &subject : subjects) {
    if (!isChosen(*subject.kernel, invocation.compile) || !isRunnable(subject))
      continue;
    std::vector<CaseReport> cases = verifySubject(subject);
    // The next kernel may take a minute.
    if (!invocation.json) {
      printCases(cases, llvm::outs());
      llvm::outs().flush();
    }
    llvm::append_range(report.cases, std::move(cases));
  }
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
    printCounts(report, llvm::outs());
  return report.failed() != 0;
}

/// Tensors of one case are followed by others as large: what they leave is
/// kept, as the pages of new memory cost more than what is computed in them
/// (measured: half the time of DeepSeek-V3's core scope).
static void keepFreedMemory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  // Arenas of other threads would map what is large all the same.
  mallopt(M_ARENA_MAX, 1);
#endif
}

int attn::verifyCommand(const Invocation &invocation) {
  keepFreedMemory();
  DialectRegistry registry = inputDialects();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  DiagnosticPrinter printer(&context);
  FailureOr<CompiledInput> input =
      openCompiled(invocation, context, "verify", {"scope", "target"});
  return succeeded(input) ? verifyInput(*input, invocation) : 1;
}
