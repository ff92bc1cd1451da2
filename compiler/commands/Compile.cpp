//===- Compile.cpp - attnc compile ----------------------------------------===//
//
// An input in, a folder of kernels out; nothing is written before everything
// is compiled.
//
//===----------------------------------------------------------------------===//

#include "compiler/Diagnostics.h"
#include "compiler/artifact/Artifact.h"
#include "compiler/commands/Commands.h"
#include "compiler/import/Import.h"
#include "mlir/IR/MLIRContext.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attn;
using namespace mlir;

static std::string spellCount(size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
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
  std::string counts = spellCount(artifact.kernels, "kernel");
  if (artifact.layers)
    counts += ", " + spellCount(artifact.layers, "layer");
  return fmt::format("wrote {}: {} ({})\n", std::string_view(directory),
                     fmt::join(parts, ", "), counts);
}

int attn::compileCommand(const Invocation &invocation) {
  if (llvm::Error error = checkSupported(invocation.compile)) {
    reportError(std::move(error));
    return 1;
  }
  MLIRContext context(MLIRContext::Threading::DISABLED);
  DiagnosticPrinter printer(&context);
  OwningOpRef<ModuleOp> module =
      loadInput(context, invocation.input, invocation.compile);
  if (!module)
    return 1;
  FailureOr<Artifact> artifact = compile(*module, invocation.compile);
  if (failed(artifact) || failed(writeFolder(*artifact, invocation.output)))
    return 1;
  llvm::outs() << artifact->schedules;
  llvm::outs() << summarize(*artifact, invocation.output);
  return 0;
}
