//===- Compile.cpp - attnc compile ----------------------------------------===//
//
// An input in, a folder of kernels out; nothing is written before everything
// is compiled.
//
//===----------------------------------------------------------------------===//

#include "compiler/Diagnostics.h"
#include "compiler/Files.h"
#include "compiler/Stages.h"
#include "compiler/artifact/Artifact.h"
#include "compiler/commands/Commands.h"
#include "compiler/import/Import.h"
#include "compiler/report/KernelNames.h"
#include "compiler/report/Page.h"
#include "dialects/attn/AttnRanks.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attn;
using namespace mlir;

static std::string spellCount(size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

static std::string spellCounts(const Artifact &artifact) {
  std::string counts = spellCount(artifact.kernels, "kernel");
  if (artifact.layers)
    counts += ", " + spellCount(artifact.layers, "layer");
  return counts;
}

/// "wrote DIR: NAME.h, 1 object, libNAME.a, libNAME.so, NAME.json (1 kernel, 2
/// layers)", for people: scripts read the manifest.
static std::string summarize(const Artifact &artifact, StringRef directory) {
  std::vector<std::string> parts;
  for (StringRef kind : {".h", ".o", ".a", ".so", ".json"}) {
    size_t objects = 0;
    for (const ArtifactFile &file : artifact.files) {
      if (!StringRef(file.name).ends_with(kind))
        continue;
      if (kind == ".o")
        ++objects;
      else
        parts.push_back(file.name);
    }
    if (objects)
      parts.push_back(spellCount(objects, "object"));
  }
  return fmt::format("wrote {}: {} ({})\n", std::string_view(directory),
                     fmt::join(parts, ", "), spellCounts(artifact));
}

//===----------------------------------------------------------------------===//
// The page of --report
//===----------------------------------------------------------------------===//

static LogicalResult refuseReport(const Invocation &invocation,
                                  llvm::Error error) {
  reportError(fmt::format("report '{}' {}", invocation.reportFile,
                          llvm::toString(std::move(error))));
  return failure();
}

/// Fails with a message if something else than an earlier page would be
/// replaced; what is no file is refused when the page is written.
static LogicalResult checkReplaced(const Invocation &invocation) {
  StringRef path = invocation.reportFile;
  if (!llvm::sys::fs::is_regular_file(path))
    return success();
  bool isInput = false;
  if (!llvm::sys::fs::equivalent(path, invocation.input, isInput) && isInput)
    return refuseReport(invocation,
                        llvm::createStringError("is the input, which it would "
                                                "replace; name another file"));
  auto bytes = readFile(path);
  if (!bytes)
    return refuseReport(invocation, bytes.takeError());
  StringRef old = (*bytes)->getBuffer();
  if (old.empty() || report::isPage(old))
    return success();
  return refuseReport(
      invocation,
      llvm::createStringError("exists and is not a report of attnc; remove it "
                              "or name another file"));
}

/// Folders are replaced as a whole: what lies in them would be lost.
static LogicalResult checkReportPlace(const Invocation &invocation) {
  OutputFolder page(invocation.reportFile, /*objection=*/nullptr);
  for (const std::string &folder :
       {invocation.output, invocation.compile.dumpIrDir}) {
    if (folder.empty() ||
        !page.overlaps(OutputFolder(folder, /*objection=*/nullptr)))
      continue;
    reportError(fmt::format("report '{}' lies in the output folder '{}', which "
                            "is replaced as a whole; name a place outside",
                            invocation.reportFile, folder));
    return failure();
  }
  return checkReplaced(invocation);
}

/// Writes the folder, and the page if there is to be one: both or none.
static LogicalResult writeAll(const Invocation &invocation, ModuleOp module,
                              const Artifact &artifact,
                              report::StageRecorder &recorder) {
  if (invocation.reportFile.empty())
    return writeFolder(artifact, invocation.output);
  const std::vector<std::string> &targets = invocation.compile.targets;
  report::nameKernels(artifact.manifest, artifact.name, recorder.attentions);
  Explanation layers = explainLayers(module, recorder.getQuestion());
  std::string page = report::renderPage(
      {.summary = fmt::format(
           "{}, compiled for {}", spellCounts(artifact),
           targets.empty() ? "native"
                           : fmt::format("{}", fmt::join(targets, ", "))),
       .stages = recorder.stages,
       .attentions = recorder.attentions,
       .schedules = artifact.schedules,
       .layers = layers});
  auto file = PendingFile::write(invocation.reportFile,
                                 [&](llvm::raw_ostream &out) { out << page; });
  if (!file)
    return refuseReport(invocation, file.takeError());
  if (failed(writeFolder(artifact, invocation.output)))
    return failure();
  if (llvm::Error error = file->keep())
    return refuseReport(invocation, std::move(error));
  return success();
}

//===----------------------------------------------------------------------===//
// The verb
//===----------------------------------------------------------------------===//

/// Fails with a message if a folder that `invocation` names cannot be written;
/// compile() checks that of the dump.
static LogicalResult checkOutputs(const Invocation &invocation) {
  OutputFolder kernels = compiledFolder(invocation.output);
  const std::string &dump = invocation.compile.dumpIrDir;
  if (dump.empty() || !kernels.overlaps(dumpFolder(dump)))
    return kernels.check();
  reportError(
      fmt::format("the kernels go to '{}' and the dump to '{}': neither "
                  "may be in the other",
                  invocation.output, dump));
  return failure();
}

int attn::compileCommand(const Invocation &invocation) {
  if (llvm::Error error = checkLowered(invocation.compile)) {
    reportError(std::move(error));
    return 1;
  }
  if (failed(checkOutputs(invocation)))
    return 1;
  bool hasReport = !invocation.reportFile.empty();
  if (hasReport && failed(checkReportPlace(invocation)))
    return 1;
  // Filled by the context's remark engine until the context is gone.
  report::StageRecorder recorder({.machine = machineOf(invocation)});
  MLIRContext context(MLIRContext::Threading::DISABLED);
  DiagnosticPrinter printer(&context);
  OwningOpRef<ModuleOp> module =
      loadInput(context, invocation.input, invocation.compile);
  if (!module)
    return 1;
  if (hasReport)
    recorder.listen(context);
  FailureOr<Artifact> artifact =
      compile(*module, invocation.compile,
              hasReport ? recorder.observer() : StageObserver());
  if (failed(artifact) ||
      failed(writeAll(invocation, *module, *artifact, recorder)))
    return 1;
  if (invocation.compile.printSchedule)
    for (const std::string &table : artifact->schedules)
      llvm::outs() << table;
  llvm::outs() << summarize(*artifact, invocation.output);
  if (std::string rank = describeRank(*module); !rank.empty())
    llvm::outs() << rank << "\n";
  return 0;
}
