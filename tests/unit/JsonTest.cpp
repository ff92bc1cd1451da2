//===- JsonTest.cpp - positions in JSON documents -------------------------===//
//
// Lines and columns of keys, spellings of values, and what is refused before
// anything recurses.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/Json.h"

#include "gtest/gtest.h"

using namespace attn;

static std::unique_ptr<JsonDocument> parse(llvm::StringRef text) {
  TextError error;
  std::unique_ptr<JsonDocument> document = JsonDocument::parse(text, error);
  EXPECT_TRUE(document) << error.message;
  return document;
}

static TextError parseError(llvm::StringRef text) {
  TextError error;
  EXPECT_FALSE(JsonDocument::parse(text, error));
  return error;
}

TEST(JsonTest, FindsKeysByLineAndColumn) {
  auto document = parse("{\"a\": 1,\n  \"b\" : {\"c\": [10, {\"d\": null}]}}");
  EXPECT_EQ(document->position({"a"}).line, 1u);
  EXPECT_EQ(document->position({"a"}).column, 2u);
  EXPECT_EQ(document->position({"b"}).line, 2u);
  EXPECT_EQ(document->position({"b"}).column, 3u);
  EXPECT_EQ(document->position({"b", "c", "0"}).column, 16u);
  EXPECT_EQ(document->position({"b", "c", "1", "d"}).column, 21u);
}

TEST(JsonTest, SpellsValuesAsWritten) {
  auto document = parse("{\"a\": 1.50 , \"b\": \"x\\\"}\",\"c\":[ 1 ]\n}");
  EXPECT_EQ(document->spelling({"a"}), "1.50");
  EXPECT_EQ(document->spelling({"b"}), "\"x\\\"}\"");
  EXPECT_EQ(document->spelling({"c"}), "[ 1 ]");
  EXPECT_EQ(document->spelling({"c", "0"}), "1");
  EXPECT_EQ(document->spelling({"d"}), "");
}

TEST(JsonTest, KeepsKeysWithSeparatorsApart) {
  auto document = parse("{\"a/b\": 1, \"a\": {\"b\": 2}, \"a.b\": 3}");
  EXPECT_EQ(document->spelling({"a/b"}), "1");
  EXPECT_EQ(document->spelling({"a", "b"}), "2");
}

TEST(JsonTest, RefusesRepeatedKeysHoweverWritten) {
  EXPECT_EQ(parseError("{\"a\": 1, \"a\": 2}").where.column, 10u);
  EXPECT_EQ(parseError("{\"a\": 1, \"\\u0061\": 2}").message,
            "a: key is given twice");
}

TEST(JsonTest, BoundsNesting) {
  std::string deepest(JsonDocument::kMaxDepth - 1, '[');
  std::string closed(JsonDocument::kMaxDepth - 1, ']');
  parse("{\"a\": " + deepest + closed + "}");
  EXPECT_EQ(parseError("{\"a\": [" + deepest + closed + "]}").where.column,
            7u + JsonDocument::kMaxDepth - 1);
  EXPECT_EQ(parseError(std::string(100000, '{')).where.column, 257u);
}

TEST(JsonTest, DoesNotCountBracketsInStrings) {
  parse("{\"a\": \"" + std::string(1000, '[') + "\\\"{\"}");
}

TEST(JsonTest, EveryPrefixOfADocumentIsAnErrorAndNotACrash) {
  std::string text = "{\"a\": [1, {\"b\": \"c\\n\"}, null], \"d\": -1.5e3}";
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(parseError(text.substr(0, size)).message.empty());
}
