//===- Import.h - Inputs of the compiler ------------------------*- C++ -*-===//
//
// A config.json or a .mlir file becomes a module of the attn dialect, or one
// clear message. The module's symbol name is NAME, the prefix of every global.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_IMPORT_IMPORT_H
#define COMPILER_IMPORT_IMPORT_H

#include "compiler/Options.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace attn {

class KernelLibrary;

/// The dialects that inputs may use. They are loaded when first met.
mlir::DialectRegistry inputDialects();

/// Reads the file at `path`. Null on failure, which is reported as a
/// diagnostic. Layers are stored, rotated and shared by ranks as `options` say,
/// else as the input does.
mlir::OwningOpRef<mlir::ModuleOp> loadInput(mlir::MLIRContext &context,
                                            llvm::StringRef path,
                                            const CompileOptions &options);

/// Reads what the folder `library` was compiled from out of its manifest. Null
/// on failure, which is reported as a diagnostic.
mlir::OwningOpRef<mlir::ModuleOp> readDeclared(mlir::MLIRContext &context,
                                               const KernelLibrary &library);

} // namespace attn

#endif // COMPILER_IMPORT_IMPORT_H
