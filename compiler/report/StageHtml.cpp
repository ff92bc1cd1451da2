//===- StageHtml.cpp - Stages as HTML -------------------------------------===//
//
// Classes say what a line is; the page decides how that looks, and on which
// side.
//
//===----------------------------------------------------------------------===//

#include "compiler/report/StageHtml.h"

#include "compiler/report/Html.h"
#include "llvm/ADT/STLExtras.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace attn;
using namespace attn::report;
using llvm::StringRef;

/// Bytes of one line: a constant tensor is one.
static constexpr size_t kMostLineBytes = 4000;
static constexpr size_t kMostRemarkBytes = 1000;
/// For what says that lines are left out.
static constexpr size_t kCutBytes = 300;

std::string report::stageLinks(llvm::ArrayRef<RecordedStage> stages) {
  std::string links;
  for (const RecordedStage &stage : stages) {
    size_t changed = llvm::count(stage.isNew, true);
    std::string count;
    if (changed)
      count = fmt::format(" <span class=\"count\">+{}</span>", changed);
    links += fmt::format("<li><a href=\"#stage-{0}\">{0} {1}{2}</a></li>\n",
                         stage.number, escapeHtml(stage.name), count);
  }
  return links;
}

//===----------------------------------------------------------------------===//
// Lines
//===----------------------------------------------------------------------===//

/// The text of a line, with its operation's name or a comment set apart.
static std::string renderText(const StageLine &line) {
  StringRef text(line.text);
  if (text.ltrim().starts_with("//"))
    return "<i>" + escapeHtml(text) + "</i>";
  std::string shown = shorten(text, kMostLineBytes);
  size_t at = line.op.empty() ? StringRef::npos : shown.find(line.op);
  if (at == StringRef::npos)
    return escapeHtml(shown);
  StringRef before = StringRef(shown).take_front(at);
  StringRef after = StringRef(shown).drop_front(at + line.op.size());
  return fmt::format("{}<b>{}</b>{}", escapeHtml(before), escapeHtml(line.op),
                     escapeHtml(after));
}

static std::string renderRemark(const PassRemark &remark) {
  return fmt::format("<p class=\"remark {0}\" role=\"note\"><span "
                     "class=\"kind\">{0}</span> <code>{1}</code> {2}</p>",
                     remark.kind, escapeHtml(remark.pass),
                     escapeHtml(shorten(remark.text, kMostRemarkBytes)));
}

static std::string renderRemarks(llvm::ArrayRef<PassRemark> remarks) {
  std::string text;
  for (const PassRemark &remark : remarks)
    text += renderRemark(remark);
  return text;
}

static std::string renderLine(const RecordedStage &stage, size_t index) {
  std::vector<StringRef> classes;
  if (stage.isNew[index])
    classes.emplace_back("new");
  if (stage.isGone[index])
    classes.emplace_back("gone");
  std::string attribute;
  if (!classes.empty())
    attribute = " class=\"" + llvm::join(classes, " ") + "\"";
  return fmt::format("<li id=\"s{}-{}\"{}><code>{}</code>{}</li>\n",
                     stage.number, index + 1, attribute,
                     renderText(stage.text.lines[index]),
                     renderRemarks(stage.remarks[index]));
}

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

/// What stands around the lines.
static std::string renderHead(const RecordedStage &stage) {
  std::string passes = stage.passes.empty() ? "the input" : stage.passes;
  std::string remarks = renderRemarks(stage.remarks.back());
  if (!remarks.empty())
    remarks = "<div class=\"loose\">" + remarks + "</div>\n";
  return fmt::format(
      "<section class=\"stage\" id=\"stage-{0}\" aria-labelledby=\"title-{0}\">"
      "\n<header><span class=\"side side-before\">before</span><span "
      "class=\"side side-after\">after</span>\n<h3 id=\"title-{0}\">{0} {1}"
      "</h3>\n<p>{2}</p>\n<p><code>{3}</code></p></header>\n{4}"
      "<ol class=\"ir\" tabindex=\"0\" aria-label=\"IR of stage {0}, {1}\">\n",
      stage.number, escapeHtml(stage.name), escapeHtml(stage.about),
      escapeHtml(passes), remarks);
}

static std::string renderStage(const RecordedStage &stage, size_t mostBytes) {
  CappedHtml lines(mostBytes);
  for (size_t index = 0; index < stage.text.lines.size(); ++index)
    lines.add(renderLine(stage, index));
  std::string text = renderHead(stage) + lines.str() + "</ol>\n";
  if (lines.countLeftOut())
    text += fmt::format(
        "<p class=\"cut\" role=\"note\">{} of {} lines are left out, to keep "
        "the page small; 'attnc compile --dump-ir DIR' writes them all.</p>\n",
        lines.countLeftOut(), stage.text.lines.size());
  return text + "</section>\n";
}

/// The largest limit per stage under which all fit into `mostBytes`.
static size_t fairShare(std::vector<size_t> sizes, size_t mostBytes) {
  llvm::sort(sizes);
  size_t left = mostBytes;
  for (size_t index = 0; index < sizes.size(); ++index) {
    size_t share = left / (sizes.size() - index);
    if (sizes[index] > share)
      return share;
    left -= sizes[index];
  }
  return mostBytes;
}

std::string report::renderStages(llvm::ArrayRef<RecordedStage> stages,
                                 size_t mostBytes) {
  std::vector<std::string> whole;
  std::vector<size_t> sizes;
  for (const RecordedStage &stage : stages) {
    whole.push_back(renderStage(stage, std::string::npos));
    sizes.push_back(whole.back().size());
  }
  size_t share = fairShare(sizes, mostBytes);
  std::string text;
  for (auto [stage, page] : llvm::zip_equal(stages, whole)) {
    size_t around = renderHead(stage).size() + kCutBytes;
    if (page.size() <= share)
      text += page;
    else
      text += renderStage(stage, share > around ? share - around : 0);
  }
  return text;
}
