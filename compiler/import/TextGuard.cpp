//===- TextGuard.cpp - what MLIR's parser does not survive ----------------===//
//
// See TextGuard.h.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/TextGuard.h"

#include "compiler/import/Json.h"
#include "llvm/ADT/StringExtras.h"

using namespace attn;
using llvm::StringRef;

/// What MLIR's bare names are made of; a digit does not begin one.
static bool isWordCharacter(char c) {
  return llvm::isAlnum(c) || c == '_' || c == '$' || c == '.';
}

bool TextGuard::skipComment() {
  if (!text.drop_front(at).starts_with("//"))
    return false;
  at = std::min(text.find('\n', at), text.size());
  return true;
}

bool TextGuard::skipString() {
  if (text[at] != '"')
    return false;
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\')
      ++at;
  return true;
}

/// `word` is a keyword or empty: @affine_map and %affine_map are names, but in
/// #1affine_map and 1.0e5affine_map a number ends and a keyword begins.
bool TextGuard::skipWord(StringRef &word) {
  StringRef whole = text.drop_front(at).take_while(isWordCharacter);
  if (whole.empty())
    return false;
  bool isName = at > 0 && StringRef("@%#!^").contains(text[at - 1]);
  word = whole;
  if (llvm::isDigit(whole.front()))
    word = whole.take_back(StringRef("affine_map").size());
  else if (isName)
    word = {};
  at += whole.size();
  return true;
}

bool TextGuard::count(char c) {
  bool isArrow = text.drop_front(at).starts_with("->");
  if (isArrow)
    ++at;
  else if (StringRef("([{<").contains(c))
    deepest = std::max(deepest, ++depth);
  else if (StringRef(")]}>").contains(c) && depth)
    --depth;
  return depth + aliasDepth <= JsonDocument::kMaxDepth;
}

//===----------------------------------------------------------------------===//
// Affine maps
//===----------------------------------------------------------------------===//

bool TextGuard::skip(StringRef token) {
  while (at < text.size() && (llvm::isSpace(text[at]) ? ++at : skipComment()))
    continue;
  if (!text.drop_front(at).starts_with(token))
    return false;
  at += token.size();
  return true;
}

bool TextGuard::skipNames() {
  if (!skip("("))
    return false;
  for (unsigned names = 0; !skip(")"); ++names) {
    if (names == kMostDims || (names > 0 && !skip(",")))
      return false;
    skip("");
    StringRef name = text.drop_front(at).take_while(isWordCharacter);
    if (name.empty())
      return false;
    at += name.size();
  }
  return true;
}

bool TextGuard::skipMap() {
  return skip("<") && skipNames() && skip("->") && skipNames() && skip(">");
}

//===----------------------------------------------------------------------===//
// All of it
//===----------------------------------------------------------------------===//

std::string TextGuard::findDanger(size_t &offset) {
  while (at < text.size()) {
    offset = at;
    bool beginsLine = at == 0 || text[at - 1] == '\n';
    if (beginsLine && depth == 0) {
      aliasDepth += inAlias ? deepest : 0;
      inAlias = text[at] == '#' || text[at] == '!';
      deepest = 0;
    }
    StringRef word;
    if (skipWord(word)) {
      if (word == "affine_set")
        return "'affine_set' is not part of an attention layer";
      if (word == "affine_map" && !skipMap())
        return "'affine_map' is more than a list of at most " +
               std::to_string(kMostDims) +
               " dimensions and numbers, as in affine_map<(i, j) -> (j, 0)>";
      continue;
    }
    if (!skipComment() && !skipString() && !count(text[at]))
      return "nested deeper than " + std::to_string(JsonDocument::kMaxDepth) +
             " levels";
    ++at;
  }
  return {};
}
