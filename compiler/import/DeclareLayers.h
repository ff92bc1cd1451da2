//===- DeclareLayers.h - Layers as operations -------------------*- C++ -*-===//
//
// Equal layers become one declaration that lists their numbers.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_IMPORT_DECLARELAYERS_H
#define COMPILER_IMPORT_DECLARELAYERS_H

#include "compiler/import/Layers.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace attn {

/// A module called `name` that declares `layers`, which come from the file at
/// `path`. Declarations are called `name`, or `name`_KIND where layers differ.
mlir::OwningOpRef<mlir::ModuleOp>
declareLayers(mlir::MLIRContext &context, llvm::StringRef path,
              llvm::StringRef name, llvm::ArrayRef<LayerSpec> layers);

} // namespace attn

#endif // COMPILER_IMPORT_DECLARELAYERS_H
