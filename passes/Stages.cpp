//===- Stages.cpp - the passes of each stage ------------------------------===//
//
// The order of the passes between two levels, and why.
//
//===----------------------------------------------------------------------===//

#include "mlir/Pass/PassManager.h"
#include "passes/Passes.h"

using namespace mlir;

void attn::populateGraphStage(OpPassManager &manager) {
  manager.addPass(createExpandLayers());
  manager.addPass(createVerifyGraph());
}

void attn::populateFusedStage(OpPassManager &manager,
                              const FusedStageOptions &options) {
  // Repeats go first: flash wants key and value with the same heads.
  manager.addPass(createEliminateKvRepeat());
  // Masked softmax before flash, which looks for it.
  manager.addPass(createFuseMaskedSoftmax());
  manager.addPass(createFormFlash());
  if (options.requireFused)
    manager.addPass(createVerifyFused());
}
