//===- LayerChoice.h - Which layer a call is for ----------------*- C++ -*-===//
//
// --layer takes a number or the prefix that the layer's attention module has
// in a checkpoint; without it the layers have to be equal.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_RUN_LAYERCHOICE_H
#define COMPILER_RUN_LAYERCHOICE_H

#include "compiler/KernelLibrary.h"

namespace attn {

/// The number in `chosen`: "3", or the only number between the dots of
/// "model.layers.3.self_attn". None if there is not exactly one.
std::optional<int64_t> layerNumber(llvm::StringRef chosen);

/// The layer of `library` that --layer `chosen` means.
llvm::Expected<const LibraryLayer *> chooseLayer(const KernelLibrary &library,
                                                 llvm::StringRef chosen);

} // namespace attn

#endif // COMPILER_RUN_LAYERCHOICE_H
