// Text from a model stays text, and what is left out is counted.

#include "compiler/report/Html.h"

#include <gtest/gtest.h>

using namespace attn::report;

TEST(HtmlTest, EscapesWhatHtmlReads) {
  EXPECT_EQ(escapeHtml("<a href=\"x\" id='y'>&amp;"),
            "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;");
  EXPECT_EQ(escapeHtml("a\n\tb"), "a\n\tb");
}

TEST(HtmlTest, ReplacesBytesThatAreNoText) {
  EXPECT_EQ(escapeHtml(llvm::StringRef("a\0b\x1b\x7f", 5)),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(escapeHtml("\xff<"), "\xef\xbf\xbd&lt;");
  EXPECT_EQ(escapeHtml("\xc3\xa4"), "\xc3\xa4");
}

TEST(HtmlTest, Shortens) {
  EXPECT_EQ(shorten("1234", 4), "1234");
  EXPECT_EQ(shorten("12345", 4), "1234 … (1 of 5 characters are left out)");
}

TEST(HtmlTest, DoesNotReadWhatItFillsIn) {
  auto value = [](llvm::StringRef key) { return "<{{" + key.str() + "}}>"; };
  EXPECT_EQ(fillTemplate("a{{x}}b{{y-z}}", value), "a<{{x}}>b<{{y-z}}>");
  EXPECT_EQ(fillTemplate("plain", value), "plain");
}

TEST(HtmlTest, NamesTheScriptAsBrowsersDo) {
  // printf 'a' | openssl dgst -sha256 -binary | base64
  EXPECT_EQ(hashScript("<p><script>a</script>"),
            "ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=");
}

TEST(HtmlTest, LeavesOutTheRest) {
  CappedHtml html(5);
  EXPECT_TRUE(html.isEmpty());
  html.add("abc");
  html.add("def");
  html.add("g");
  EXPECT_EQ(html.str(), "abc");
  EXPECT_EQ(html.countLeftOut(), 2u);
}
