//===- attnc.cpp - The compiler's command line ----------------------------===//
//
// Reads the command line, runs the verb, returns its status.
//
//===----------------------------------------------------------------------===//

#include "compiler/Diagnostics.h"
#include "compiler/Options.h"
#include "compiler/commands/Commands.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/raw_ostream.h"

/// `status`, or 1 if what was printed did not all arrive.
static int flush(int status) {
  llvm::outs().flush();
  std::error_code problem = llvm::outs().error();
  if (!problem)
    return status;
  // Otherwise the stream aborts when it is destroyed.
  llvm::outs().clear_error();
  attn::reportError("output cannot be written: " + problem.message());
  return 1;
}

int main(int argc, char **argv) {
  llvm::SmallVector<llvm::StringRef> arguments(argv + 1, argv + argc);
  attn::CommandLine line = attn::parseCommandLine(arguments);
  if (line.invocation)
    return flush(attn::runCommand(*line.invocation));
  if (line.status == 0)
    llvm::outs() << line.text;
  else
    attn::reportError(line.text);
  return flush(line.status);
}
