//===- CacheLayout.h - How a replay keeps caches ----------------*- C++ -*-===//
//
// In one piece, token by token or head by head, or on pages.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REPLAY_CACHELAYOUT_H
#define COMPILER_REPLAY_CACHELAYOUT_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>

namespace attn::replay {

/// How caches are laid out.
struct CacheLayout {
  /// Rows of a page; 0: each sequence has one piece.
  int64_t pageRows = 0;
  /// The rows of a head follow each other.
  bool headMajor = false;

  /// "contiguous", "head-major", "pages:16", "pages:16:head-major".
  std::string name() const;
  static std::optional<CacheLayout> parse(llvm::StringRef name);
};

} // namespace attn::replay

#endif // COMPILER_REPLAY_CACHELAYOUT_H
