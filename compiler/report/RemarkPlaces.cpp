//===- RemarkPlaces.cpp - Where a remark is shown -------------------------===//
//
// Each line gets a score. The place in the input weighs most: names that a
// remark quotes may be those of an obstacle. All operations of an imported
// layer come from one place, so there the names decide.
//
//===----------------------------------------------------------------------===//

#include "compiler/report/RemarkPlaces.h"

#include "mlir/IR/Location.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

using namespace attn;
using namespace attn::report;
using namespace mlir;

/// The places in files that `location` was made of.
static SmallVector<FileLineColLoc> placesOf(LocationAttr location) {
  SmallVector<FileLineColLoc> places;
  if (location)
    location.walk([&](Attribute part) {
      if (auto place = dyn_cast<FileLineColLoc>(part))
        places.push_back(place);
      return WalkResult::advance();
    });
  return places;
}

static bool quotes(StringRef text, StringRef name) {
  return text.contains(("'" + name + "'").str());
}

/// How well a remark suits a line of its function; the head of a function is
/// worse than anything in it. 0: not at all.
static int scoreOf(const SitedRemark &sited, ArrayRef<FileLineColLoc> places,
                   const StageLine &line, bool isHead, bool isNew) {
  StringRef text = sited.remark.text;
  if (sited.function.empty())
    return isHead && quotes(text, line.symbol) ? 1 : 0;
  if (line.symbol != sited.function)
    return 0;
  if (isHead)
    return 1;
  bool isRewritten = sited.remark.kind == "done" && isNew;
  bool isFromThere =
      llvm::any_of(placesOf(line.location), [&](FileLineColLoc place) {
        return llvm::is_contained(places, place);
      });
  return 2 + 8 * isFromThere + 4 * quotes(text, line.op) + 2 * isRewritten;
}

std::optional<size_t> report::placeRemark(const SitedRemark &sited,
                                          const StageText &text,
                                          const std::vector<bool> &isNew) {
  SmallVector<FileLineColLoc> places = placesOf(sited.location);
  std::optional<size_t> best;
  // Of equals, one that is not inside another, and of those the last.
  std::pair<int, int> bestRank = {0, 0};
  StringRef symbol;
  for (auto [index, line] : llvm::enumerate(text.lines)) {
    if (line.op.empty() || line.symbol.empty())
      continue;
    bool isHead = line.symbol != symbol;
    symbol = line.symbol;
    int score = scoreOf(sited, places, line, isHead, isNew[index]);
    int indent = int(line.text.size() - StringRef(line.text).ltrim().size());
    if (score == 0 || (best && std::pair(score, -indent) < bestRank))
      continue;
    best = index;
    bestRank = {score, -indent};
  }
  return best;
}
