//===- Bench.cpp - attnc bench --------------------------------------------===//
//
// Speed of the input's kernels and of the reference cases, as a table or as
// one JSON document.
//
//===----------------------------------------------------------------------===//

#include "compiler/bench/Bench.h"

#include "compiler/Diagnostics.h"
#include "compiler/commands/Commands.h"
#include "compiler/import/Import.h"
#include "llvm/Support/FileSystem.h"

#include <fmt/format.h>
#include <thread>

using namespace attn;
using namespace mlir;

int attn::benchCommand(const Invocation &invocation) {
  // Of a folder's kernels, --phase and --scope choose which are timed.
  bool isCompiled = llvm::sys::fs::is_directory(invocation.input);
  if (llvm::Error error = isCompiled
                              ? checkCompiled(invocation, {"phase", "scope"})
                              : checkLowered(invocation.compile)) {
    reportError(std::move(error));
    return 1;
  }
  unsigned atOnce = std::thread::hardware_concurrency();
  if (atOnce && invocation.threads > atOnce) {
    reportError(llvm::createStringError(
        fmt::format("--threads {}: this machine runs {} at once, and times "
                    "would be those of threads that wait",
                    invocation.threads, atOnce)));
    return 1;
  }
  MLIRContext context(inputDialects(), MLIRContext::Threading::DISABLED);
  DiagnosticPrinter printer(&context);
  Bench bench(context, invocation.compile);
  if (failed(bench.addInput(invocation.input)) || failed(bench.addReferences()))
    return 1;
  FailureOr<BenchReport> report =
      bench.measure(threadCountsFor(invocation.threads));
  if (failed(report))
    return 1;
  if (invocation.json)
    llvm::outs() << llvm::formatv("{0:2}\n", report->toJson());
  else
    llvm::outs() << report->toText();
  return 0;
}
