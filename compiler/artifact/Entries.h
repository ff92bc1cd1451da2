//===- Entries.h - Exported functions ---------------------------*- C++ -*-===//
//
// The object that stands between an engine and generated code: NAME_core and
// its companions forward to the runtime with the kernel's descriptor.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_ENTRIES_H
#define COMPILER_ARTIFACT_ENTRIES_H

#include "compiler/artifact/Description.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace attn::artifact {

/// The symbol of one generated function in a linked object, where several
/// targets live side by side: `symbol` with the target's name before it.
std::string targetSymbol(const cpu::CpuTargetFacts &target,
                         llvm::StringRef symbol);

/// Names of the functions that `program` defines.
std::vector<std::string> functionsOf(const cpu::CpuProgram &program);

/// Whose entries: C's alone, or those of TVM-FFI as well, which only a shared
/// library has.
enum class Callers { C, CAndFfi };

/// Every global that a library exports.
std::vector<std::string> exportsOf(const LibraryDescription &library,
                                   Callers callers);

/// A relocatable object with the entries of `library` for the targets with the
/// given indices, which are of one architecture, best first. `info` is what
/// NAME_info returns.
llvm::Expected<std::string> emitEntries(const LibraryDescription &library,
                                        llvm::ArrayRef<size_t> targets,
                                        llvm::StringRef info, Callers callers);

/// Every global of the pool of threads.
std::vector<std::string> poolExportsOf(const LibraryDescription &library);

/// A relocatable object with the functions of the pool, for `triple`.
llvm::Expected<std::string> emitPoolEntries(const LibraryDescription &library,
                                            llvm::StringRef triple);

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_ENTRIES_H
