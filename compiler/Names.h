//===- Names.h - The name that prefixes every symbol ------------*- C++ -*-===//
//
// NAME of the call: --name, else the input's stem, made a C identifier that
// the host's assemblers and linkers leave alone; and NAME_FUNCTION.
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

/// NAME_FUNCTION, the symbol of the kernel of `function`, as a C identifier.
std::string functionSymbol(llvm::StringRef name, llvm::StringRef function);

/// The name of a tensor as a C identifier.
std::string fieldName(llvm::StringRef tensor);

} // namespace attn

#endif // COMPILER_NAMES_H
