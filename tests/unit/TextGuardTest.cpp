//===- TextGuardTest.cpp - what MLIR's parser does not survive ------------===//
//
// Affine maps are lists of dimensions and numbers, and words are whole tokens.
//
//===----------------------------------------------------------------------===//

#include "compiler/import/TextGuard.h"

#include "gtest/gtest.h"

using namespace attn;

static std::string findDanger(const std::string &text) {
  size_t offset = 0;
  return TextGuard(text).findDanger(offset);
}

static std::string repeat(const std::string &part, unsigned times) {
  std::string text;
  while (times-- > 0)
    text += part;
  return text;
}

static std::string mapOf(const std::string &results) {
  return "#m = affine_map<(d0, d1) -> (" + results + ")>";
}

TEST(TextGuardTest, PermitsDimensionsAndNumbers) {
  EXPECT_EQ(findDanger(mapOf("d1, d0")), "");
  EXPECT_EQ(findDanger(mapOf("0, d1")), "");
  EXPECT_EQ(findDanger("affine_map<() -> ()>"), "");
  EXPECT_EQ(findDanger("affine_map // of one\n < ( i )\n->// two\n(i )>"), "");
  EXPECT_EQ(findDanger("f(affine_map<(i) -> (i)>, affine_map<(i) -> ()>)"), "");
}

TEST(TextGuardTest, RefusesExpressions) {
  for (const char *results :
       {"d0 + d1", "-d0", "(d0)", "2 * d0", "d0 mod 0", "d0 floordiv 0",
        "d0 ceildiv 0", "symbol(d0)", "d0,", ", d0", "d0 d1"})
    EXPECT_NE(findDanger(mapOf(results)), "") << results;
  EXPECT_NE(findDanger("affine_map<(i)[s] -> (i)>"), "");
  EXPECT_NE(findDanger("affine_map<(i) -> (i)"), "");
  EXPECT_NE(findDanger("affine_map"), "");
  EXPECT_NE(findDanger("affine_map // <"), "");
  EXPECT_NE(findDanger("affine_set<(i) : (i >= 0)>"), "");
}

TEST(TextGuardTest, RefusesLongAndDeepMaps) {
  EXPECT_NE(findDanger(mapOf("d0" + repeat(" + d0", 1000000))), "");
  EXPECT_NE(findDanger(mapOf(repeat("(", 1000000))), "");
  EXPECT_NE(findDanger(mapOf(repeat("-", 1000000))), "");
  EXPECT_EQ(findDanger(mapOf("d0" + repeat(", d0", 31))), "");
  EXPECT_NE(findDanger(mapOf("d0" + repeat(", d0", 32))), "");
}

TEST(TextGuardTest, ReadsWholeWords) {
  for (const char *name :
       {"@affine_map", "@my_affine_map", "%affine_map", "#affine_map",
        "affine_maps", "my.affine_map", "\"affine_map\"", "// affine_map",
        "x1affine_map", "affine_map.x", "@affine_set"})
    EXPECT_EQ(findDanger(name), "") << name;
  // Numbers end where a letter begins that none has.
  for (const char *tokens :
       {"#1affine_map", "1.0e5affine_map", "a-affine_map", "%0affine_set"})
    EXPECT_NE(findDanger(tokens), "") << tokens;
}

TEST(TextGuardTest, AliasesOfMapsNestNothing) {
  std::string aliases;
  for (unsigned i = 0; i < 1000; ++i)
    aliases += "#m" + std::to_string(i) + " = affine_map<(i) -> (i)>\n";
  EXPECT_EQ(findDanger(aliases), "");
  EXPECT_NE(findDanger(repeat("#a = [[]]\n", 1000)), "");
}
