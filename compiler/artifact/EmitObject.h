//===- EmitObject.h - A small LLVM module as an object ----------*- C++ -*-===//
//
// For the baseline of an architecture: entries and descriptors need no more.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_EMITOBJECT_H
#define COMPILER_ARTIFACT_EMITOBJECT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace llvm {
class Module;
}

namespace attn::artifact {

/// Gives `module` the triple and the data layout of its architecture.
llvm::Error setTarget(llvm::Module &module, llvm::StringRef triple);

/// Position-independent code for the module's triple.
llvm::Expected<std::string> emitObject(llvm::Module &module);

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_EMITOBJECT_H
