//===- LayerOptions.h - Options that change declared layers -----*- C++ -*-===//
//
// What --pairing and --tp make of layers, before anything is computed of them.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_IMPORT_LAYEROPTIONS_H
#define COMPILER_IMPORT_LAYEROPTIONS_H

#include "compiler/Options.h"
#include "mlir/IR/BuiltinOps.h"

namespace attn {

/// Rotates the declared layers of `module` by the pairing of `options`, and
/// makes each the share of one rank. Fails with a message, at the layer that
/// stands against it, if that cannot be.
mlir::LogicalResult applyLayerOptions(mlir::ModuleOp module,
                                      const CompileOptions &options);

} // namespace attn

#endif // COMPILER_IMPORT_LAYEROPTIONS_H
