//===- LayerNumbers.h - The layers of a model, by number --------*- C++ -*-===//
//
// Which layer --layer means, which layers there are, and how messages list
// them.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_LAYERNUMBERS_H
#define COMPILER_LAYERNUMBERS_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <string>

namespace attn {

/// The number in `chosen`: "3", or the only number between the dots of
/// "model.layers.3.self_attn". None if there is not exactly one.
std::optional<int64_t> layerNumber(llvm::StringRef chosen);

/// "0 to 3, 6, 8 to 9"; of many, the middle is left out. `layers` ascend.
std::string spellLayers(llvm::ArrayRef<int64_t> layers);

/// The layer that --layer `chosen` means. Fails unless it is one of the
/// `layers` that `name` has, which ascend.
llvm::Expected<int64_t> readLayer(llvm::StringRef chosen, llvm::StringRef name,
                                  llvm::ArrayRef<int64_t> layers);

/// The numbers of the layers that a declaration or function stands for.
llvm::ArrayRef<int64_t> layersOf(mlir::Operation *op);

/// Leaves of `module` only the declaration of the layer that --layer `chosen`
/// means, for that layer alone.
llvm::Error keepLayer(mlir::ModuleOp module, llvm::StringRef chosen);

} // namespace attn

#endif // COMPILER_LAYERNUMBERS_H
