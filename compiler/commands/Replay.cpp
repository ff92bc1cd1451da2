//===- Replay.cpp - attnc replay ------------------------------------------===//
//
// A trace of serving steps on the core kernel of one layer.
//
//===----------------------------------------------------------------------===//

#include "compiler/replay/Replay.h"

#include "compiler/Diagnostics.h"
#include "compiler/Files.h"
#include "compiler/LayerNumbers.h"
#include "compiler/commands/Commands.h"
#include "compiler/commands/CompiledInput.h"
#include "compiler/import/Import.h"
#include "compiler/verify/VerifyKernels.h"
#include "llvm/Support/FileSystem.h"

#include <fmt/format.h>

using namespace attn;
using namespace attn::replay;
using namespace mlir;

/// The trace of a file, or one that is made up.
static FailureOr<Trace> traceFor(const Invocation &invocation) {
  if (invocation.trace.empty()) {
    TraceShape shape;
    shape.steps = invocation.steps;
    return makeTrace(shape);
  }
  auto fail = [&](llvm::Error error) {
    reportError(fmt::format("trace '{}': {}", invocation.trace,
                            llvm::toString(std::move(error))));
    return failure();
  };
  auto text = readFile(invocation.trace);
  if (!text)
    return fail(text.takeError());
  auto trace = parseTrace((*text)->getBuffer());
  if (!trace)
    return fail(trace.takeError());
  return std::move(*trace);
}

static std::vector<CacheLayout> layoutsFor(const Invocation &invocation) {
  if (invocation.layouts.empty())
    return {{}, {.headMajor = true}, {.pageRows = 16}, {.pageRows = 128}};
  std::vector<CacheLayout> layouts;
  for (const std::string &name : invocation.layouts)
    layouts.push_back(*CacheLayout::parse(name));
  return layouts;
}

/// The kernel of scope core of the chosen layer, or of the first; an absorbed
/// one where there is one, as decoders call it.
static const verify::Subject *
chooseSubject(llvm::ArrayRef<verify::Subject> subjects) {
  const verify::Subject *chosen = nullptr;
  for (const verify::Subject &subject : subjects)
    if (subject.kernel->scope == "core" &&
        (!chosen ||
         (subject.layer == chosen->layer && subject.kernel->isAbsorbed())))
      chosen = &subject;
  return chosen;
}

static LogicalResult saveTrace(const Invocation &invocation,
                               const Trace &trace) {
  if (invocation.savedTrace.empty())
    return success();
  auto file =
      PendingFile::write(invocation.savedTrace, [&](llvm::raw_ostream &stream) {
        stream << spell(trace);
      });
  llvm::Error error = file ? file->keep() : file.takeError();
  if (!error)
    return success();
  reportError(fmt::format("trace '{}': {}", invocation.savedTrace,
                          llvm::toString(std::move(error))));
  return failure();
}

int attn::replayCommand(const Invocation &invocation) {
  FailureOr<Trace> trace = traceFor(invocation);
  if (failed(trace) || failed(saveTrace(invocation, *trace)))
    return 1;
  DialectRegistry registry = inputDialects();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  DiagnosticPrinter printer(&context);
  Invocation compiled = invocation;
  if (!llvm::sys::fs::is_directory(invocation.input))
    compiled.compile.scopes = {Scope::Core};
  FailureOr<CompiledInput> input = openCompiled(compiled, context, "replay");
  if (failed(input))
    return 1;
  if (!invocation.layer.empty())
    if (llvm::Error error = keepLayer(*input->declared, invocation.layer)) {
      reportError(std::move(error));
      return 1;
    }
  std::vector<verify::Subject> subjects =
      verify::subjectsOf(*input->library, *input->declared, *input->declared);
  const verify::Subject *subject = chooseSubject(subjects);
  if (!subject) {
    reportError("there is no kernel of scope core to replay on");
    return 1;
  }
  ReplayOptions options;
  options.threads = std::max(invocation.threads, 1u);
  auto report = replayTrace(*subject, *trace, layoutsFor(invocation), options);
  if (!report) {
    reportError(report.takeError());
    return 1;
  }
  if (invocation.json)
    llvm::outs() << llvm::formatv("{0:2}\n", report->toJson());
  else
    llvm::outs() << report->toText();
  return report->ok() ? 0 : 1;
}
