//===- FusionPipeline.cpp - from declared layers to attn.flash ------------===//
//
// Stages are parsed from their text, so that what is shown is what runs.
//
//===----------------------------------------------------------------------===//

#include "passes/FusionPipeline.h"

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/ErrorHandling.h"

using namespace mlir;
using namespace attn;

static constexpr Stage kStages[] = {
    {"graph",
     "attn-expand-layers,convert-linalg-to-attn{strict=true},attn-verify-graph",
     "the textbook, step by step; scores are [batch, heads, queries, keys]"},
    // Views that repeat each other go, so that repeats are found behind them.
    {"raised", "attn-unfold-heads,attn-raise-attention,cse",
     "attention in any spelling is the textbook's; constant masks are symbols"},
    {"grouped", "attn-eliminate-kv-repeat",
     "query heads share key and value heads instead of copies of them"},
    {"softmax", "attn-fuse-masked-softmax",
     "scale, softcap, mask and softmax are one step"},
    {"latent", "attn-absorb-projections",
     "heads attend to rows that they share where that is less work"},
    // A mask is analysed where nothing but kernels reads it any more.
    {"flash", "attn-form-flash,attn-analyze-mask",
     "all of attention is one operation; scores are never stored"},
    // Heads are found by their flash; only then are equal graphs equal text.
    {"merged",
     "cse,attn-merge-stacked-heads,attn-merge-projections,cse,attn-sort-by-use",
     "stacked heads are one attention; operations stand where they are used"},
};

ArrayRef<Stage> attn::fusionStages() { return kStages; }

/// Makes the flags of the passes known to the parser of pipelines, once.
static void registerPasses() {
  [[maybe_unused]] static bool once = [] {
    registerAttnPasses();
    registerCanonicalizerPass();
    registerCSEPass();
    return true;
  }();
}

/// What `options` ask of `pass`: "scopes=core,attend steps=false".
static std::string optionsOf(StringRef pass, const FusionOptions &options) {
  SmallVector<std::string> chosen;
  if (pass == "attn-expand-layers") {
    if (!options.scopes.empty())
      chosen.push_back("scopes=" + llvm::join(options.scopes, ","));
    if (!options.steps)
      chosen.emplace_back("steps=false");
  }
  if (pass == "attn-absorb-projections") {
    if (options.form != "auto")
      chosen.push_back("form=" + options.form);
    if (options.queryLength != 1)
      chosen.push_back("query-length=" + std::to_string(options.queryLength));
  }
  return llvm::join(chosen, " ");
}

std::string attn::spellPasses(const Stage &stage,
                              const FusionOptions &options) {
  SmallVector<std::string> passes;
  for (StringRef pass : llvm::split(stage.passes, ',')) {
    std::string chosen = optionsOf(pass, options);
    passes.push_back(chosen.empty() ? pass.str()
                                    : (pass + "{" + chosen + "}").str());
  }
  return llvm::join(passes, ",");
}

LogicalResult attn::addStage(const Stage &stage, const FusionOptions &options,
                             OpPassManager &passes) {
  registerPasses();
  return parsePassPipeline(spellPasses(stage, options), passes);
}

void attn::registerFusionPipeline() {
  PassPipelineRegistration<FusionOptions>(
      "attn-fuse", "fuse declared layers and graphs: all stages before tiles",
      [](OpPassManager &passes, const FusionOptions &options) {
        for (const Stage &stage : fusionStages())
          if (failed(addStage(stage, options, passes)))
            llvm::report_fatal_error("stage '" + stage.name +
                                     "' is no pipeline");
      });
}
