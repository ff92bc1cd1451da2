//===- Files.h - Files that users name --------------------------*- C++ -*-===//
//
// Reading never ends in a crash or without end: folders and devices are
// refused, and the message says which it was.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_FILES_H
#define COMPILER_FILES_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <memory>

namespace attn {

/// The bytes of the file at `path`, not necessarily followed by a zero. The
/// error does not name the path.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readFile(llvm::StringRef path);

} // namespace attn

#endif // COMPILER_FILES_H
