//===- Assemble.h - From compiled kernels to files --------------*- C++ -*-===//
//
// Everything after code generation: header, manifest, entries, links.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_ASSEMBLE_H
#define COMPILER_ARTIFACT_ASSEMBLE_H

#include "compiler/artifact/Artifact.h"
#include "compiler/artifact/Description.h"
#include "llvm/Support/Error.h"

namespace attn::artifact {

/// The files of `library`: NAME.h, NAME.json, one NAME.<target>.o for each
/// target, libNAME.a and, for this machine's architecture, libNAME.so. The
/// archive of any further architecture ARCH is libNAME.ARCH.a.
llvm::Expected<Artifact> assemble(const LibraryDescription &library);

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_ASSEMBLE_H
