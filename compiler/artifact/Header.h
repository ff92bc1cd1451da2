//===- Header.h - NAME.h ----------------------------------------*- C++ -*-===//
//
// The C header of a compiled folder: self-contained, C11 and C++17.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_HEADER_H
#define COMPILER_ARTIFACT_HEADER_H

#include "compiler/artifact/Description.h"

#include <string>

namespace attn::artifact {

/// The text of NAME.h.
std::string writeHeader(const LibraryDescription &library);

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_HEADER_H
