// Marks, remarks at their lines, and what a page leaves out.

#include "compiler/report/StageHtml.h"

#include <gtest/gtest.h>

using namespace attn;
using namespace attn::report;

static RecordedStage stageOf(unsigned number, size_t lines) {
  RecordedStage stage = {.number = number,
                         .name = "graph",
                         .passes = "attn-pass",
                         .about = "the textbook",
                         .text = {}};
  for (size_t line = 0; line < lines; ++line)
    stage.text.lines.push_back(
        {.text = "  %s = attn.score %q", .op = "attn.score", .symbol = "f"});
  stage.isNew.resize(lines);
  stage.isGone.resize(lines);
  stage.remarks.resize(lines + 1);
  return stage;
}

static bool holds(const std::string &page, std::string_view part) {
  return page.find(part) != std::string::npos;
}

TEST(StageHtmlTest, MarksLines) {
  RecordedStage stage = stageOf(3, 2);
  stage.isNew[1] = stage.isGone[1] = true;
  std::string page = renderStages(stage, 10000);
  EXPECT_TRUE(holds(page, "<li id=\"s3-1\"><code>  %s = <b>attn.score</b> %q"));
  EXPECT_TRUE(holds(page, "<li id=\"s3-2\" class=\"new gone\">"));
  EXPECT_TRUE(holds(stageLinks(stage), "+1</span>"));
}

TEST(StageHtmlTest, ShowsRemarksAtTheirLines) {
  RecordedStage stage = stageOf(3, 1);
  stage.remarks[0] = {{"attn-pass", "missed", "rows < 'keys'"}};
  stage.remarks[1] = {{"attn-pass", "done", "of all"}};
  std::string page = renderStages(stage, 10000);
  EXPECT_TRUE(holds(page, "%q</code><p class=\"remark missed\" role=\"note\">"
                          "<span class=\"kind\">missed</span> "
                          "<code>attn-pass</code> rows &lt; &#39;keys&#39;</p>"
                          "</li>"));
  EXPECT_TRUE(holds(page, "<div class=\"loose\"><p class=\"remark done\""));
}

TEST(StageHtmlTest, EscapesWhatItShows) {
  RecordedStage stage = stageOf(0, 1);
  stage.text.lines[0] = {.text = "func.func @\"<script>\"",
                         .op = "func.func",
                         .symbol = "<script>"};
  std::string page = renderStages(stage, 10000);
  EXPECT_TRUE(holds(page, "<b>func.func</b> @&quot;&lt;script&gt;&quot;"));
  EXPECT_FALSE(holds(page, "<script>"));
}

TEST(StageHtmlTest, CutsTheLargestStagesOnly) {
  std::vector<RecordedStage> stages = {stageOf(0, 2), stageOf(1, 1000)};
  size_t most = 20000;
  std::string page = renderStages(stages, most);
  EXPECT_LE(page.size(), most);
  EXPECT_GT(page.size(), most * 3 / 4);
  EXPECT_TRUE(holds(page, "id=\"s0-2\""));
  EXPECT_TRUE(holds(page, "id=\"s1-100\""));
  EXPECT_FALSE(holds(page, "id=\"s1-1000\""));
  EXPECT_TRUE(holds(page, " of 1000 lines are left out"));
  EXPECT_FALSE(holds(page, " of 2 lines are left out"));
}

TEST(StageHtmlTest, CutsLongLines) {
  RecordedStage stage = stageOf(0, 1);
  stage.text.lines[0].text = std::string(100000, 'x');
  std::string page = renderStages(stage, 1000000);
  EXPECT_LT(page.size(), 6000u);
  EXPECT_TRUE(holds(page, "(96000 of 100000 characters are left out)"));
}
