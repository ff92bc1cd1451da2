//===- Html.cpp - Text as HTML --------------------------------------------===//
//
// Five characters are special in HTML; nothing else is.
//
//===----------------------------------------------------------------------===//

#include "compiler/report/Html.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Base64.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/SHA256.h"

#include <fmt/format.h>

using namespace attn;
using llvm::StringRef;

static StringRef entityOf(char c) {
  switch (c) {
  case '&':
    return "&amp;";
  case '<':
    return "&lt;";
  case '>':
    return "&gt;";
  case '"':
    return "&quot;";
  case '\'':
    return "&#39;";
  default:
    return {};
  }
}

std::string report::escapeHtml(StringRef text) {
  std::string result;
  for (char c : llvm::json::fixUTF8(text)) {
    StringRef entity = entityOf(c);
    bool isControl = (c >= 0 && c < ' ' && c != '\n' && c != '\t') || c == 0x7f;
    if (!entity.empty())
      result += entity;
    else if (isControl)
      result += "\xef\xbf\xbd";
    else
      result += c;
  }
  return result;
}

std::string report::shorten(StringRef text, size_t most) {
  if (text.size() <= most)
    return text.str();
  return fmt::format("{} … ({} of {} characters are left out)",
                     std::string_view(text.take_front(most)),
                     text.size() - most, text.size());
}

std::string
report::fillTemplate(StringRef page,
                     llvm::function_ref<std::string(StringRef)> value) {
  std::string result;
  while (true) {
    auto [before, rest] = page.split("{{");
    result += before;
    if (before.size() == page.size())
      return result;
    auto [key, after] = rest.split("}}");
    result += value(key);
    page = after;
  }
}

std::string report::hashScript(StringRef page) {
  StringRef script = page.split("<script>").second.split("</script>").first;
  return llvm::encodeBase64(
      llvm::SHA256::hash(llvm::arrayRefFromStringRef(script)));
}

void report::CappedHtml::add(StringRef piece) {
  // What follows a gap would be read as if it followed the rest.
  if (leftOut || text.size() + piece.size() > mostBytes)
    ++leftOut;
  else
    text += piece;
}
