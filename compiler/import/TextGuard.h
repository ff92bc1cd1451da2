//===- TextGuard.h - what MLIR's parser does not survive --------*- C++ -*-===//
//
// MLIR's parser recurses over brackets and over the terms of affine
// expressions, and its printer through aliases. Text that goes deeper than a
// stack bears is found before they see it.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_IMPORT_TEXTGUARD_H
#define COMPILER_IMPORT_TEXTGUARD_H

#include "llvm/ADT/StringRef.h"

#include <string>

namespace attn {

/// Walks the text of a .mlir file before MLIR's parser does.
class TextGuard {
public:
  /// Dimensions and results of an affine map.
  static constexpr unsigned kMostDims = 32;

  explicit TextGuard(llvm::StringRef text) : text(text) {}

  /// What MLIR would not survive; empty: nothing. `offset` is where.
  std::string findDanger(size_t &offset);

private:
  /// Steps over a comment, a string or a word that begins here.
  bool skipComment();
  bool skipString();
  bool skipWord(llvm::StringRef &word);

  /// Steps over `<(i, j) -> (i, 0)>`: dimensions and numbers, and nothing that
  /// is computed from them. False if there is anything else.
  bool skipMap();
  bool skipNames();
  bool skip(llvm::StringRef token);

  /// Counts a bracket; false if that nests too deep.
  bool count(char c);

  llvm::StringRef text;
  size_t at = 0;
  unsigned depth = 0, deepest = 0;
  /// Levels that aliases, each within its line, can add when they are used.
  unsigned aliasDepth = 0;
  bool inAlias = false;
};

} // namespace attn

#endif // COMPILER_IMPORT_TEXTGUARD_H
