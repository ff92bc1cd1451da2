// What masks show, and that the ends never descend: blocks of rows are judged
// by their first and last row.

#include "dialects/attn/AttnAttributes.h"
#include "dialects/attn/AttnDialect.h"

#include "mlir/AsmParser/AsmParser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace attn;

namespace {
class KeyIntervalTest : public testing::Test {
protected:
  KeyIntervalTest() { context.loadDialect<AttnDialect>(); }

  MaskAttrInterface parse(StringRef text) {
    auto mask =
        dyn_cast_or_null<MaskAttrInterface>(parseAttribute(text, &context));
    EXPECT_TRUE(mask) << text.str();
    return mask;
  }

  /// The shortest mask that shows what `text` shows.
  std::string shorten(StringRef text) {
    std::string result;
    llvm::raw_string_ostream(result)
        << describeInterval(&context, parse(text).getInterval());
    return result;
  }

  MLIRContext context;
};
} // namespace

TEST_F(KeyIntervalTest, EndsDoNotDescend) {
  for (StringRef text :
       {"#attn.bidirectional", "#attn.causal", "#attn.window<left = 3>",
        "#attn.window<left = 3, right = 2>", "#attn.chunk<size = 4>",
        "#attn.prefix", "#attn.all<[#attn.prefix, #attn.window<left = 5>]>",
        "#attn.all<[#attn.chunk<size = 6>, #attn.chunk<size = 3>]>"}) {
    KeyInterval interval = parse(text).getInterval();
    for (int64_t position = -5; position < 20; ++position) {
      EXPECT_LE(interval.begin(position), interval.begin(position + 1));
      EXPECT_LE(interval.end(position, 11, 7),
                interval.end(position + 1, 11, 7));
    }
  }
}

TEST_F(KeyIntervalTest, AnIntersectionShowsWhatAllShow) {
  KeyInterval all =
      parse("#attn.all<[#attn.window<left = 6, right = 3>, "
            "#attn.chunk<size = 8>, #attn.window<left = 9>, #attn.document]>")
          .getInterval();
  EXPECT_EQ(all,
            (KeyInterval{.left = 6, .right = 1, .chunk = 8, .document = true}));
  EXPECT_EQ(all.begin(10), 8);
  EXPECT_EQ(all.begin(15), 10);
  EXPECT_EQ(all.end(10, 100), 11);
}

TEST_F(KeyIntervalTest, TheShortestMaskIsTheOneThatPeopleWrite) {
  for (StringRef text :
       {"#attn.bidirectional", "#attn.causal",
        "#attn.causal<alignment = top_left>",
        "#attn.window<left = 3, right = 1>", "#attn.window<right = 2>",
        "#attn.chunk<size = 4>", "#attn.prefix", "#attn.document",
        "#attn.all<[#attn.causal, #attn.document]>",
        "#attn.all<[#attn.prefix, #attn.window<left = 4>]>",
        "#attn.all<[#attn.chunk<size = 4>, #attn.window<left = 3>]>"})
    EXPECT_EQ(shorten(text), text.str());
  EXPECT_EQ(shorten("#attn.all<[#attn.causal, #attn.window<left = 3>]>"),
            "#attn.window<left = 3, right = 1>");
  EXPECT_EQ(shorten("#attn.all<[#attn.all<[#attn.causal]>]>"), "#attn.causal");
  EXPECT_EQ(shorten("#attn.all<[#attn.chunk<size = 8>, "
                    "#attn.chunk<size = 4>, #attn.causal]>"),
            "#attn.chunk<size = 4>");
  EXPECT_EQ(shorten("#attn.window<right = 1>"), "#attn.causal");
}
