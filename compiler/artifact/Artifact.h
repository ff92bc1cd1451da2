//===- Artifact.h - One compile() for every caller --------------*- C++ -*-===//
//
// A module of declared layers or tile programs in, the files of a compiled
// folder out. Equal inputs give equal bytes: no path and no time is in them.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_ARTIFACT_H
#define COMPILER_ARTIFACT_ARTIFACT_H

#include "compiler/OutputFolder.h"
#include "compiler/Stages.h"
#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace attn {

/// A file of the folder.
using ArtifactFile = OutputFile;

struct Artifact {
  /// NAME, the prefix of every global.
  std::string name;
  /// In ascending order of their names.
  std::vector<ArtifactFile> files;
  /// The text of NAME.json.
  std::string manifest;
  /// How many kernels there are, and how many layers of the model they serve.
  size_t kernels = 0, layers = 0;
  /// How each kernel's schedules were chosen, a table each, target by target.
  std::vector<std::string> schedules;
};

/// Compiles `module` for every target of `options`. Whatever fails is reported
/// as a diagnostic; refused layers are warnings. `observer` sees the stages, in
/// tiles those of the first target.
mlir::FailureOr<Artifact> compile(mlir::ModuleOp module,
                                  const CompileOptions &options,
                                  const StageObserver &observer = nullptr);

/// The folder of kernels at `path`. One whose files are all listed in its
/// manifest is replaced.
OutputFolder compiledFolder(llvm::StringRef path);

/// Writes the folder at `directory`.
llvm::LogicalResult writeFolder(const Artifact &artifact,
                                llvm::StringRef directory);

} // namespace attn

#endif // COMPILER_ARTIFACT_ARTIFACT_H
