//===- Names.h - The name that prefixes every symbol ------------*- C++ -*-===//
//
// NAME of the call: --name, else the input's stem, made a C identifier that
// the host's assemblers and linkers leave alone.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_NAMES_H
#define COMPILER_NAMES_H

#include "llvm/ADT/StringRef.h"

#include <string>

namespace attn {

/// NAME for the input at `path`: `chosen` unless it is empty, else the file's
/// stem, or its folder's name if the stem is "config".
std::string kernelName(llvm::StringRef path, llvm::StringRef chosen);

} // namespace attn

#endif // COMPILER_NAMES_H
