//===- Commands.cpp - From a verb to its function -------------------------===//
//
// The switch that every verb of the table passes through.
//
//===----------------------------------------------------------------------===//

#include "compiler/commands/Commands.h"

#include "compiler/Diagnostics.h"
#include "llvm/Support/ErrorHandling.h"

using namespace attn;

int attn::runCommand(const Invocation &invocation) {
  switch (invocation.verb) {
  case Verb::Explain:
    return explainCommand(invocation);
  case Verb::Import:
    return importCommand(invocation);
  case Verb::Run:
    return runKernelCommand(invocation);
  case Verb::Compile:
  case Verb::Verify:
  case Verb::Bench:
    reportError("this verb is not built yet");
    return 1;
  }
  llvm_unreachable("unknown verb");
}
