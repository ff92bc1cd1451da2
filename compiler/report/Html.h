//===- Html.h - Text as HTML ------------------------------------*- C++ -*-===//
//
// Whatever a model's files say is text and stays text.
//
//===----------------------------------------------------------------------===//

#ifndef COMPILER_REPORT_HTML_H
#define COMPILER_REPORT_HTML_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace attn::report {

/// `text` for an element or a quoted attribute; bytes that are no UTF-8 become
/// U+FFFD, control characters that HTML forbids too.
std::string escapeHtml(llvm::StringRef text);

/// The first `most` bytes of `text`, with what is left out counted behind them.
std::string shorten(llvm::StringRef text, size_t most);

/// `page` with each {{key}} replaced by what `value` gives for it; what is put
/// in is not read again.
std::string
fillTemplate(llvm::StringRef page,
             llvm::function_ref<std::string(llvm::StringRef)> value);

/// The SHA-256 of the text of the only script of `page`, as a content security
/// policy names it.
std::string hashScript(llvm::StringRef page);

/// A sequence of pieces that are left out, and counted, beyond a number of
/// bytes.
class CappedHtml {
public:
  explicit CappedHtml(size_t mostBytes) : mostBytes(mostBytes) {}

  void add(llvm::StringRef piece);
  bool isEmpty() const { return text.empty() && !leftOut; }
  size_t countLeftOut() const { return leftOut; }
  const std::string &str() const { return text; }

private:
  size_t mostBytes, leftOut = 0;
  std::string text;
};

} // namespace attn::report

#endif // COMPILER_REPORT_HTML_H
