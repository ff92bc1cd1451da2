//===- RuntimeBytes.h - The runtime that attnc carries ----------*- C++ -*-===//
//
// Objects and header text of runtime/, embedded at build time.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_RUNTIMEBYTES_H
#define COMPILER_ARTIFACT_RUNTIMEBYTES_H

#include "llvm/ADT/StringRef.h"

namespace attn::artifact {

/// The runtime as one relocatable object for the architecture of `triple`;
/// empty if there is none.
llvm::StringRef runtimeObject(llvm::StringRef triple);

/// What a shared library has besides: the functions that TVM-FFI calls.
llvm::StringRef ffiRuntimeObject(llvm::StringRef triple);

/// What an archive has besides, for those who call it: the pool of threads.
llvm::StringRef poolRuntimeObject(llvm::StringRef triple);

/// The text of runtime/attn.h.
llvm::StringRef runtimeHeader();

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_RUNTIMEBYTES_H
