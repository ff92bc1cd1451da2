//===- Page.cpp - The page of --report ------------------------------------===//
//
// Rows and tables are written here, page.html has all that is the same on
// every page.
//
//===----------------------------------------------------------------------===//

#include "compiler/report/Page.h"

#include "compiler/LayerNumbers.h"
#include "compiler/report/Html.h"
#include "compiler/report/StageHtml.h"
#include "llvm/ADT/STLExtras.h"

#include <fmt/format.h>

using namespace attn;
using namespace attn::report;
using llvm::StringRef;

extern "C" {
extern const char attn_report_page_begin[], attn_report_page_end[];
}

/// Bytes of one cell that tells of the user's input.
static constexpr size_t kMostCellBytes = 1000;

static std::string cell(StringRef text) {
  return "<td>" + escapeHtml(shorten(text, kMostCellBytes)) + "</td>";
}

static std::string numberCell(const std::string &number) {
  return fmt::format("<td class=\"number\">{}</td>", number);
}

static std::string headCells(llvm::ArrayRef<StringRef> heads) {
  std::string cells;
  for (StringRef head : heads)
    cells += fmt::format("<th scope=\"col\">{}</th>", std::string_view(head));
  return "<tr>" + cells + "</tr>\n";
}

/// "41 943 040", with spaces that do not break.
static std::string countCell(double count) {
  return numberCell(groupDigits(count, "\u00a0"));
}

static std::string table(StringRef caption, llvm::ArrayRef<StringRef> heads,
                         const CappedHtml &rows) {
  if (rows.isEmpty())
    return "<p class=\"quiet\">None.</p>\n";
  std::string text = fmt::format(
      "<div class=\"scroll\" tabindex=\"0\"><table>\n<caption>{}</caption>\n"
      "<thead>{}</thead>\n<tbody>\n{}</tbody></table></div>\n",
      escapeHtml(caption), headCells(heads), rows.str());
  if (rows.countLeftOut())
    text += fmt::format("<p class=\"cut\">{} more are left out, to keep the "
                        "page small.</p>\n",
                        rows.countLeftOut());
  return text;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

static std::string remarkRow(const RecordedStage &stage, size_t line,
                             const PassRemark &remark) {
  bool hasLine = line < stage.text.lines.size();
  std::string place = hasLine ? fmt::format("#s{}-{}", stage.number, line + 1)
                              : fmt::format("#stage-{}", stage.number);
  std::string name = escapeHtml(stage.name);
  if (hasLine)
    name += fmt::format(", line {}", line + 1);
  return fmt::format("<tr class=\"{0}\"><td><a href=\"{1}\">{2}</a></td>"
                     "<td><code>{3}</code></td><td class=\"kind\">{0}</td>{4}"
                     "</tr>\n",
                     remark.kind, place, name, escapeHtml(remark.pass),
                     cell(remark.text));
}

static std::string remarksTable(llvm::ArrayRef<RecordedStage> stages,
                                size_t mostBytes) {
  CappedHtml rows(mostBytes);
  for (const RecordedStage &stage : stages)
    for (auto [line, remarks] : llvm::enumerate(stage.remarks))
      for (const PassRemark &remark : remarks)
        rows.add(remarkRow(stage, line, remark));
  return table("What each pass did, what it did not do, and the number that "
               "decided; each at the operation that it speaks of.",
               {"stage", "pass", "kind", "remark"}, rows);
}

/// The kernel, and the attention that it computes where that is one of several.
static std::string spellKernel(const RecordedAttention &attention) {
  if (attention.kernel.empty() || attention.kernel == attention.function)
    return attention.function;
  return fmt::format("{} ({})", attention.kernel, attention.function);
}

static std::string rooflineTable(const PageContent &content, size_t mostBytes) {
  const std::optional<Machine> &machine = content.layers.question.machine;
  CappedHtml rows(mostBytes);
  for (const RecordedAttention &attention : content.attentions)
    for (const RooflinePoint &point : attention.points) {
      std::string layers =
          attention.layers.empty() ? "-" : spellLayers(attention.layers);
      std::string row = cell(spellKernel(attention)) + cell(layers) +
                        cell(attention.mask) + cell(std::string(point.phase)) +
                        countCell(double(point.queryLength)) +
                        countCell(double(point.kvLength)) +
                        countCell(point.flops) + countCell(point.bytes) +
                        numberCell(spellIntensity(point));
      if (machine)
        row += cell(spellBound(point, machine));
      rows.add("<tr>" + row + "</tr>\n");
    }
  llvm::SmallVector<StringRef> heads = {"kernel", "layers",  "mask",
                                        "phase",  "queries", "keys",
                                        "FLOPs",  "bytes",   "FLOP/byte"};
  if (machine)
    heads.push_back("bound by");
  return table(explainRoofline(machine), heads, rows);
}

/// The table that --print-schedule prints, with what was chosen marked.
static std::string scheduleText(StringRef schedules) {
  std::string text;
  for (StringRef line : llvm::split(schedules.rtrim(), '\n'))
    text += line.starts_with("> ") ? "<mark>" + escapeHtml(line) + "</mark>\n"
                                   : escapeHtml(line) + "\n";
  return fmt::format("<pre tabindex=\"0\">{}</pre>\n", text);
}

static std::string schedulesText(llvm::ArrayRef<std::string> schedules,
                                 size_t mostBytes) {
  CappedHtml blocks(mostBytes);
  for (const std::string &kernel : schedules)
    blocks.add(scheduleText(kernel));
  if (!blocks.countLeftOut())
    return blocks.str();
  return fmt::format("{}<p class=\"cut\">{} more are left out, to keep the "
                     "page small; --print-schedule prints them.</p>\n",
                     blocks.str(), blocks.countLeftOut());
}

static std::string layersTable(const Explanation &layers, size_t mostBytes) {
  CappedHtml rows(mostBytes);
  for (const ExplainedGroup &group : layers.groups) {
    std::string row = cell(spellLayers(group.layers)) + cell(group.description);
    for (double LayerCosts::*field :
         {&LayerCosts::parameters, &LayerCosts::kvCacheBytesPerToken})
      row += group.costs ? countCell(*group.costs.*field) : numberCell("-");
    rows.add("<tr>" + row + "</tr>\n");
  }
  return table("What the input declares; 'attnc explain' says more.",
               {"layers", "attention", "parameters of one",
                "cache bytes per token of one"},
               rows);
}

//===----------------------------------------------------------------------===//
// The page
//===----------------------------------------------------------------------===//

static StringRef pageTemplate() {
  return {attn_report_page_begin,
          size_t(attn_report_page_end - attn_report_page_begin)};
}

bool report::isPage(StringRef bytes) {
  // The first line is any page's, the second says whose it is.
  StringRef page = pageTemplate();
  size_t end = page.find('\n', page.find('\n') + 1);
  return bytes.starts_with(page.take_front(end + 1));
}

std::string report::renderPage(const PageContent &content, size_t mostBytes) {
  StringRef page = pageTemplate();
  // Tables first, a tenth each at most; stages share what they leave.
  size_t share = mostBytes / 10;
  std::string remarks = remarksTable(content.stages, share);
  std::string roofline = rooflineTable(content, share);
  std::string schedules = schedulesText(content.schedules, share);
  std::string layers = layersTable(content.layers, share);
  auto fill = [&](StringRef stages) {
    return fillTemplate(page, [&](StringRef key) -> std::string {
      if (key == "name")
        return escapeHtml(shorten(content.layers.name, kMostCellBytes));
      if (key == "summary")
        return escapeHtml(content.summary);
      if (key == "script-hash")
        return hashScript(page);
      if (key == "links")
        return stageLinks(content.stages);
      if (key == "stages")
        return stages.str();
      if (key == "remarks")
        return remarks;
      if (key == "roofline")
        return roofline;
      if (key == "schedules")
        return schedules;
      assert(key == "layers" && "page.html has no other place");
      return layers;
    });
  };
  size_t taken = fill("").size();
  return fill(
      renderStages(content.stages, mostBytes > taken ? mostBytes - taken : 0));
}
