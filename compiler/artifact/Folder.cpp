//===- Folder.cpp - The compiled folder on disk ---------------------------===//
//
// The manifest lists the files that a compile wrote; a folder with any other
// file is its owner's.
//
//===----------------------------------------------------------------------===//

#include "compiler/KernelLibrary.h"
#include "compiler/artifact/Artifact.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <fmt/format.h>

using namespace attn;
using llvm::StringRef;

static std::string whyNotCompiled(StringRef directory) {
  if (!findManifest(directory))
    return "is not empty and holds no manifest of attnc; choose another, or "
           "remove it";
  auto library = KernelLibrary::describe(directory);
  if (!library)
    return fmt::format("is not one of this attnc; choose another, or remove "
                       "it: {}",
                       llvm::toString(library.takeError()));
  std::string foreign = findForeign(directory, [&](StringRef path) {
    return llvm::is_contained((*library)->files(),
                              llvm::sys::path::filename(path)) &&
           !llvm::sys::fs::is_directory(path);
  });
  if (foreign.empty())
    return {};
  return fmt::format("holds '{}', which attnc did not write; choose another, "
                     "or move that away",
                     foreign);
}

OutputFolder attn::compiledFolder(StringRef path) {
  return {path, whyNotCompiled};
}

llvm::LogicalResult attn::writeFolder(const Artifact &artifact,
                                      StringRef directory) {
  return compiledFolder(directory).write(artifact.files);
}
