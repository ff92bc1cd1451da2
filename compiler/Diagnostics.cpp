//===- Diagnostics.cpp - Messages to the user -----------------------------===//
//
// Locations that the passes fused or named lead back to the place in a file
// that the user knows.
//
//===----------------------------------------------------------------------===//

#include "compiler/Diagnostics.h"

#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/raw_ostream.h"

#include <fmt/format.h>

using namespace attn;
using namespace mlir;

static std::string_view spell(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Note:
    return "note";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Remark:
    return "remark";
  }
  llvm_unreachable("unknown severity");
}

/// "file:line:column", the file alone where it is all to blame, or the
/// program's name where `location` has no file.
static std::string spell(Location location) {
  FileLineColLoc place = location->findInstanceOf<FileLineColLoc>();
  if (!place)
    return "attnc";
  if (place.getLine() == 0)
    return place.getFilename().str();
  return fmt::format("{}:{}:{}",
                     std::string_view(place.getFilename().getValue()),
                     place.getLine(), place.getColumn());
}

static void print(const Diagnostic &diagnostic) {
  llvm::errs() << fmt::format("{}: {}: {}\n", spell(diagnostic.getLocation()),
                              spell(diagnostic.getSeverity()),
                              diagnostic.str());
}

DiagnosticPrinter::DiagnosticPrinter(MLIRContext *context)
    : ScopedDiagnosticHandler(context) {
  // The operation that a message is about is in the dump of its stage.
  context->printOpOnDiagnostic(false);
  setHandler([](Diagnostic &diagnostic) {
    print(diagnostic);
    for (Diagnostic &note : diagnostic.getNotes())
      print(note);
  });
}

void attn::reportError(std::string_view message) {
  llvm::errs() << fmt::format("attnc: error: {}\n", message);
}

void attn::reportError(llvm::Error error) {
  reportError(llvm::toString(std::move(error)));
}

void attn::reportWarning(std::string_view message) {
  llvm::errs() << fmt::format("attnc: warning: {}\n", message);
}
