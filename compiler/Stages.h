//===- Stages.h - From declared layers to tile programs ---------*- C++ -*-===//
//
// Runs the passes one stage at a time, so that every stage can be dumped,
// interpreted and compared with the one before.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_STAGES_H
#define COMPILER_STAGES_H

#include "compiler/Options.h"
#include "compiler/OutputFolder.h"
#include "mlir/IR/BuiltinOps.h"

#include <functional>
#include <string>
#include <vector>

namespace attn {

/// What a stage left.
struct StageView {
  /// Counts from 0, the input.
  unsigned number;
  /// What the IR is now: "declared", "graph", "flash", "tiles".
  llvm::StringRef name;
  /// Flags of the passes that ran, separated by commas; empty for the input.
  llvm::StringRef pass;
  /// What this stage is, for readers who know attention and not MLIR.
  llvm::StringRef about;
  /// Whose schedules the tile programs have, as --target names it; empty
  /// before.
  llvm::StringRef target;
  mlir::ModuleOp module;
};

/// Called after each stage; a failure, which it reports itself, stops.
using StageObserver = std::function<mlir::LogicalResult(const StageView &)>;

/// Lowers declared layers and graph functions of `module` to fused functions,
/// whatever the target. Layers that are refused are announced and erased; so
/// are functions that stay unfused, unless `options` make that an error. Fails
/// if nothing is left.
mlir::LogicalResult runFusionStages(mlir::ModuleOp module,
                                    const CompileOptions &options,
                                    const StageObserver &observer);

/// Lowers fused functions to tile programs with the schedules of `target`, one
/// of the words of --target. Stages are numbered on from those of fusion.
mlir::LogicalResult runTileStages(mlir::ModuleOp module, llvm::StringRef target,
                                  const CompileOptions &options,
                                  const StageObserver &observer);

/// Both, for the first target of `options`.
mlir::LogicalResult runStages(mlir::ModuleOp module,
                              const CompileOptions &options,
                              const StageObserver &observer);

/// The stages of a compilation, one numbered file each.
class StageDump {
public:
  /// Of the folder of --dump-ir; nothing is dumped if `dir` is empty.
  explicit StageDump(llvm::StringRef dir) : dir(dir) {}
  StageDump(const StageDump &) = delete;
  StageDump &operator=(const StageDump &) = delete;

  /// Fails with a message if what is in the folder's place may not be replaced.
  llvm::LogicalResult check() const;
  /// Keeps the stages that it sees for `write`; null if nothing is dumped.
  StageObserver observer();
  /// Writes the folder if there were stages. Those before a failure tell why.
  llvm::LogicalResult write() const;

private:
  std::string dir;
  std::vector<OutputFile> files;
};

/// The folder of dumped stages at `path`. One that holds nothing else is
/// replaced.
OutputFolder dumpFolder(llvm::StringRef path);

/// One observer out of two, called in this order. Either may be null.
StageObserver both(StageObserver first, StageObserver second);

} // namespace attn

#endif // COMPILER_STAGES_H
