//===- Report.cpp - What a replay says ------------------------------------===//
//
// A table of layouts for a person, and the same as JSON.
//
//===----------------------------------------------------------------------===//

#include "compiler/replay/Replay.h"
#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>

using namespace attn;
using namespace attn::replay;

static double sumOf(llvm::ArrayRef<double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

/// The value that `fraction` of them do not exceed.
static double quantile(std::vector<double> values, double fraction) {
  llvm::sort(values);
  return values[static_cast<size_t>(fraction *
                                    static_cast<double>(values.size() - 1))];
}

/// How far the worst row is on its way to the tolerance, of those that have a
/// finite error.
static double worstShare(const verify::Report &checked) {
  double worst = 0;
  for (const verify::CaseReport &row : checked.cases)
    if (std::isfinite(row.maxAbsError) && row.tolerance > 0)
      worst = std::max(worst, row.maxAbsError / row.tolerance);
  return worst;
}

std::string ReplayReport::toText() const {
  std::string text =
      fmt::format("{}{} for {}, {} thread{}: {} steps, {} sequences (at most "
                  "{} at once), {} "
                  "tokens, at most {} keys\n\n"
                  "{:<24}{:>12}{:>12}{:>14}{:>14}{:>14}\n",
                  kernel, layer < 0 ? "" : fmt::format(", layer {},", layer),
                  target, threads, threads == 1 ? "" : "s",
                  layouts.empty() ? 0 : layouts.front().steps.size(), sequences,
                  live, tokens, longest, "layout", "time", "tokens/s",
                  "median step", "slowest step", "one by one");
  for (const LayoutReport &layout : layouts) {
    double time = sumOf(layout.steps);
    text += fmt::format("{:<24}{:>9.1f} ms{:>12.0f}{:>11.3f} ms{:>11.3f} ms"
                        "{:>13.2f}x\n",
                        layout.layout.name(), time,
                        static_cast<double>(tokens) / time * 1e3,
                        quantile(layout.steps, 0.5), quantile(layout.steps, 1),
                        sumOf(layout.parts) / time);
  }
  text += fmt::format(
      "\nbits: {}\n",
      differences == 0
          ? std::string("equal in all layouts, and to each sequence alone")
          : fmt::format("{} results differ; {}", differences, firstDifference));
  if (checked.cases.empty())
    return text;
  text += fmt::format("float64 reference: {} rows within tolerance, {} not; "
                      "the worst is at {:.2f} of it\n",
                      checked.passed(), checked.failed(), worstShare(checked));
  for (const verify::CaseReport &row : checked.cases)
    if (!row.ok)
      text += fmt::format("  {}: {}\n", row.name, row.detail);
  return text;
}

llvm::json::Value ReplayReport::toJson() const {
  llvm::json::Array rows;
  for (const LayoutReport &layout : layouts)
    rows.push_back(llvm::json::Object{
        {"layout", layout.layout.name()},
        {"milliseconds", sumOf(layout.steps)},
        {"milliseconds_one_by_one", sumOf(layout.parts)},
        {"step_milliseconds", llvm::json::Array(layout.steps)},
        {"step_milliseconds_one_by_one", llvm::json::Array(layout.parts)}});
  llvm::json::Array wrong;
  for (const verify::CaseReport &row : checked.cases)
    if (!row.ok)
      wrong.push_back(
          llvm::json::Object{{"row", row.name}, {"detail", row.detail}});
  return llvm::json::Object{
      {"kernel", kernel},
      {"layer", layer},
      {"target", target},
      {"threads", threads},
      {"sequences", sequences},
      {"live", live},
      {"tokens", tokens},
      {"longest", longest},
      {"layouts", std::move(rows)},
      {"differences", differences},
      {"first_difference", firstDifference},
      {"checked_rows", static_cast<int64_t>(checked.cases.size())},
      {"worst_of_tolerance", worstShare(checked)},
      {"wrong_rows", std::move(wrong)}};
}
