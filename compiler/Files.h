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
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

#include <memory>
#include <optional>

namespace attn {

/// The bytes of the file at `path`, not necessarily followed by a zero. The
/// error does not name the path.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readFile(llvm::StringRef path);

/// A file that appears whole or not at all: it is written beside its place and
/// then moved there. Errors do not name the path.
class PendingFile {
public:
  /// Writes what `writer` prints; it has no place at `path` yet.
  static llvm::Expected<PendingFile>
  write(llvm::StringRef path,
        llvm::function_ref<void(llvm::raw_ostream &)> writer);

  PendingFile(PendingFile &&) = default;
  /// Leaves nothing behind unless it is kept.
  ~PendingFile();

  llvm::Error keep();

private:
  PendingFile(llvm::StringRef path, llvm::sys::fs::TempFile file)
      : path(path.str()), file(std::move(file)) {}

  std::string path;
  std::optional<llvm::sys::fs::TempFile> file;
};

} // namespace attn

#endif // COMPILER_FILES_H
