// At which line of a stage a remark is shown.

#include "compiler/report/RemarkPlaces.h"

#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"
#include <gtest/gtest.h>

using namespace attn;
using namespace attn::report;

namespace {
class RemarkPlacesTest : public testing::Test {
protected:
  RemarkPlacesTest() {
    add("  func.func @f(%query) {", "func.func", "f", 1);
    add("    %s = attn.score %query", "attn.score", "f", 2);
    add("    %p = attn.softmax %s", "attn.softmax", "f", 3);
    add("      %c = arith.constant", "arith.constant", "f", 3);
    add("    %o = attn.weighted_sum %p", "attn.weighted_sum", "f", 4);
    add("  }", "", "f", 1);
    add("  func.func @g(%query) {", "func.func", "g", 5);
    add("    %s = attn.score %query", "attn.score", "g", 6);
  }

  mlir::LocationAttr at(unsigned line) {
    return mlir::FileLineColLoc::get(&context, "x.mlir", line, 1);
  }

  void add(std::string line, std::string op, std::string symbol,
           unsigned number) {
    text.lines.push_back(
        {std::move(line), std::move(op), std::move(symbol), at(number)});
    isNew.push_back(false);
  }

  std::optional<size_t> place(const std::string &kind,
                              const std::string &remark,
                              const std::string &function, unsigned line) {
    return placeRemark({{"attn-pass", kind, remark}, function, at(line)}, text,
                       isNew);
  }

  mlir::MLIRContext context;
  StageText text;
  std::vector<bool> isNew;
};
} // namespace

TEST_F(RemarkPlacesTest, FollowsTheLocation) {
  EXPECT_EQ(place("missed", "rows differ", "f", 2), 1u);
  EXPECT_EQ(place("missed", "rows differ", "f", 4), 4u);
}

TEST_F(RemarkPlacesTest, FollowsFusedLocations) {
  text.lines[4].location = mlir::FusedLoc::get(
      &context, {mlir::Location(at(9)), mlir::Location(at(4))});
  EXPECT_EQ(place("missed", "rows differ", "f", 9), 4u);
}

TEST_F(RemarkPlacesTest, PrefersTheNamedOperation) {
  EXPECT_EQ(place("done", "'attn.score' reads groups", "f", 99), 1u);
  EXPECT_EQ(place("done", "'attn.score' reads groups", "g", 99), 7u);
}

TEST_F(RemarkPlacesTest, DoesNotFollowTheNameOfAnObstacle) {
  EXPECT_EQ(place("missed", "'attn.score' is needed too", "f", 4), 4u);
}

TEST_F(RemarkPlacesTest, PrefersWhatIsNewAfterARewrite) {
  isNew[2] = true;
  EXPECT_EQ(place("done", "joined", "f", 99), 2u);
  EXPECT_EQ(place("missed", "cannot be joined", "f", 99), 4u);
}

TEST_F(RemarkPlacesTest, PrefersTheOuterOperation) {
  EXPECT_EQ(place("missed", "stands alone", "f", 3), 2u);
}

TEST_F(RemarkPlacesTest, FindsTheFunctionThatItNames) {
  EXPECT_EQ(place("done", "wrote 2 layers as 'g'", "", 99), 6u);
}

TEST_F(RemarkPlacesTest, HasNoPlaceForTheRest) {
  EXPECT_EQ(place("done", "joined", "h", 2), std::nullopt);
  EXPECT_EQ(place("done", "joined", "", 2), std::nullopt);
}
