//===- LayerChoice.h - Which layer a call is for ----------------*- C++ -*-===//
//
// --layer takes a number or the prefix that the layer's attention module has
// in a checkpoint, --function the name of a function of a .mlir input. Without
// them there has to be nothing to choose from.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_RUN_LAYERCHOICE_H
#define COMPILER_RUN_LAYERCHOICE_H

#include "compiler/KernelLibrary.h"

namespace attn {

/// The layer of `library` that --layer `chosen` means, or, where it was
/// compiled from functions, the one of --function `function`.
llvm::Expected<const LibraryLayer *> chooseLayer(const KernelLibrary &library,
                                                 llvm::StringRef chosen,
                                                 llvm::StringRef function);

} // namespace attn

#endif // COMPILER_RUN_LAYERCHOICE_H
