//===- OutputFolder.h - Folders that attnc writes ---------------*- C++ -*-===//
//
// One rule for compiled folders and for dumps: a folder appears whole or not
// at all, and takes the place of nothing but an earlier one of its kind.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_OUTPUTFOLDER_H
#define COMPILER_OUTPUTFOLDER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/LogicalResult.h"

#include <string>

namespace attn {

/// A file of a folder.
struct OutputFile {
  std::string name;
  std::string bytes;
};

class OutputFolder {
public:
  /// Why a folder that is not empty may not be replaced, as the predicate of a
  /// message about it ("holds ..."); nothing if all in it is attnc's.
  using Objection = std::string (*)(llvm::StringRef directory);

  /// The folder that `path`, perhaps a link, leads to.
  OutputFolder(llvm::StringRef path, Objection objection);

  /// Fails with one message if something that may not be replaced is there.
  llvm::LogicalResult check() const;

  /// Checks, makes the folders above, and writes `files` to a temporary
  /// sibling, which is then renamed. After a failure, which is reported in one
  /// message, what was there is there and nothing else.
  llvm::LogicalResult write(llvm::ArrayRef<OutputFile> files) const;

  /// Whether both are one folder, or one would be inside the other.
  bool overlaps(const OutputFolder &other) const;

private:
  std::string path;
  /// Where `path` leads, without dots and slashes at the end.
  llvm::SmallString<256> directory;
  Objection objection;
};

/// The first name, in order, in `directory` of what is not `isOurs`, which is
/// given paths; empty if there is none.
std::string findForeign(llvm::StringRef directory,
                        llvm::function_ref<bool(llvm::StringRef)> isOurs);

} // namespace attn

#endif // COMPILER_OUTPUTFOLDER_H
