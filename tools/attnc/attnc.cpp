//===- attnc.cpp - The compiler's command line ----------------------------===//
//
// Reads the command line, runs the verb, returns its status.
//
//===----------------------------------------------------------------------===//

#include "compiler/Options.h"
#include "compiler/commands/Commands.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  llvm::SmallVector<llvm::StringRef> arguments(argv + 1, argv + argc);
  attn::CommandLine line = attn::parseCommandLine(arguments);
  if (line.invocation)
    return attn::runCommand(*line.invocation);
  if (line.status == 0)
    llvm::outs() << line.text;
  else
    llvm::errs() << "attnc: error: " << line.text << '\n';
  return line.status;
}
