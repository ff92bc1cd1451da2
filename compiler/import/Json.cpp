//===- Json.cpp - JSON documents with positions ---------------------------===//
//
// Three passes over a text: nesting is bounded, llvm::json parses (RFC 8259),
// then the text, known to be well formed, is walked once more for positions.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/Json.h"

#include "llvm/ADT/StringExtras.h"

#include <fmt/format.h>

using namespace attn;
using llvm::StringRef;

/// Ends every step of a path; a control character, which no key holds unless
/// it is written as an escape.
static constexpr char kStepEnd = '\x1f';

TextPosition attn::positionOf(StringRef text, size_t offset) {
  StringRef before = text.take_front(offset);
  size_t lineStart = before.rfind('\n') + 1; // npos + 1 is 0
  return {unsigned(before.count('\n') + 1), unsigned(offset - lineStart + 1)};
}

/// Offset of the closing quote of the string whose opening quote is at `quote`,
/// or the text's size.
static size_t endOfString(StringRef text, size_t quote) {
  for (size_t at = quote + 1; at < text.size(); ++at) {
    if (text[at] == '\\')
      ++at;
    else if (text[at] == '"')
      return at;
  }
  return text.size();
}

/// Offset of the first bracket that nests too deep, or npos.
static size_t findTooDeep(StringRef text) {
  unsigned depth = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '"')
      at = endOfString(text, at);
    else if ((c == '{' || c == '[') && ++depth > JsonDocument::kMaxDepth)
      return at;
    else if ((c == '}' || c == ']') && depth)
      --depth;
  }
  return StringRef::npos;
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

namespace attn {
/// Walks a well-formed text and notes where every key and element stands.
class JsonIndexer {
public:
  JsonIndexer(JsonDocument &document, TextError &error)
      : document(document), text(document.text), error(error) {}

  /// False, with the error set, at a key that its object already has.
  bool indexValue(const std::string &path) {
    skipSpace();
    switch (text[at]) {
    case '{':
      return indexObject(path);
    case '[':
      return indexArray(path);
    case '"':
      at = endOfString(text, at) + 1;
      return true;
    default:
      at = text.find_first_of(",]} \t\r\n", at);
      at = std::min(at, text.size());
      return true;
    }
  }

private:
  void skipSpace() { at = text.find_first_not_of(" \t\r\n", at); }

  /// After a member: steps over a comma; false at the closing bracket.
  bool hasMore() {
    skipSpace();
    return text[at++] == ',';
  }

  /// The key that `quoted` spells; "\u0061" is a second way to write "a".
  static std::string unescape(StringRef quoted) {
    if (quoted.contains('\\'))
      if (auto key = llvm::json::parse(quoted))
        return key->getAsString()->str();
    return quoted.drop_front().drop_back().str();
  }

  bool indexObject(const std::string &path) {
    ++at;
    skipSpace();
    if (text[at] == '}')
      return ++at, true;
    do {
      skipSpace();
      size_t key = at, end = endOfString(text, at);
      std::string name = unescape(text.slice(key, end + 1));
      at = text.find(':', end) + 1;
      if (!indexMember(path + name + kStepEnd, key)) {
        if (error.message.empty())
          error = {positionOf(text, key),
                   fmt::format("{}: key is given twice", name)};
        return false;
      }
    } while (hasMore());
    return true;
  }

  bool indexArray(const std::string &path) {
    ++at;
    skipSpace();
    if (text[at] == ']')
      return ++at, true;
    unsigned index = 0;
    do {
      skipSpace();
      if (!indexMember(path + llvm::utostr(index++) + kStepEnd, at))
        return false;
    } while (hasMore());
    return true;
  }

  bool indexMember(const std::string &path, size_t keyOffset) {
    skipSpace();
    auto [entry, isNew] = document.entries.try_emplace(
        path, JsonDocument::Entry{keyOffset, at, at});
    if (!isNew)
      return false;
    if (!indexValue(path))
      return false;
    // `entry` may have moved: the map grew below it.
    document.entries[path].valueEnd = at;
    return true;
  }

  JsonDocument &document;
  StringRef text;
  TextError &error;
  size_t at = 0;
};
} // namespace attn

const JsonDocument::Entry *JsonDocument::find(Path path) const {
  std::string key;
  for (StringRef step : path)
    key += step.str() + kStepEnd;
  auto entry = entries.find(key);
  return entry == entries.end() ? nullptr : &entry->second;
}

TextPosition JsonDocument::position(Path path) const {
  const Entry *entry = find(path);
  return entry ? positionOf(text, entry->keyOffset) : TextPosition();
}

StringRef JsonDocument::spelling(Path path) const {
  const Entry *entry = find(path);
  if (!entry)
    return {};
  return StringRef(text).slice(entry->valueBegin, entry->valueEnd);
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

/// What llvm::json says, in our words: its message without the position, and
/// the position by itself.
static TextError describe(llvm::Error parseError) {
  TextError result;
  llvm::handleAllErrors(
      std::move(parseError), [&](const llvm::ErrorInfoBase &info) {
        // "[line:column, byte=N]: Text"
        std::string whole = info.message();
        StringRef rest = whole;
        rest.consume_front("[");
        rest.consumeInteger(10, result.where.line);
        rest.consume_front(":");
        rest.consumeInteger(10, result.where.column);
        rest = rest.split("]: ").second;
        result.message = rest.empty() ? whole : rest.str();
        result.message.front() = llvm::toLower(result.message.front());
        result.message = "not valid JSON: " + result.message;
        // The column is that of the offending character, counted from 1, but
        // 0 at the end of an empty line.
        result.where.column = std::max(result.where.column, 1u);
      });
  return result;
}

std::unique_ptr<JsonDocument> JsonDocument::parse(StringRef text,
                                                  TextError &error) {
  error = {};
  if (text.size() > kMaxBytes) {
    error.message = fmt::format("file has {} bytes, at most {} are read",
                                text.size(), kMaxBytes);
    return nullptr;
  }
  if (text.trim().empty()) {
    error.message = "file is empty";
    return nullptr;
  }
  if (size_t offset = findTooDeep(text); offset != StringRef::npos) {
    error = {positionOf(text, offset),
             fmt::format("nested deeper than {} levels", kMaxDepth)};
    return nullptr;
  }
  auto parsed = llvm::json::parse(text);
  if (!parsed) {
    error = describe(parsed.takeError());
    return nullptr;
  }
  if (!parsed->getAsObject()) {
    error.message = "top level is not an object";
    return nullptr;
  }
  auto document = std::make_unique<JsonDocument>();
  document->text = text.str();
  document->value = std::move(*parsed);
  if (!JsonIndexer(*document, error).indexValue(""))
    return nullptr;
  return document;
}
