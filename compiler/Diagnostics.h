//===- Diagnostics.h - Messages to the user ---------------------*- C++ -*-===//
//
// One form for every message: "file:line:column: error: what", or "attnc:
// error: what" where no file is to blame.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_DIAGNOSTICS_H
#define COMPILER_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/Error.h"

#include <string_view>

namespace attn {

/// Prints the diagnostics of a context on stderr while it lives.
class DiagnosticPrinter : public mlir::ScopedDiagnosticHandler {
public:
  explicit DiagnosticPrinter(mlir::MLIRContext *context);
};

/// Prints an error that belongs to no place in a file.
void reportError(std::string_view message);
/// The same for an error of llvm's.
void reportError(llvm::Error error);
/// Prints a warning that belongs to no place in a file.
void reportWarning(std::string_view message);

} // namespace attn

#endif // COMPILER_DIAGNOSTICS_H
