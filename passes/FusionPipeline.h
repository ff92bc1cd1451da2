//===- FusionPipeline.h - from declared layers to attn.flash ----*- C++ -*-===//
//
// The stages of fusion as a table: the name of what they leave, and the passes
// that lead to it, spelled as attn-opt takes them.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_FUSIONPIPELINE_H
#define PASSES_FUSIONPIPELINE_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace attn {

/// A step of the pipeline that leaves IR worth a look.
struct Stage {
  llvm::StringRef name;
  /// As in the text form of a pipeline.
  llvm::StringRef passes;
  /// For readers who know attention and not MLIR.
  llvm::StringRef about;
};

/// In their order.
llvm::ArrayRef<Stage> fusionStages();

/// What callers may ask of single passes, which document the options; one that
/// is not set is left to its pass.
struct FusionOptions : mlir::PassPipelineOptions<FusionOptions> {
  ListOption<std::string> scopes{
      *this, "scopes",
      llvm::cl::desc("attn-expand-layers: core, attend, layer")};
  Option<bool> steps{*this, "steps",
                     llvm::cl::desc("attn-expand-layers: those of absorbed "
                                    "attention as functions of their own"),
                     llvm::cl::init(true)};
  Option<std::string> form{
      *this, "form",
      llvm::cl::desc("attn-absorb-projections: auto, absorbed or expanded"),
      llvm::cl::init("auto")};
  Option<int64_t> queryLength{
      *this, "query-length",
      llvm::cl::desc("attn-absorb-projections: queries of a call"),
      llvm::cl::init(1)};
};

/// The passes of `stage` with their options.
std::string spellPasses(const Stage &stage, const FusionOptions &options);

/// Appends the passes of `stage` to those of a module.
llvm::LogicalResult addStage(const Stage &stage, const FusionOptions &options,
                             mlir::OpPassManager &passes);

/// attn-fuse: all stages.
void registerFusionPipeline();

} // namespace attn

#endif // PASSES_FUSIONPIPELINE_H
