//===- Commands.h - What each verb does -------------------------*- C++ -*-===//
//
// One function per verb, in a file of its name. Each returns the exit status.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_COMMANDS_COMMANDS_H
#define COMPILER_COMMANDS_COMMANDS_H

#include "compiler/Options.h"

namespace attn {

int benchCommand(const Invocation &invocation);
int compileCommand(const Invocation &invocation);
int explainCommand(const Invocation &invocation);
int importCommand(const Invocation &invocation);
int packWeightsCommand(const Invocation &invocation);
int replayCommand(const Invocation &invocation);
int runKernelCommand(const Invocation &invocation);
int verifyCommand(const Invocation &invocation);

/// Runs the verb of `invocation`.
int runCommand(const Invocation &invocation);

} // namespace attn

#endif // COMPILER_COMMANDS_COMMANDS_H
