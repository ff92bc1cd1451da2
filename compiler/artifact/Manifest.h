//===- Manifest.h - NAME.json -----------------------------------*- C++ -*-===//
//
// What a compiled folder holds, for programs: schema 1.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_MANIFEST_H
#define COMPILER_ARTIFACT_MANIFEST_H

#include "compiler/artifact/Description.h"

#include <string>

namespace attn::artifact {

/// The text of NAME.json. `files` are the names in the folder, ascending.
std::string writeManifest(const LibraryDescription &library,
                          llvm::ArrayRef<std::string> files);

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_MANIFEST_H
