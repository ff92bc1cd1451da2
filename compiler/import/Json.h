//===- Json.h - JSON documents with positions -------------------*- C++ -*-===//
//
// llvm::json reads the values; this adds what error messages need: the line
// and column of every key and the text of every value. Nesting is limited
// before anything recurses.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_IMPORT_JSON_H
#define COMPILER_IMPORT_JSON_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/JSON.h"

#include <memory>
#include <string>

namespace attn {

/// A place in a text, both counted from 1.
struct TextPosition {
  unsigned line = 1, column = 1;
};

/// What is wrong with a text, and where.
struct TextError {
  TextPosition where;
  std::string message;
};

/// Where `offset` lies in `text`. Columns count bytes.
TextPosition positionOf(llvm::StringRef text, size_t offset);

class JsonDocument {
public:
  /// Deepest nesting that is read.
  static constexpr unsigned kMaxDepth = 256;
  /// Largest text that is read; a config.json has a few kilobytes.
  static constexpr size_t kMaxBytes = size_t(16) << 20;

  /// Reads `text`, whose top level has to be an object without repeated keys.
  /// Null, with `error` set, on failure.
  static std::unique_ptr<JsonDocument> parse(llvm::StringRef text,
                                             TextError &error);

  const llvm::json::Object &root() const { return *value.getAsObject(); }

  /// A place in the document: keys, and indices of list elements, from the
  /// root, as in {"rope_scaling", "factor"}.
  using Path = llvm::ArrayRef<llvm::StringRef>;

  bool contains(Path path) const { return find(path); }

  /// Where the key (or list element) at `path` stands.
  TextPosition position(Path path) const;

  /// The value at `path` as it is written, without surrounding space.
  llvm::StringRef spelling(Path path) const;

private:
  friend class JsonIndexer;
  struct Entry {
    size_t keyOffset, valueBegin, valueEnd;
  };

  const Entry *find(Path path) const;

  std::string text;
  llvm::json::Value value = nullptr;
  /// By path: every step followed by kStepEnd.
  llvm::StringMap<Entry> entries;
};

} // namespace attn

#endif // COMPILER_IMPORT_JSON_H
