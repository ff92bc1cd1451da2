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
#include "llvm/TargetParser/Triple.h"

namespace attn::artifact {

/// The files of `library`: NAME.h, NAME.json, one NAME.<target>.o for each
/// target, and of the first target's architecture libNAME.a and, where that is
/// the `host`'s, libNAME.so. The archive of any further architecture ARCH is
/// libNAME.ARCH.a. What every host writes has the same bytes from each.
llvm::Expected<Artifact> assemble(const LibraryDescription &library,
                                  const llvm::Triple &host);

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_ASSEMBLE_H
