//===- Commands.cpp - From a verb to its function -------------------------===//
//
// The switch that every verb of the table passes through.
//
//===----------------------------------------------------------------------===//

#include "compiler/commands/Commands.h"

#include "llvm/Support/ErrorHandling.h"

using namespace attn;

int attn::runCommand(const Invocation &invocation) {
  switch (invocation.verb) {
  case Verb::Bench:
    return benchCommand(invocation);
  case Verb::Compile:
    return compileCommand(invocation);
  case Verb::Explain:
    return explainCommand(invocation);
  case Verb::Import:
    return importCommand(invocation);
  case Verb::PackWeights:
    return packWeightsCommand(invocation);
  case Verb::Replay:
    return replayCommand(invocation);
  case Verb::Run:
    return runKernelCommand(invocation);
  case Verb::Verify:
    return verifyCommand(invocation);
  }
  llvm_unreachable("unknown verb");
}
