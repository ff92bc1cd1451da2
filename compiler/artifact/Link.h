//===- Link.h - Objects, archives and shared libraries ----------*- C++ -*-===//
//
// lld and llvm-objcopy as libraries: users of attnc need no linker.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_ARTIFACT_LINK_H
#define COMPILER_ARTIFACT_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <utility>
#include <vector>

namespace attn::artifact {

/// `object` with symbols renamed, as pairs of old and new names.
llvm::Expected<std::string>
renameSymbols(llvm::StringRef object,
              llvm::ArrayRef<std::pair<std::string, std::string>> names);

/// One relocatable object out of many (ld -r), in which only `exports` are
/// global; what is undefined stays so.
llvm::Expected<std::string>
linkRelocatable(llvm::ArrayRef<llvm::StringRef> objects,
                llvm::ArrayRef<std::string> exports);

/// A shared library out of one object. `name` is its DT_SONAME.
llvm::Expected<std::string> linkShared(llvm::StringRef object,
                                       llvm::StringRef name);

/// An archive of members, as pairs of name and object, without times and
/// owners.
llvm::Expected<std::string>
writeArchive(llvm::ArrayRef<std::pair<std::string, std::string>> objects);

} // namespace attn::artifact

#endif // COMPILER_ARTIFACT_LINK_H
