//===- Help.cpp - Help texts, made from the tables of verbs and options ---===//
//
// A newcomer reads these first: what a verb does, how it is called, one
// example that works from the top of the repository.
//
//===----------------------------------------------------------------------===//

#include "compiler/Options.h"

#include "llvm/ADT/SmallVector.h"

#include <fmt/format.h>

using namespace attn;
using llvm::StringRef;

static constexpr size_t textWidth = 79;

std::string attn::wrapText(std::string_view text, size_t indent,
                           size_t column) {
  std::string lines;
  StringRef rest(text);
  while (!rest.empty()) {
    StringRef word;
    std::tie(word, rest) = rest.split(' ');
    bool atStart = column == indent;
    if (!atStart && column + 1 + word.size() > textWidth) {
      lines += '\n' + std::string(indent, ' ');
      column = indent;
      atStart = true;
    }
    lines += fmt::format("{}{}", atStart ? "" : " ", std::string_view(word));
    column += word.size() + !atStart;
  }
  return lines + '\n';
}

std::string attn::overviewText() {
  std::string text =
      "attnc compiles attention layers ahead of time: a model's config.json, "
      "or "
      "a file\nof the attn dialect, becomes a folder of kernels behind one C "
      "interface.\n\nusage: attnc VERB INPUT [options]\n\nverbs\n";
  for (const VerbSpec &verb : verbTable())
    text += fmt::format("  {:<14}{}\n", verb.name, verb.summary);
  text += "\nexamples\n";
  for (const VerbSpec &verb : verbTable())
    text += fmt::format("  {}\n", verb.example);
  text += "\n'attnc help VERB' explains a verb and its options; 'attnc "
          "--version' names the\nversion. Status: 0 done, 1 failed, 2 wrong "
          "usage.\n";
  return text;
}

static std::string optionLine(const OptionSpec &option) {
  std::string head = option.letter ? fmt::format("-{}, ", option.letter) : "";
  head += fmt::format("--{}{}{}", option.name, option.value.empty() ? "" : " ",
                      option.value);
  constexpr size_t column = 26;
  std::string line = fmt::format("  {:<{}}", head, column - 2);
  return line + wrapText(option.help, column, column);
}

std::string attn::helpText(Verb verb) {
  const VerbSpec &spec = specOf(verb);
  std::string text =
      fmt::format("attnc {}: {}\n\nusage: attnc {} {}{}{} [options]\n\n",
                  spec.name, spec.summary, spec.name, spec.operand,
                  spec.required.empty() ? "" : " ", spec.required);
  text += wrapText(spec.details, 0, 0) + "\noptions\n";
  for (const OptionSpec &option : optionTable()) {
    bool listed = option.refusal.empty() &&
                  option.verbs.find(spec.letter) != std::string_view::npos;
    if (!listed)
      continue;
    text += optionLine(option);
  }
  text += fmt::format("  {:<24}{}\n\nexample\n  {}\n", "-h, --help",
                      "print this text", spec.example);
  return text;
}
